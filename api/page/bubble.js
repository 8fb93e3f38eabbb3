/** The elements of one exchange. Text of people and of the model is only ever set as text. */

export const byId = (id) => document.getElementById(id);

export function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  if (text) node.textContent = text;
  return node;
}

/** @typedef {{label: string, act: () => void}} Way how to go on from where something broke off */

export function waysRow(ways) {
  const row = element("p", "ways");
  for (const { label, act } of ways) {
    const button = element("button", "way", label);
    button.type = "button";
    button.addEventListener("click", act);
    row.append(button);
  }
  return row;
}

/** What the person said. @param {string} text */
export function userMessage(text) {
  const root = element("div", "message user");
  const bubble = element("div", "bubble");
  bubble.append(element("span", "sr-only", "你："), element("span", "text", text));
  root.append(bubble);
  return root;
}

/** What 小闲 says: dots while it thinks, a caret while it talks, then plain text. */
export class BotMessage {
  #bubble = element("div", "bubble");
  #text = document.createTextNode("");
  #body = element("div", "body");

  constructor() {
    const text = element("span", "text");
    const dots = element("span", "dots");
    dots.setAttribute("aria-hidden", "true");
    dots.append(element("i", ""), element("i", ""), element("i", ""));
    text.append(this.#text);
    this.#bubble.append(element("span", "sr-only", "小闲："), text, dots);
    this.#body.append(this.#bubble);
    this.root = element("div", "message bot");
    this.root.append(element("span", "face"), this.#body);
    this.#state = "waiting";
  }

  /** @param {"waiting" | "talking" | "whole" | "broken"} state */
  set #state(state) {
    this.root.dataset.state = state;
  }

  get text() {
    return this.#text.data;
  }

  append(piece) {
    if (!piece) return;
    this.#text.appendData(piece);
    this.#state = "talking";
  }

  /** The reply is complete. @param {string} text @param {string} [remark] */
  finish(text, remark = "") {
    this.#text.data = text;
    this.#bubble.hidden = text === "";
    this.#state = "whole";
    if (remark) this.#body.append(element("p", "remark", remark));
  }

  /**
   * The reply ended early; what was said so far stays, greyed. `alarming`: something went wrong.
   * @param {string} reason @param {Way[]} ways @param {boolean} alarming
   */
  breakOff(reason, ways, alarming) {
    this.#bubble.hidden = this.text === "";
    this.#state = "broken";
    const remark = element("p", alarming ? "remark alarming" : "remark", reason);
    this.#body.append(remark, waysRow(ways));
  }
}
