/** The reader's language. The source says everything in Chinese; a table has the English. */

import { chosenLanguage } from "./memory.js";

const CHINESE = "zh-CN";
const SAID = ["aria-label", "aria-valuetext", "placeholder", "title"];
/** What is marked with a language of its own is not the page's to translate. */
const OTHERS = "[lang]:not(html)";

/** `zh-CN` or `en`; when it changes, the window hears `languagechange`. */
export let language = CHINESE;
let words = {};
/** What was put together from a text and values, or is English: what it was made of. */
const sources = new Map();

/**
 * A text in the reader's language. What this function made before can be handed in again.
 * @param {string} text as the table has it @param {Object<string, unknown>} [values] for `{name}`
 */
export function t(text, values = {}) {
  const source = sources.get(text) ?? { text, values };
  const fill = (whole, name) => source.values[name] ?? whole;
  const told = (words[source.text] ?? source.text).replace(/\{(\w+)\}/g, fill);
  if (told !== source.text) sources.set(told, source);
  return told;
}

/** Learn the language that was chosen before. */
export async function recallLanguage() {
  if (chosenLanguage.get() === "en") await speak("en");
}

/**
 * The button that names the other language, and turns to it without loading the page anew.
 * @param {HTMLElement} button @param {() => void} onFailure hears that its words cannot be fetched
 */
export function offerOther(button, onFailure) {
  const show = () => {
    const isEnglish = language === "en";
    const [word, name, lang] = isEnglish ? ["中文", "中文", CHINESE] : ["EN", "English", "en"];
    Object.assign(button, { textContent: word, title: name, ariaLabel: name, lang });
  };
  button.addEventListener("click", () => speak(button.lang).catch(onFailure));
  window.addEventListener("languagechange", show);
  show();
}

async function speak(chosen) {
  const table = chosen === "en" ? (await import("./english.js")).ENGLISH : {};
  chosenLanguage.set(chosen);
  language = chosen;
  words = table;
  document.documentElement.lang = chosen;
  document.title = t(document.title);
  translateTexts();
  translateAttributes();
  window.dispatchEvent(new Event("languagechange"));
}

/** In place: whoever is about to press a button still finds it there. */
function translateTexts() {
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const { currentNode: node } = nodes;
    const text = node.data.trim();
    if (!text || node.parentElement.closest(OTHERS)) continue;
    const told = t(text);
    if (told !== text) node.data = node.data.replace(text, () => told);
  }
}

function translateAttributes() {
  for (const name of SAID) {
    for (const node of document.querySelectorAll(`[${name}]`)) {
      node.setAttribute(name, t(node.getAttribute(name)));
    }
  }
}
