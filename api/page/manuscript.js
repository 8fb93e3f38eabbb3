/** Prose as a book sets it: a line is a paragraph, titles stand apart. Only ever as text. */

import { byId, element } from "./bubble.js";

const TITLE = /^第[\d〇零一二三四五六七八九十百千]+[回章节卷].{0,24}$/;

export class Manuscript {
  #root = byId("manuscript");

  /** @param {import("./writing.js").Piece[]} pieces @param {boolean} busy whether more is coming */
  show(pieces, busy) {
    this.#root.setAttribute("aria-busy", String(busy));
    this.#root.replaceChildren(element("p", ""));
    for (const { own, text } of pieces) {
      this.append(own, "own");
      this.append(text);
    }
  }

  append(text, whose = "") {
    const [line, ...others] = text.split("\n");
    this.#extend(line, whose);
    for (const other of others) {
      if (this.#root.lastElementChild.textContent) this.#root.append(element("p", ""));
      this.#extend(other, whose);
    }
  }

  #extend(line, whose) {
    const paragraph = this.#root.lastElementChild;
    // The sheet indents; blanks before the first character would do it twice.
    const text = paragraph.textContent ? line : line.trimStart();
    if (!text) return;
    if (paragraph.lastElementChild?.className !== whose) paragraph.append(element("span", whose));
    paragraph.lastElementChild.append(text);
    paragraph.classList.toggle("title", TITLE.test(paragraph.textContent));
  }
}
