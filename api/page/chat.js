/** The conversation: what is sent, what comes back, what is kept when something fails. */

import { pending, session } from "./memory.js";
import { Presence } from "./presence.js";
import { OUR_FAULT, Problem, storedSession } from "./service.js";
import { streamAnswer } from "./stream.js";

/** How the service says that it does not know a session. */
const GONE = [404, 422];

export class Chat {
  #view;
  #composer;
  /** @type {AbortController | null} the turn that is being generated */
  #running = null;
  #presence = new Presence(() => this.#showState());
  /** Whether the earlier conversation, if there is one, has been looked up. */
  #started = false;
  /** How many turns of this session the page knows. */
  #turns = 0;

  constructor(view, composer) {
    this.#view = view;
    this.#composer = composer;
  }

  /** Wait for the service, then show what was said before. */
  async start() {
    if (!session.get()) this.#view.showWelcome();
    await this.#presence.wake();
    await this.#restore();
    this.#started = true;
    this.#showState();
    this.#composer.invite();
  }

  /** One turn; the text is never lost, whatever happens. @param {string} text */
  async send(text) {
    if (this.#running || !this.#open) return this.#composer.restore(text);
    const turn = new AbortController();
    const user = this.#view.addUser(text);
    const bot = this.#view.addBot();
    this.#running = turn;
    this.#showState();
    this.#view.follow();
    pending.set(text);
    try {
      await this.#receive(text, turn, bot);
    } catch (error) {
      if (this.#running === turn) this.#breakOff(error, text, user, bot);
    } finally {
      if (this.#running === turn) this.#running = null;
      this.#showState();
    }
  }

  /** Break off the reply; closing the connection stops the service too. */
  stop() {
    this.#running?.abort();
  }

  /** Leave this conversation and begin another. */
  renew() {
    const left = this.#running;
    this.#running = null;
    left?.abort();
    this.#forget();
    pending.set(null);
    this.#view.clear();
    this.#view.showWelcome();
    this.#view.announce("新的对话开始了。");
    this.#showState();
    this.#composer.invite();
  }

  async #receive(text, turn, bot) {
    const id = session.get();
    const body = id ? { message: text, session_id: id } : { message: text };
    for await (const { text: piece, answer } of streamAnswer("chat", body, turn.signal)) {
      if (this.#running !== turn) return;
      if (answer) this.#settle(answer, bot);
      else bot.append(piece);
    }
  }

  #settle(answer, bot) {
    pending.set(null);
    session.set(answer.session_id);
    const reply = answer.reply.trim();
    let remark = reply ? "" : "小闲想了想，没说出话来。";
    if (reply && answer.finish_reason === "length") remark = "话有点长，先说到这儿。";
    bot.finish(reply, remark);
    this.#view.announce(`小闲：${reply || remark}`);
    if (answer.turn > this.#turns + 1) this.#view.addDivider("前面还有几句没显示，刷新就能看到");
    this.#turns = answer.turn;
  }

  #breakOff(error, text, user, bot) {
    const stopped = error.name === "AbortError";
    const { detail, status } = error instanceof Problem ? error : new Problem(OUR_FAULT, 500);
    const reason = stopped ? "停下了，这一句小闲不会记得。" : detail;
    const label = stopped ? "再发一次" : "重试";
    bot.breakOff(reason, this.#waysOn(label, text, user, bot), !stopped);
    this.#view.announce(reason);
    if (stopped) return;
    if (status === 404 && session.get()) {
      this.#forget();
      this.#view.addDivider("之前的对话已经不在了，从这里重新开始");
    }
    if (status === 0 || status === 503) this.#presence.wake();
  }

  #waysOn(label, text, user, bot) {
    const remove = () => {
      user.remove();
      bot.root.remove();
      if (pending.get() === text) pending.set(null);
    };
    const again = async () => {
      await this.#presence.wake();
      if (this.#running || !user.isConnected) return;
      remove();
      this.send(text);
    };
    const edit = () => {
      remove();
      this.#view.showWelcome();
      this.#composer.restore(text);
      this.#composer.focus();
    };
    return [{ label, act: again }, { label: "改一改", act: edit }];
  }

  #forget() {
    session.set(null);
    this.#turns = 0;
  }

  async #restore() {
    let id = session.get();
    let turns = [];
    try {
      if (id) ({ turns } = await storedSession(id));
    } catch (problem) {
      if (session.get() !== id) return;
      if (!GONE.includes(problem.status)) return this.#offerRestore(problem);
      session.set((id = null));
    }
    // Meanwhile a new conversation may have been begun.
    if (this.#running || session.get() !== id) return;
    this.#show(turns);
    this.#giveBack(turns.at(-1)?.user);
  }

  #show(turns) {
    this.#view.clear();
    for (const { user, bot, created_at: date } of turns) {
      this.#view.addUser(user, new Date(date));
      this.#view.addBot().finish(bot);
    }
    this.#turns = turns.length;
    this.#view.follow();
    this.#view.showWelcome();
  }

  #offerRestore({ detail }) {
    const again = () => {
      if (this.#running) return;
      line.remove();
      this.#restore();
    };
    const line = this.#view.addDivider(`之前的对话没取回来。${detail}`, [{ label: "重试", act: again }]);
    this.#giveBack();
  }

  /** A message that was sent, but not answered before the page was left, can be sent again. */
  #giveBack(lastStored) {
    const text = pending.get();
    pending.set(null);
    if (text && text !== lastStored) this.#composer.restore(text);
  }

  get #open() {
    return this.#started && this.#presence.state === "ready";
  }

  #showState() {
    this.#composer.limit = this.#presence.limit;
    this.#view.status = this.#running ? "talking" : this.#presence.state;
    this.#composer.state = this.#running ? "busy" : this.#open ? "ready" : "waking";
  }
}
