/** One conversation in the side list. */

import { element, iconButton } from "./bubble.js";
import { t } from "./language.js";
import { showMoment } from "./moment.js";

/** @typedef {{session_id: string, title: string, updated_at: string, num_turns: number}} Stored */

export class Entry {
  root = element("li", "");
  /** @type {Stored} */
  stored;
  #link = element("a", "");
  #title = element("span", "");
  #moment = element("time", "");
  #turns = element("span", "");
  #more;
  /** Whether something else stands in its place: a form, a question. */
  #isTaken = false;

  /** @param {{open: () => void, more: (entry: Entry, button: Element) => void}} on */
  constructor(on) {
    this.#more = iconButton("more", "", () => on.more(this, this.#more));
    this.#link.addEventListener("click", on.open);
    this.#title.lang = "zh-CN";
    const facts = element("small", "");
    facts.append(this.#moment, " ", this.#turns);
    this.#link.append(this.#title, facts);
  }

  /** Show it as the service has it now; a finger on its way here meets the same elements. */
  show(stored) {
    const { session_id: id, title, updated_at, num_turns: count } = stored;
    this.stored = stored;
    this.#link.href = `#/c/${id}`;
    this.#title.textContent = title;
    showMoment(this.#moment, new Date(updated_at));
    this.#turns.textContent = t("· {count} 轮", { count });
    this.#more.title = this.#more.ariaLabel = t("“{title}”还能怎样", { title });
    if (!this.#isTaken && !this.#link.parentElement) this.restore();
  }

  /** Whether it is the one that is open. @param {string | null} open its id */
  mark(open) {
    if (this.stored.session_id === open) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }

  /** Until it is restored, something else stands in its place. @param {...Node} content */
  replace(...content) {
    this.#isTaken = true;
    this.root.replaceChildren(...content);
  }

  restore() {
    this.#isTaken = false;
    this.root.replaceChildren(this.#link, this.#more);
  }

  focus() {
    this.#more.focus();
  }
}
