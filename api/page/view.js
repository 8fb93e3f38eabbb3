/** The frame around the messages: status, welcome, the list, what is read aloud. */

import { byId, element, waysRow } from "./bubble.js";
import { Follower } from "./follower.js";
import { t } from "./language.js";
import { momentElement } from "./moment.js";

const QUIET_MS = 10 * 60 * 1000;
const STATUS = {
  waking: "正在醒来…",
  offline: "连不上，在重连…",
  ready: "在呢",
  talking: "正在说…",
};

export class View {
  #list = byId("messages");
  #welcome = byId("welcome");
  #follower = new Follower(byId("panel-chat"));
  #lastMoment = 0;
  #forgotten = element("div", "divider forgotten");

  constructor(on) {
    byId("renew").addEventListener("click", on.onRenew);
    for (const button of this.#welcome.querySelectorAll("button")) {
      button.addEventListener("click", () => on.onStarter(button.textContent.trim()));
    }
  }

  set status(state) {
    const status = byId("status");
    status.dataset.state = state;
    status.textContent = t(STATUS[state]);
  }

  /** Read out once, for those who cannot see the page. @param {string} text */
  announce(text) {
    byId("announcer").textContent = text;
  }

  clear() {
    this.#list.replaceChildren();
    this.#lastMoment = 0;
    byId("memory").textContent = t("这段对话还没有开始。");
    this.follow();
  }

  /** Greet where nothing is said yet: no message stands there, nor a way back to one. */
  showWelcome() {
    const bare = this.#list.querySelector(".message, .way") === null;
    if (bare) this.clear();
    this.#welcome.hidden = !bare;
  }

  /** @param {import("./exchange.js").Exchange} exchange */
  add({ user, bot }, date = new Date()) {
    byId("memory").textContent = t("它还记得多少，回答下一句时就知道。");
    this.#addMoment(date);
    this.#add(user);
    this.#add(bot.root);
  }

  /**
   * Tell how far back 小闲 remembers: so many turns, so many before them no more.
   * @param {number} turns @param {number} dropped @param {Element} [first] the first it remembers
   */
  showMemory(turns, dropped, first) {
    this.#forgotten.remove();
    const all = t("这段对话的 {turns} 轮它都记得。", { turns });
    const some = t("它还记得最近 {turns} 轮，更早的 {dropped} 轮放不下了。", { turns, dropped });
    byId("memory").textContent = dropped > 0 ? some : all;
    this.#forgotten.replaceChildren(element("p", "", t("再往上的话，它已经不记得了")));
    if (dropped > 0) first?.before(this.#forgotten);
  }

  /**
   * A line of the page itself.
   * @param {string | Node} content @param {import("./bubble.js").Way[]} [ways]
   */
  addDivider(content, ways = []) {
    const line = element("div", "divider");
    const words = element("p", "");
    words.append(content);
    line.append(words);
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
    if (time - this.#lastMoment > QUIET_MS) this.addDivider(momentElement(date));
    this.#lastMoment = time;
  }
}
