/** The conversation that is open: found again, left, begun anew. */

import { nameConversation } from "./address.js";
import { t } from "./language.js";
import { pending, session } from "./memory.js";
import { Problem } from "./service.js";
import { Talk } from "./talk.js";
import { Transcript } from "./transcript.js";

/** How the service says that it does not know a session. */
const GONE = [404, 422];

export class Chat {
  #view;
  #composer;
  #presence;
  #transcript;
  #talk;
  #on;
  /** Whether what was said before, if anything was, stands on the page. */
  #isRestored = false;

  /** @param {{stored, opened: () => void}} on another turn, another conversation */
  constructor(view, composer, presence, on) {
    this.#view = view;
    this.#composer = composer;
    this.#presence = presence;
    this.#on = on;
    this.#transcript = new Transcript(view, {
      edit: (exchange) => this.#isOpen && this.#talk.edit(exchange),
      again: (exchange) => this.#isOpen && this.#talk.again(exchange),
      choose: (exchange) => this.#transcript.keepAlternatives(exchange),
    });
    this.#talk = new Talk({ view, composer, presence, transcript: this.#transcript }, {
      change: () => this.#showState(),
      stored: on.stored,
      missed: () => this.#restore(),
    });
    presence.onChange = () => this.#showState();
  }

  /** Wait for the service, then show what was said before. @param {string | null} id of what */
  async start(id) {
    if (!id && !pending.get()) this.#view.showWelcome();
    await this.#presence.wake();
    session.set(id);
    await this.#restore();
    const { text, turn, reply } = pending.get() ?? {};
    if (reply && turn > this.#transcript.length) this.#talk.resume(text, reply);
    else this.#talk.giveBack();
  }

  /** Show another conversation, and go on with it. @param {string} id */
  async open(id) {
    if (id === session.get()) return;
    this.#talk.leave();
    this.#transcript.turnTo(id);
    await this.#restore();
  }

  /** Leave this conversation and begin another. */
  renew() {
    this.#talk.leave();
    this.#transcript.turnTo(null);
    this.#isRestored = true;
    nameConversation(null, true);
    this.#view.showWelcome();
    this.#view.announce(t("新的对话开始了。"));
    this.#showState();
    this.#on.opened();
    this.#composer.invite();
  }

  /** @param {string} text */
  send(text) {
    if (this.#isOpen) return this.#talk.send(text);
    this.#composer.restore(text);
    this.#composer.tell(t("小闲还没醒，醒了就能发。"));
  }

  stop() {
    this.#talk.stop();
  }

  async #restore() {
    const id = session.get();
    this.#isRestored = false;
    this.#showState();
    try {
      await this.#transcript.load();
    } catch (error) {
      if (session.get() === id) this.#miss(Problem.of(error));
    }
    if (session.get() !== id && session.get()) return; // Meanwhile the reader went elsewhere.
    this.#isRestored = true;
    this.#view.showWelcome();
    this.#showState();
    this.#on.opened();
    this.#composer.invite();
  }

  #miss({ status, detail }) {
    if (GONE.includes(status)) {
      this.#transcript.turnTo(null);
      nameConversation(null);
      const reason = t("那段对话找不到了：可能删掉了，也可能是在别的浏览器里聊的。");
      return this.#composer.tell(reason);
    }
    const again = () => {
      if (!this.#talk.isBusy) this.#restore();
    };
    this.#view.clear();
    const reason = t("之前的对话没取回来。{detail}", { detail });
    this.#view.addDivider(reason, [{ label: t("重试"), act: again }]);
  }

  get #isOpen() {
    return this.#isRestored && !this.#talk.isBusy && this.#presence.state === "ready";
  }

  #showState() {
    const busy = this.#talk.isBusy;
    const { limit, state } = this.#presence;
    // It is there once it knows what was said before, too.
    const present = state === "ready" && !this.#isRestored ? "waking" : state;
    this.#composer.limit = limit;
    this.#view.status = busy ? "talking" : present;
    this.#composer.state = busy ? "busy" : this.#isOpen ? "ready" : "waking";
  }
}
