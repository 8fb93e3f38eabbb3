/** The elements of one exchange. Text of people and of the model is only ever set as text. */

import { t } from "./language.js";
import { sleep } from "./service.js";

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  if (text) node.textContent = text;
  return node;
}

/** A button that shows one of the document's symbols. @param {string} label said instead of it */
export function iconButton(symbol, label, act) {
  const button = element("button", `act ${symbol}`);
  const icon = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#symbol-${symbol}`);
  icon.append(use);
  button.append(icon);
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}

/**
 * How to go on from where something broke off, after as many seconds as it has to wait.
 * @typedef {{label: string, act: () => void, wait?: number}} Way
 */

/** @param {Way[]} ways */
export function waysRow(ways) {
  const row = element("p", "ways");
  for (const { label, act, wait } of ways) {
    const button = element("button", "way", label);
    button.type = "button";
    button.addEventListener("click", act);
    row.append(button);
    if (wait > 0) countDown(button, label, wait);
  }
  return row;
}

async function countDown(button, label, seconds) {
  button.disabled = true;
  for (let left = seconds; left > 0; left -= 1) {
    button.textContent = t("{label}（{left} 秒）", { label, left });
    await sleep(1000);
  }
  button.disabled = false;
  button.textContent = label;
}

/** What the person said. @param {string} text @param {() => void} onEdit */
export function userMessage(text, onEdit) {
  const root = element("div", "message user");
  const bubble = element("div", "bubble");
  const said = element("span", "text", text);
  said.lang = "zh-CN";
  bubble.append(element("span", "sr-only", t("你：")), said);
  root.append(iconButton("edit", t("改写这一句"), onEdit), bubble);
  return root;
}

/** What 小闲 says: dots while it thinks, a caret while it talks, then plain text. */
export class BotMessage {
  #bubble = element("div", "bubble");
  #text = document.createTextNode("");
  #body = element("div", "body");
  #foot = element("div", "foot");

  constructor() {
    const text = element("span", "text");
    const dots = element("span", "dots");
    text.lang = "zh-CN";
    dots.setAttribute("aria-hidden", "true");
    dots.append(element("i", ""), element("i", ""), element("i", ""));
    text.append(this.#text);
    this.#bubble.append(element("span", "sr-only", t("小闲：")), text, dots);
    this.#body.append(this.#bubble, this.#foot);
    this.root = element("div", "message bot");
    this.root.append(element("span", "face"), this.#body);
    this.begin();
  }

  /** @param {"waiting" | "talking" | "whole" | "broken"} state */
  set #state(state) {
    this.root.dataset.state = state;
  }

  get text() {
    return this.#text.data;
  }

  /** A reply is waited for. */
  begin() {
    this.#text.data = "";
    this.#bubble.hidden = false;
    this.#foot.replaceChildren();
    this.#state = "waiting";
  }

  append(piece) {
    if (!piece) return;
    this.#text.appendData(piece);
    this.#state = "talking";
  }

  /** The reply is complete. @param {string} text @param {...Node} foot what stands beneath it */
  finish(text, ...foot) {
    this.#text.data = text;
    this.#bubble.hidden = text === "";
    const isWhole = this.root.dataset.state === "whole";
    if (!isWhole) this.#foot.replaceChildren(...foot); // Otherwise they stand there already.
    this.#state = "whole";
  }

  /**
   * The reply ended early; what was said so far stays, greyed. `alarming`: something went wrong.
   * @param {string} reason @param {Way[]} ways @param {boolean} alarming
   */
  breakOff(reason, ways, alarming) {
    this.#bubble.hidden = this.text === "";
    this.#state = "broken";
    this.#foot.replaceChildren(remark(reason, alarming), waysRow(ways));
  }
}

/** A line of the page itself beneath a message. */
export function remark(text, alarming = false) {
  return element("p", alarming ? "remark alarming" : "remark", text);
}
