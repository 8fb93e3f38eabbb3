/** When something was said, as short as it can be understood. */

import { element } from "./bubble.js";
import { language } from "./language.js";

window.addEventListener("languagechange", () => {
  for (const node of document.querySelectorAll("time")) showMoment(node, new Date(node.dateTime));
});

/** @param {Date} date @returns {HTMLTimeElement} which follows the reader's language */
export function momentElement(date) {
  const node = element("time", "");
  showMoment(node, date);
  return node;
}

/** Let an element tell another moment. @param {HTMLTimeElement} node @param {Date} date */
export function showMoment(node, date) {
  node.dateTime = date.toISOString();
  node.textContent = momentText(date, new Date());
}

function momentText(date, now) {
  if (language === "en") return englishMoment(date, now);
  const clock = `${date.getHours()}:${String(date.getMinutes()).padStart(2, "0")}`;
  const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate());
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days <= 0) return clock;
  if (days === 1) return `昨天 ${clock}`;
  const day = `${date.getMonth() + 1}月${date.getDate()}日 ${clock}`;
  return date.getFullYear() === now.getFullYear() ? day : `${date.getFullYear()}年${day}`;
}

function englishMoment(date, now) {
  const time = { hour: "numeric", minute: "2-digit" };
  const day = { ...time, month: "short", day: "numeric" };
  return date.toLocaleString("en", date.toDateString() === now.toDateString() ? time : day);
}
