/** The turns that the service has stored of this conversation, and how they stand on the page. */

import { nameConversation } from "./address.js";
import { Exchange } from "./exchange.js";
import { t } from "./language.js";
import { alternatives, session } from "./memory.js";
import { deleteSession, exportedSession, importSession, storedSession } from "./service.js";

/** @returns {import("./exchange.js").Reply} */
export const replyOf = ({ reply, finish_reason: reason, seed }) => ({
  text: reply.trim(),
  reason,
  seed,
});

export class Transcript {
  #view;
  #acts;
  /** @type {Exchange[]} */
  #exchanges = [];

  /** @param {import("./exchange.js").Acts} acts what can be done with each exchange */
  constructor(view, acts) {
    this.#view = view;
    this.#acts = acts;
  }

  get length() {
    return this.#exchanges.length;
  }

  /** What was said before the last turn, as the page shows it: the reader, 小闲, the reader … */
  get earlier() {
    const answered = this.#exchanges.slice(0, -1).filter(({ reply }) => reply.text);
    return answered.flatMap(({ text, reply }) => [text, reply.text]);
  }

  /** Begin with another conversation, or a new one. @param {string | null} id */
  turnTo(id) {
    this.forget();
    session.set(id);
    this.#view.clear();
  }

  /** The service has nothing stored any more; what stands on the page stays. */
  forget() {
    session.set(null);
    alternatives.set(null);
    this.#exchanges = [];
  }

  /** Keep, over a reload, which of the replies to the last message is shown. */
  keepAlternatives({ turn, replies, shown }) {
    alternatives.set({ session: session.get(), turn, replies, shown });
  }

  /** Show what the service has stored; throws a `Problem`. */
  async load() {
    const id = session.get();
    const { turns } = id ? await storedSession(id) : { turns: [] };
    if (session.get() !== id) return; // Meanwhile the reader went elsewhere.
    this.#view.clear();
    this.#exchanges = [];
    for (const { user, bot: reply, created_at, turn, rating, ...rest } of turns) {
      const exchange = this.add(user, new Date(created_at));
      exchange.settle(id, turn, replyOf({ reply, ...rest }), rating);
      this.#exchanges.push(exchange);
    }
    this.#showAlternatives(id);
    nameConversation(id);
    this.#view.follow();
  }

  /** A turn that is not stored yet, or will never be. @param {string} text @param {Date} [date] */
  add(text, date) {
    const exchange = new Exchange(text, this.#acts);
    this.#view.add(exchange, date);
    return exchange;
  }

  /** The service stored this turn. */
  settle(exchange, answer) {
    alternatives.set(null);
    session.set(answer.session_id);
    nameConversation(answer.session_id);
    exchange.settle(answer.session_id, answer.turn, replyOf(answer));
    this.#exchanges.push(exchange);
    this.#showMemory(answer);
  }

  /**
   * Turns that the service has stored never change. What the reader wants otherwise, another reply
   * or another message in the place of `edited`, goes on in a copy; the copy with another reply
   * takes the place of the conversation, the copy up to `edited` stands beside it.
   * @param {Exchange | null} edited
   */
  async branchOff(edited) {
    const former = session.get();
    const last = this.#exchanges.at(-1);
    if (edited) {
      const length = this.#exchanges.indexOf(edited);
      this.turnTo(length > 0 ? await copied(former, length, null) : null);
      nameConversation(session.get(), true);
    } else if (last && !last.isStored) {
      const id = await copied(former, this.length, last.reply);
      await deleteSession(former).catch(() => {}); // A double is better than nothing.
      this.turnTo(id);
    } else return;
    await this.load();
    if (edited) this.#view.addDivider(t("从这里另起了一段，原来的还在列表里"));
  }

  #showAlternatives(id) {
    const last = this.#exchanges.at(-1);
    const kept = alternatives.get();
    if (!last || kept?.session !== id || kept.turn !== last.turn) return;
    last.replies = [last.reply, ...kept.replies.slice(1)];
    last.show(kept.shown);
  }

  #showMemory({ turn, usage }) {
    const used = usage.history_used / 2;
    const first = this.#exchanges.find((exchange) => exchange.turn === turn - used);
    this.#view.showMemory(used + 1, turn - used - 1, first?.user);
  }
}

/**
 * A new conversation of the first turns of another.
 * @param {string} id the other @param {number} length how many turns, at least one
 * @param {import("./exchange.js").Reply | null} reply instead of what the last of them has
 * @returns {Promise<string>} its id
 */
async function copied(id, length, reply) {
  const { title, turns } = await exportedSession(id);
  const kept = turns.slice(0, length);
  if (reply) {
    const { user, model, created_at } = kept.pop();
    const { text: bot, reason: finish_reason, seed } = reply;
    kept.push({ user, bot, finish_reason, model, seed, created_at });
  }
  const { session_id } = await importSession({ title, turns: kept });
  return session_id;
}
