/** An answer as a stream: bytes -> text -> lines -> events. */

import { t } from "./language.js";
import { Problem, post, request, sleep } from "./service.js";

/** How long to wait before each attempt to take up a stream that broke off. */
const WAITS_MS = [200, 800, 2000, 4000, 6000];
/** Who no longer knows a reply that is this young has most likely been started anew. */
const RESTARTED = 503;

/** Server-Sent Events, line by line, whatever way the text was cut into pieces. */
export class EventParser {
  #rest = "";
  #name = "";
  #id = "";
  #data = [];

  /** @param {string} text @returns {{name, id, data: string}[]} the events now complete */
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
    else if (field === "id") this.#id = value ?? "";
    else if (field === "data") this.#data.push(value ?? "");
    return null; // Comments (an empty field name) and unknown fields mean nothing here.
  }

  #dispatch() {
    const event = { name: this.#name || "message", id: this.#id, data: this.#data.join("\n") };
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
  for await (const step of stepsOf(await post(path, { ...body, stream: true }, signal))) {
    yield step;
    if (step.answer) return;
  }
  throw broken();
}

/** POST /chat as a reply that can be taken up again: `{reply}`, its id, comes before the rest. */
export async function* streamReply(body, signal) {
  const response = await post("chat", { ...body, stream: true, resumable: true }, signal);
  yield* followed(response, { reply: null, seen: "" }, signal);
}

/** A reply that goes on, or was just said, from its beginning. @param {string} reply its id */
export async function* resumeReply(reply, signal) {
  yield* followed(await reopen({ reply, seen: "" }, signal), { reply, seen: "" }, signal);
}

/** The steps of a reply; where the connection breaks, it is taken up behind what was `seen`. */
async function* followed(response, place, signal) {
  for (let attempt = 0; ; ) {
    try {
      for await (const step of stepsOf(response ?? (await reopen(place, signal)))) {
        attempt = 0;
        place.seen = step.id;
        place.reply = step.reply ?? place.reply;
        yield step;
        if (step.answer) return;
      }
      throw broken();
    } catch (error) {
      const lost = error instanceof Problem && error.status === 0;
      if (!lost || !place.reply || attempt === WAITS_MS.length) throw error;
      await sleep(WAITS_MS[attempt]);
      attempt += 1;
      response = null;
    }
  }
}

async function reopen({ reply, seen }, signal) {
  const headers = seen ? { "Last-Event-ID": seen } : {};
  try {
    return await request(`chat/${reply}`, { headers, signal, cache: "no-store" });
  } catch (error) {
    if (error.status !== 404) throw error;
    throw new Problem(t("这一句没说完就断了，接不上了。再说一次吧。"), RESTARTED);
  }
}

async function* stepsOf(response) {
  try {
    for await (const { name, id, data } of readEvents(response.body)) {
      if (name === "start") yield { id, reply: JSON.parse(data).reply_id };
      else if (name === "delta") yield { id, text: JSON.parse(data).text };
      else if (name === "error") throw Problem.from(JSON.parse(data));
      else if (name === "done") yield { id, answer: JSON.parse(data) };
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw broken();
  }
}

const broken = () => new Problem(t("话说到一半，连接断了。"));
