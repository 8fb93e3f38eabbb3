/** An answer as a stream: bytes -> text -> lines -> events. */

import { Problem, post } from "./service.js";

const BROKEN = "话说到一半，连接断了。";

/** Server-Sent Events, line by line, whatever way the text was cut into pieces. */
export class EventParser {
  #rest = "";
  #name = "";
  #data = [];

  /** @param {string} text @returns {{name: string, data: string}[]} the events now complete */
  push(text) {
    // A \r at the very end may be the first half of \r\n: it waits for the next piece.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    return lines.map((line) => this.#take(line)).filter((event) => event !== null);
  }

  #take(line) {
    if (line === "") return this.#dispatch();
    const [, field, value] = line.match(/^([^:]*)(?:: ?(.*))?$/s);
    if (field === "event") this.#name = value ?? "";
    else if (field === "data") this.#data.push(value ?? "");
    return null; // Comments (an empty field name) and unknown fields mean nothing here.
  }

  #dispatch() {
    const event = { name: this.#name || "message", data: this.#data.join("\n") };
    const complete = this.#data.length > 0;
    this.#name = "";
    this.#data = [];
    return complete ? event : null;
  }
}

export async function* readEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder("utf-8");
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // `stream: true` keeps the first bytes of a character whose rest is still on its way.
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * POST /chat or /write. Yields `{text}` for each piece and at last `{answer}`, the whole answer.
 * Throws a `Problem`, or the AbortError of `signal`.
 * @param {"chat" | "write"} path @param {object} body @param {AbortSignal} signal
 */
export async function* streamAnswer(path, body, signal) {
  const response = await post(path, { ...body, stream: true }, signal);
  try {
    for await (const { name, data } of readEvents(response.body)) {
      if (name === "delta") yield { text: JSON.parse(data).text };
      else if (name === "error") throw Problem.from(JSON.parse(data));
      else if (name === "done") return yield { answer: JSON.parse(data) };
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem(BROKEN);
  }
  throw new Problem(BROKEN);
}
