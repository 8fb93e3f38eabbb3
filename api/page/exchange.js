/** One turn as the page shows it: a message, the replies to it, and what can be done with them. */

import { BotMessage, element, iconButton, remark, userMessage } from "./bubble.js";
import { copyText } from "./clipboard.js";
import { t } from "./language.js";
import { Rating } from "./rating.js";

/**
 * @typedef {{text: string, reason: "stop" | "length" | "filtered", seed: number}} Reply
 * @typedef {{edit, again, choose: (exchange: Exchange) => void}} Acts
 */

const REMARKS = {
  length: "话有点长，先说到这儿。",
  filtered: "这一句是安全规则换上的。想聊别的，换个话头就好。",
};

export class Exchange {
  /** What the service has stored is the first. @type {Reply[]} */
  replies = [];
  shown = 0;
  /** Its number in the session, from 1. */
  turn = 0;
  #on;
  #rating = null;

  /** @param {string} text @param {Acts} on */
  constructor(text, on) {
    this.text = text;
    this.#on = on;
    this.user = userMessage(text, () => on.edit(this));
    this.bot = new BotMessage();
  }

  /** @returns {Reply} */
  get reply() {
    return this.replies[this.shown];
  }

  /** Whether the service has stored the reply that is shown. */
  get isStored() {
    return this.shown === 0;
  }

  get isShown() {
    return this.user.isConnected;
  }

  remove() {
    this.user.remove();
    this.bot.root.remove();
  }

  /** The service stored this turn. @param {"up" | "down" | null} [rating] */
  settle(sessionId, turn, reply, rating = null) {
    this.turn = turn;
    this.replies = [reply];
    this.#rating = new Rating({ session_id: sessionId, turn }, rating);
    this.show(0);
  }

  /** @param {number} place among the replies */
  show(place) {
    this.shown = place;
    const more = this.isStored ? [this.#rating.more] : [];
    this.bot.finish(this.reply.text, ...this.#remarks(), this.#acts(), ...more);
  }

  /** What a screen reader is told of the reply. */
  get spoken() {
    return this.reply.text || t("小闲想了想，没说出话来。");
  }

  #remarks() {
    const { text, reason } = this.reply;
    if (!text) return [remark(this.spoken)];
    return reason in REMARKS ? [remark(t(REMARKS[reason]))] : [];
  }

  #acts() {
    const acts = element("div", "acts");
    const again = iconButton("again", t("换一个回答"), () => this.#on.again(this));
    const copy = iconButton("copy", t("复制"), () => this.#copy(copy));
    acts.append(copy, again, ...this.#pager());
    if (this.isStored) acts.append(this.#rating.thumbs);
    return acts;
  }

  #pager() {
    if (this.replies.length < 2) return [];
    const turnTo = (place) => () => {
      this.show(place);
      this.#on.choose(this);
    };
    const former = iconButton("former", t("上一个回答"), turnTo(this.shown - 1));
    const next = iconButton("next", t("下一个回答"), turnTo(this.shown + 1));
    former.disabled = this.shown === 0;
    next.disabled = this.shown === this.replies.length - 1;
    const place = element("span", "place", `${this.shown + 1}/${this.replies.length}`);
    return [former, place, next];
  }

  async #copy(button) {
    await copyText(this.reply.text, this.bot.root.querySelector(".text"));
    button.classList.add("done");
    button.setAttribute("aria-label", t("复制好了"));
  }
}
