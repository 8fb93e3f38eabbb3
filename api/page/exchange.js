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
  #remark = remark("");
  #acts = element("div", "acts");
  #place = element("span", "place");
  #copy = iconButton("copy", t("复制"), () => this.#copyReply());
  #former = iconButton("former", t("上一个回答"), () => this.#turnTo(this.shown - 1));
  #next = iconButton("next", t("下一个回答"), () => this.#turnTo(this.shown + 1));

  /** @param {string} text @param {Acts} on */
  constructor(text, on) {
    this.text = text;
    this.#on = on;
    this.user = userMessage(text, () => on.edit(this));
    this.bot = new BotMessage();
    const again = iconButton("again", t("换一个回答"), () => on.again(this));
    this.#acts.append(this.#copy, again, this.#former, this.#place, this.#next);
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
    this.#acts.append(this.#rating.thumbs);
    this.show(0);
  }

  /** In place: who turns the pages keeps the button beneath the finger. @param {number} place */
  show(place) {
    this.shown = place;
    this.#showRemark();
    this.#showPager();
    this.#copy.classList.remove("done");
    this.#copy.ariaLabel = t("复制");
    this.#rating.thumbs.hidden = this.#rating.more.hidden = !this.isStored;
    this.bot.finish(this.reply.text, this.#remark, this.#acts, this.#rating.more);
  }

  /** What a screen reader is told of the reply. */
  get spoken() {
    return this.reply.text || t("小闲想了想，没说出话来。");
  }

  #showRemark() {
    const { text, reason } = this.reply;
    this.#remark.textContent = text ? t(REMARKS[reason] ?? "") : this.spoken;
    this.#remark.hidden = this.#remark.textContent === "";
  }

  #showPager() {
    const last = this.replies.length - 1;
    this.#former.hidden = this.#place.hidden = this.#next.hidden = last === 0;
    this.#former.disabled = this.shown === 0;
    this.#next.disabled = this.shown === last;
    this.#place.textContent = `${this.shown + 1}/${last + 1}`;
  }

  #turnTo(place) {
    this.show(place);
    this.#on.choose(this);
  }

  async #copyReply() {
    await copyText(this.reply.text, this.bot.root.querySelector(".text"));
    this.#copy.classList.add("done");
    this.#copy.ariaLabel = t("复制好了");
  }
}
