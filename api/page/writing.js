/** The tab 续写: the reader writes a sentence, the novelist goes on with it. */

import { byId } from "./bubble.js";
import { copyText } from "./clipboard.js";
import { Composer, lengthOf } from "./composer.js";
import { Follower } from "./follower.js";
import { t } from "./language.js";
import { Manuscript } from "./manuscript.js";
import { opening, writing } from "./memory.js";
import { Problem, sleep } from "./service.js";
import { streamAnswer } from "./stream.js";

/** @typedef {{own: string, text: string}} Piece what the reader wrote, and what followed */

const PROMPT_CHARS = 500; // more than the model looks back at
const SENTENCE_ENDS = /[。！？…”』]$/;

const textOf = (pieces) => pieces.map(({ own, text }) => own + text).join("");

export class Writing {
  #manuscript = new Manuscript();
  #follower = new Follower(byId("panel-write"));
  #composer;
  #announce;
  /** What a reload brings back. @type {{pieces: Piece[], former: Piece[], seed: number}} */
  #kept = { pieces: [], former: [], seed: 0 };
  /** @type {AbortController | null} the writing under way */
  #running = null;
  /** For how many seconds the service wants to be left alone. */
  #patience = 0;

  constructor(announce) {
    this.#announce = announce;
    const note = "它只会照着样子往下写，读着像，别当真。";
    const words = { send: "续写", stop: "停下", note, waking: "还得等一等。", blank: true };
    this.#composer = new Composer(byId("panel-write"), opening, words, {
      send: (text) => this.#goOn(text),
      stop: () => this.#running.abort(),
      refuse: announce,
    });
    this.#listen();
    this.#restore();
    this.#show();
  }

  #listen() {
    const acts = {
      again: () => this.#again(),
      fresh: () => this.#turnTo([]),
      retrieve: () => this.#turnTo(this.#kept.former),
      copy: () => this.#copy(),
      "same-seed": () => this.#sameSeed(),
    };
    for (const id in acts) byId(id).addEventListener("click", acts[id]);
    for (const button of document.querySelectorAll("#blank button")) {
      button.addEventListener("click", () => this.#goOn(button.textContent));
    }
  }

  #goOn(typed) {
    const { pieces, former } = this.#kept;
    const apart = typed && SENTENCE_ENDS.test(textOf(pieces)) ? "\n" : "";
    this.#write({ pieces: [...pieces, { own: apart + typed, text: "" }], former }, typed);
  }

  /** Write the newest piece once more; what it was can be had back. */
  #again() {
    const former = this.#kept.pieces;
    const { own } = former.at(-1);
    this.#write({ pieces: [...former.slice(0, -1), { own, text: "" }], former });
  }

  #turnTo(pieces) {
    this.#running?.abort();
    this.#running = null;
    this.#kept = { pieces, former: this.#kept.pieces, seed: 0 };
    this.#begin();
  }

  #begin() {
    this.#composer.tell("");
    this.#show();
    this.#follower.follow();
    this.#composer.invite();
  }

  async #write({ pieces, former }, typed = "") {
    if (this.#running || this.#patience) return this.#composer.restore(typed);
    const run = (this.#running = new AbortController());
    const before = this.#kept;
    const piece = pieces.at(-1);
    const seed = Number(byId("seed").value) || Math.floor(Math.random() * 2 ** 32);
    this.#kept = { pieces, former, seed };
    this.#begin();
    const failure = await this.#receive(piece, run).catch((error) => error);
    if (this.#running !== run) return;
    this.#running = null;
    if (failure && !piece.text) {
      this.#kept = before;
      this.#composer.restore(typed);
    }
    this.#show();
    if (failure) this.#breakOff(failure);
  }

  async #receive(piece, run) {
    for await (const { text, answer } of streamAnswer("write", this.#request(), run.signal)) {
      if (this.#running !== run) return;
      if (answer) this.#settle(piece, answer);
      else this.#append(piece, text);
    }
  }

  #request() {
    const { pieces, seed } = this.#kept;
    const prompt = [...textOf(pieces)].slice(-PROMPT_CHARS).join("");
    const [length, temperature] = ["length", "temperature"].map((id) => Number(byId(id).value));
    return { prompt, max_new_chars: length, temperature, seed };
  }

  #append(piece, text) {
    piece.text += text;
    this.#manuscript.append(text);
    this.#keep();
  }

  #settle(piece, { text, finish_reason: reason }) {
    piece.text = text;
    if (reason === "filtered") this.#tell(t("再往下不大合适，就停在这儿。换一句，或者重来。"));
    else this.#announce(t("写好了，新写了 {count} 个字。", { count: lengthOf(text) }));
  }

  #breakOff(error) {
    if (error.name === "AbortError") return this.#announce(t("停下了。"));
    const { detail, retryAfter } = Problem.of(error);
    this.#tell(t("{detail}字都在，没丢。", { detail: detail.replace(/^prompt /, "") }), true);
    if (retryAfter > 0) this.#wait(retryAfter);
  }

  async #wait(seconds) {
    for (this.#patience = seconds; this.#patience > 0; this.#patience -= 1) {
      this.#composer.state = "waking";
      this.#composer.say({ send: t("{left} 秒", { left: this.#patience }) });
      await sleep(1000);
    }
    this.#tell(t("现在可以再试了。"));
    this.#show();
  }

  async #copy() {
    await copyText(textOf(this.#kept.pieces), byId("manuscript"));
    this.#tell(t("全文复制好了。"));
  }

  #sameSeed() {
    byId("seed").value = this.#kept.seed;
    this.#tell(t("记下了，下一次还用这个种子。"));
  }

  #keep() {
    writing.set(JSON.stringify(this.#kept));
  }

  #restore() {
    try {
      const kept = JSON.parse(writing.get());
      if (textOf([...kept.pieces, ...kept.former])) this.#kept = kept;
    } catch {
      // Kept by another version of this page: begin with a blank sheet.
    }
  }

  #tell(note, alarming = false) {
    this.#composer.tell(note, alarming);
    this.#announce(note);
  }

  #show() {
    const { pieces, former, seed } = this.#kept;
    const busy = this.#running !== null;
    this.#manuscript.show(pieces, busy);
    byId("blank").hidden = pieces.length > 0;
    byId("book").hidden = byId("fresh").hidden = pieces.length === 0;
    byId("tail").hidden = busy;
    const tally = "共 {count} 字，青色是你写的。种子 {seed}：沿用它，会写出同样的字。";
    byId("tally").textContent = t(tally, { count: lengthOf(textOf(pieces)), seed });
    byId("retrieve").hidden = busy || former.length === 0;
    const place = byId(pieces.length > 0 ? "ways" : "blank");
    if (byId("retrieve").parentElement !== place) place.prepend(byId("retrieve"));
    byId("opening").placeholder = pieces.length > 0 ? t("添一句，或直接接着写…") : t("写一句开头…");
    this.#composer.say({ send: pieces.length > 0 ? "接着写" : "续写" });
    this.#composer.state = busy ? "busy" : this.#patience > 0 ? "waking" : "ready";
    this.#keep();
  }
}
