/** One reply at a time: asked for, followed, stopped; and what is kept when it fails. */

import { askAgain } from "./again.js";
import { nameConversation } from "./address.js";
import { t } from "./language.js";
import { pending, sampling, session } from "./memory.js";
import { Run } from "./run.js";
import { Problem } from "./service.js";
import { resumeReply, streamReply } from "./stream.js";

/** @typedef {import("./exchange.js").Exchange} Exchange */

export class Talk {
  #view;
  #composer;
  #presence;
  #transcript;
  #on;
  /** @type {Run | null} the reply that is being generated */
  #running = null;
  /** Whose message is being written anew. @type {Exchange | null} */
  #edited = null;

  /** @param {{change, stored, missed: () => void}} on `missed`: another window said something */
  constructor({ view, composer, presence, transcript }, on) {
    this.#view = view;
    this.#composer = composer;
    this.#presence = presence;
    this.#transcript = transcript;
    this.#on = on;
  }

  get isBusy() {
    return this.#running !== null;
  }

  /** One turn; the text is never lost, whatever happens. @param {string} text */
  async send(text) {
    const run = this.#begin();
    try {
      await this.#transcript.branchOff(this.#edited);
    } catch (error) {
      this.#composer.restore(text);
      return this.#end(run, Problem.of(error).detail);
    }
    this.#edited = null;
    const id = session.get();
    const body = { ...sampling.get(), message: text, ...(id && { session_id: id }) };
    await this.#receive(run, text, streamReply(body, run.signal));
  }

  /** Take up a reply that was under way when the page was left. @param {string} reply its id */
  async resume(text, reply) {
    const run = this.#begin();
    await this.#receive(run, text, resumeReply(reply, run.signal), reply);
  }

  /** Another reply to the last message. @param {Exchange} exchange */
  async again(exchange) {
    const run = this.#begin();
    let failure = "";
    let isNew = true;
    try {
      isNew = await askAgain(run, exchange, this.#transcript.earlier);
      this.#transcript.keepAlternatives(exchange);
      this.#view.announce(t("小闲：{text}", { text: exchange.spoken }));
    } catch (error) {
      if (!run.isStopped) failure = Problem.of(error).detail;
    }
    this.#end(run, failure);
    if (!isNew) this.#composer.tell(t("它想来想去，还是这一句。"));
  }

  /** Write a message anew: it will go on from there in a conversation of its own. */
  edit(exchange) {
    this.#edited = exchange;
    this.#composer.rewrite(exchange.text, () => {
      this.#edited = null;
    });
  }

  /** Break off the reply, at the service too. */
  stop() {
    this.#running?.stop();
  }

  /** End what goes on here; a message without an answer goes back into the box. */
  leave() {
    const left = this.#running;
    this.#running = null;
    left?.leave();
    this.#composer.endRewriting();
    this.giveBack();
  }

  giveBack() {
    const { text, turn } = pending.get() ?? {};
    pending.set(null);
    if (turn > this.#transcript.length) this.#composer.restore(text);
  }

  #begin() {
    this.#running = new Run();
    this.#composer.tell("");
    this.#on.change();
    return this.#running;
  }

  /** @param {string} [failure] what to say about it */
  #end(run, failure = "") {
    if (this.#running !== run) return;
    this.#running = null;
    if (failure) {
      this.#composer.tell(failure, true);
      this.#view.announce(failure);
    }
    this.#on.change();
  }

  async #receive(run, text, steps, reply = null) {
    const exchange = this.#transcript.add(text);
    const turn = this.#transcript.length + 1;
    this.#view.follow();
    pending.set({ text, turn, reply });
    try {
      await run.follow(steps, {
        begin: (id) => pending.set({ text, turn, reply: id }),
        piece: (piece) => exchange.bot.append(piece),
        answer: (answer) => this.#settle(exchange, answer),
      });
    } catch (error) {
      if (this.#running === run) this.#breakOff(error, exchange, run.isStopped);
    }
    this.#end(run);
    if (exchange.turn > turn) this.#on.missed();
  }

  #settle(exchange, answer) {
    pending.set(null);
    this.#transcript.settle(exchange, answer);
    this.#view.announce(t("小闲：{text}", { text: exchange.spoken }));
    this.#on.stored();
  }

  #breakOff(error, exchange, stopped) {
    const problem = stopped ? new Problem(t("停下了，这一句小闲不会记得。")) : Problem.of(error);
    const { detail, status, retryAfter } = problem;
    const label = stopped ? t("再发一次") : t("重试");
    exchange.bot.breakOff(detail, this.#waysOn(label, exchange, retryAfter), !stopped);
    this.#view.announce(detail);
    if (stopped) return;
    if (status === 404 && session.get()) {
      this.#transcript.forget();
      nameConversation(null);
      this.#view.addDivider(t("之前的对话已经不在了，从这里重新开始"));
    }
    if (status === 0 || status === 503) this.#presence.wake();
  }

  #waysOn(label, exchange, wait) {
    const { text } = exchange;
    const remove = () => {
      exchange.remove();
      if (pending.get()?.text === text) pending.set(null);
    };
    const again = async () => {
      await this.#presence.wake();
      if (this.isBusy || !exchange.isShown) return;
      remove();
      this.send(text);
    };
    const edit = () => {
      remove();
      this.#view.showWelcome();
      this.#composer.restore(text);
      this.#composer.focus();
    };
    return [
      { label, act: again, wait },
      { label: t("改一改"), act: edit },
    ];
  }
}
