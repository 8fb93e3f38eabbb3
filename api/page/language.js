/** The reader's language. The source says everything in Chinese; a table has the English. */

import { chosenLanguage } from "./memory.js";

const CHINESE = "zh-CN";
const SAID = ["aria-label", "placeholder", "title"];

export const language = chosenLanguage.get() === "en" ? "en" : CHINESE;

const words = language === "en" ? (await import("./english.js")).ENGLISH : {};

/**
 * A text in the reader's language.
 * @param {string} text as the table has it @param {Object<string, unknown>} [values] for `{name}`
 */
export function t(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Say the document itself in the reader's language, but for what is marked as Chinese. */
export function translateDocument() {
  document.documentElement.lang = language;
  if (language === CHINESE) return;
  document.title = t(document.title);
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const { currentNode: node } = nodes;
    const text = node.data.trim();
    const isOurs = text && !node.parentElement.closest("[lang]:not(html)");
    if (isOurs) node.data = node.data.replace(text, () => t(text));
  }
  for (const name of SAID) {
    for (const node of document.querySelectorAll(`[${name}]`)) {
      node.setAttribute(name, t(node.getAttribute(name)));
    }
  }
}

/** The button that names the other language. @param {HTMLElement} button */
export function offerOther(button) {
  const [word, name, lang] = language === "en" ? ["中文", "中文", CHINESE] : ["EN", "English", "en"];
  Object.assign(button, { textContent: word, title: name, ariaLabel: name, lang });
  button.addEventListener("click", switchLanguage);
}

/** Say everything in the other language from now on. */
function switchLanguage() {
  chosenLanguage.set(language === "en" ? CHINESE : "en");
  location.reload();
}
