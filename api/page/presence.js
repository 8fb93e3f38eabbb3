/** Whether the service is there, and waiting for it where it is not. */

import { readiness, sleep } from "./service.js";

const FIRST_WAIT_MS = 800;
const LONGEST_WAIT_MS = 5000;

export class Presence {
  /** @type {"waking" | "offline" | "ready"} */
  state = "waking";
  /** The longest message that the service takes, in characters. */
  limit = Infinity;
  /** How the model samples where nobody chooses: `{temperature, top_k, …}`; null: not known yet. */
  defaults = null;
  /** Hears when the state changed, or was asked for again. */
  onChange = () => {};
  #asking = null;

  /** Come back when the service is ready. Callers at the same time share one asking. */
  wake() {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask() {
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
      try {
        const { max_message_chars, defaults } = await readiness();
        this.limit = max_message_chars;
        this.defaults = defaults;
        return this.#become("ready");
      } catch ({ status }) {
        this.#become(status === 0 ? "offline" : "waking");
        await sleep(wait);
      }
    }
  }

  #become(state) {
    this.state = state;
    this.onChange();
  }
}
