/** Thumbs up or down for a reply, with a reason if the reader has one. */

import { element, iconButton, remark, waysRow } from "./bubble.js";
import { t } from "./language.js";
import { Problem, rate } from "./service.js";

const REASONS = {
  up: ["说到心里了", "有意思", "说得对"],
  down: ["答非所问", "前后矛盾", "不通顺", "让人不舒服"],
};
const MAX_REASON_CHARS = 500;

export class Rating {
  #turn;
  #rating;
  #thumbs;
  /** The two thumbs, and where a reason can be given. */
  thumbs = element("span", "thumbs");
  more = element("div", "because");

  /** @param {{session_id: string, turn: number}} turn @param {"up" | "down" | null} rating */
  constructor(turn, rating) {
    this.#turn = turn;
    this.#thumbs = {
      up: iconButton("up", t("说得好"), () => this.#press("up")),
      down: iconButton("down", t("说得不好"), () => this.#press("down")),
    };
    this.thumbs.append(this.#thumbs.up, this.#thumbs.down);
    this.#show(rating);
  }

  /** A second press takes the word back. */
  async #press(pressed) {
    const rating = this.#rating === pressed ? null : pressed;
    if (!(await this.#tell({ rating }))) return;
    this.#show(rating);
    if (rating) this.more.replaceChildren(this.#question(rating));
    else this.more.replaceChildren();
  }

  async #tell(word) {
    try {
      await rate({ ...this.#turn, ...word });
      return true;
    } catch (error) {
      this.more.replaceChildren(remark(Problem.of(error).detail, true));
      return false;
    }
  }

  #show(rating) {
    this.#rating = rating;
    for (const [name, thumb] of Object.entries(this.#thumbs)) {
      thumb.setAttribute("aria-pressed", String(name === rating));
    }
  }

  #question(rating) {
    const form = element("form", "reason");
    const input = element("input", "");
    input.maxLength = MAX_REASON_CHARS;
    input.placeholder = t("为什么？不写也行");
    input.setAttribute("aria-label", t("为什么？不写也行"));
    const ways = REASONS[rating].map((reason) => ({
      label: t(reason),
      act: () => this.#explain(rating, reason),
    }));
    form.append(waysRow(ways), input, element("button", "way", t("好")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#explain(rating, input.value.trim());
    });
    return form;
  }

  async #explain(rating, reason) {
    if (reason && !(await this.#tell({ rating, reason }))) return;
    this.more.replaceChildren(remark(t("记下了，谢谢。")));
  }
}
