/** One reply under way: followed to its end, stopped, or left. */

import { stopReply } from "./service.js";

export class Run {
  #control = new AbortController();
  #reply = null;
  /** Whether the reader wanted it to end. */
  isStopped = false;

  get signal() {
    return this.#control.signal;
  }

  /**
   * Hand on each step of the stream until the run is left.
   * @param {AsyncIterable<{reply?: string, text?: string, answer?: object}>} steps
   * @param {{begin?: Function, piece: Function, answer: Function}} on
   */
  async follow(steps, on) {
    for await (const { reply, text, answer } of steps) {
      this.signal.throwIfAborted();
      if (reply) {
        this.#reply = reply;
        on.begin?.(reply);
      } else if (answer) on.answer(answer);
      else on.piece(text);
    }
  }

  /** Let the service stop, which then tells how it ended; if it cannot be told, hang up. */
  stop() {
    this.isStopped = true;
    if (this.#reply) stopReply(this.#reply).catch(() => this.#control.abort());
    else this.#control.abort();
  }

  /** Stop, and hear nothing more. */
  leave() {
    this.stop();
    this.#control.abort();
  }
}
