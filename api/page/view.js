/** The frame around the messages: status, welcome, the list, what is read aloud. */

import { BotMessage, byId, element, userMessage, waysRow } from "./bubble.js";
import { Follower } from "./follower.js";

const QUIET_MS = 10 * 60 * 1000;
const STATUS = {
  waking: "正在醒来…",
  offline: "连不上，正在重试…",
  ready: "在呢",
  talking: "正在说…",
};

/** @param {Date} date @param {Date} now @returns {string} as short as it can be understood */
export function momentText(date, now = new Date()) {
  const clock = `${date.getHours()}:${String(date.getMinutes()).padStart(2, "0")}`;
  const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate());
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days <= 0) return clock;
  if (days === 1) return `昨天 ${clock}`;
  const day = `${date.getMonth() + 1}月${date.getDate()}日 ${clock}`;
  return date.getFullYear() === now.getFullYear() ? day : `${date.getFullYear()}年${day}`;
}

export class View {
  #list = byId("messages");
  #welcome = byId("welcome");
  #follower = new Follower(byId("panel-chat"));
  #lastMoment = 0;

  constructor(on) {
    byId("renew").addEventListener("click", on.onRenew);
    for (const button of this.#welcome.querySelectorAll("button")) {
      button.addEventListener("click", () => on.onStarter(button.textContent.trim()));
    }
  }

  set status(state) {
    const status = byId("status");
    status.dataset.state = state;
    status.textContent = STATUS[state];
  }

  /** Read out once, for those who cannot see the page. @param {string} text */
  announce(text) {
    byId("announcer").textContent = text;
  }

  clear() {
    this.#list.replaceChildren();
    this.#lastMoment = 0;
    this.follow();
  }

  /** Greet where nothing is said yet: no message stands there, nor a way back to one. */
  showWelcome() {
    const bare = this.#list.querySelector(".message, .way") === null;
    if (bare) this.clear();
    this.#welcome.hidden = !bare;
  }

  addUser(text, date = new Date()) {
    this.#addMoment(date);
    return this.#add(userMessage(text));
  }

  addBot() {
    const message = new BotMessage();
    this.#add(message.root);
    return message;
  }

  /** A line of the page itself. @param {string} text @param {import("./bubble.js").Way[]} [ways] */
  addDivider(text, ways = []) {
    const line = element("div", "divider");
    line.append(element("p", "", text));
    if (ways.length > 0) line.append(waysRow(ways));
    return this.#add(line);
  }

  /** Go to the end and stay there. */
  follow() {
    this.#follower.follow();
  }

  #add(node) {
    this.#welcome.hidden = true;
    this.#list.append(node);
    return node;
  }

  #addMoment(date) {
    const time = date.getTime();
    if (!Number.isFinite(time)) return;
    if (time - this.#lastMoment > QUIET_MS) this.addDivider(momentText(date));
    this.#lastMoment = time;
  }
}
