/** The input box: growing, counting, and sending only what is meant to be sent. */

import { t } from "./language.js";

const AFTER_COMPOSITION_MS = 60;
const COUNT_FROM = 0.8;

/** Characters as the service counts them: code points, not UTF-16 units. */
export function lengthOf(text) {
  return [...text].length;
}

/**
 * On the button, beneath it, and why nothing can be sent yet, all as the table of the language has
 * them; `blank`: an empty box may be sent.
 * @typedef {{send, stop, note, waking: string, blank: boolean}} Words
 */

export class Composer {
  #input;
  #button;
  #note;
  #draft;
  #words = { blank: false };
  #told = { note: "", alarming: false };
  #touch = matchMedia("(pointer: coarse)");
  #composedAt = -Infinity;
  #limit = Infinity;
  #rewriting;
  /** What was in the box before an earlier message came into it. */
  #aside = "";
  #onCancel = null;
  #on;
  /** @type {"waking" | "ready" | "busy"} */
  #state = "waking";

  /** @param {Words} words @param {{send: Function, stop: Function, refuse: Function}} on */
  constructor(panel, draft, words, on) {
    this.#input = panel.querySelector(".composer textarea");
    this.#button = panel.querySelector(".send");
    this.#note = panel.querySelector(".note");
    this.#rewriting = panel.querySelector(".rewriting");
    this.#rewriting?.querySelector("button").addEventListener("click", () => this.endRewriting());
    this.#draft = draft;
    this.#on = on;
    Object.assign(this.#words, words);
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("input", () => this.#refresh());
    this.#input.addEventListener("compositionend", (event) => {
      this.#composedAt = event.timeStamp;
      this.#refresh();
    });
    // Keep the focus, and with it a phone's keyboard, in the input box.
    this.#button.addEventListener("mousedown", (event) => event.preventDefault());
    this.#button.addEventListener("click", (event) => this.#onClick(event));
    this.#input.form.addEventListener("submit", (event) => event.preventDefault());
    this.#touch.addEventListener("change", () => this.#refresh());
    this.#input.value ||= this.#draft.get() ?? "";
    this.#refresh();
  }

  set state(state) {
    this.#state = state;
    this.#refresh();
  }

  /** Say something else from now on. @param {Partial<Words>} words */
  say(words) {
    Object.assign(this.#words, words);
    this.#refresh();
  }

  /** Say something instead of the usual note; "" is the end of it. @param {string} note */
  tell(note, alarming = false) {
    this.#told = { note, alarming };
    this.#refresh();
  }

  /** The longest message that the service takes. @param {number} characters */
  set limit(characters) {
    this.#limit = characters > 0 ? characters : Infinity;
    this.#refresh();
  }

  /** Give text back, before whatever has been typed since. @param {string} text */
  restore(text) {
    this.#input.value = [text, this.#input.value].filter((part) => part.trim()).join("\n");
    this.#refresh();
  }

  /** Let an earlier message be written anew. @param {string} text @param {() => void} onCancel */
  rewrite(text, onCancel) {
    this.endRewriting();
    this.#onCancel = onCancel;
    this.#aside = this.#input.value;
    this.#input.value = text;
    this.#refresh();
    this.focus();
  }

  endRewriting() {
    if (!this.#onCancel) return;
    this.#input.value = this.#aside;
    this.#aside = "";
    this.#onCancel();
    this.#onCancel = null;
    this.#refresh();
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  /** On a desk the cursor waits in the box; on a phone that would open the keyboard. */
  invite() {
    if (!this.#touch.matches) this.focus();
  }

  #onKey(event) {
    if (event.key === "Escape" && !event.isComposing) {
      if (this.#state === "busy") this.#on.stop();
      else this.endRewriting();
    }
    if (event.key !== "Enter" || event.shiftKey || event.altKey) return;
    // This Enter belongs to the input method. keyCode 229 is how Safari, which ends the
    // composition before the keydown, still marks it.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#touch.matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    if (event.timeStamp - this.#composedAt < AFTER_COMPOSITION_MS) return;
    if (this.#state !== "busy") this.#submit();
  }

  #onClick(event) {
    if (this.#state !== "busy") this.#submit();
    else if (event.detail < 2) this.#on.stop(); // A double click sends, and does no more.
  }

  #submit() {
    const text = this.#input.value.trim();
    if (!text && !this.#words.blank) return;
    const refusal = this.#refusal(text);
    if (refusal) {
      this.#note.textContent = refusal;
      return this.#on.refuse(refusal);
    }
    this.#input.value = this.#aside;
    this.#aside = "";
    this.#onCancel = null;
    this.#refresh();
    this.#on.send(text);
  }

  /** Why this text cannot go now, or "". */
  #refusal(text) {
    const over = lengthOf(text) - this.#limit;
    if (over > 0) return t("太长了，超出 {over} 个字，删短一点再发。", { over });
    return this.#state === "waking" ? t(this.#words.waking) : "";
  }

  #refresh() {
    const text = this.#input.value;
    this.#draft.set([this.#aside, text].filter((part) => part.trim()).join("\n"));
    if (this.#rewriting) this.#rewriting.hidden = !this.#onCancel;
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight}px`;
    this.#input.enterKeyHint = this.#touch.matches ? "enter" : "send";
    this.#showNote(text.trim());
    this.#showButton(text.trim());
  }

  #showNote(text) {
    const left = this.#limit - lengthOf(text);
    const over = left < 0;
    const near = Number.isFinite(left) && left <= this.#limit * (1 - COUNT_FROM);
    this.#input.setAttribute("aria-invalid", String(over));
    this.#note.classList.toggle("alarming", over || this.#told.alarming);
    if (over) this.#note.textContent = this.#refusal(text);
    else if (near) this.#note.textContent = t("还能写 {left} 个字", { left });
    else this.#note.textContent = t(this.#told.note || this.#words.note);
  }

  #showButton(text) {
    const busy = this.#state === "busy";
    this.#button.classList.toggle("stopping", busy);
    const empty = text === "" && !this.#words.blank;
    this.#button.disabled = !busy && (empty || this.#state === "waking");
    this.#button.setAttribute("aria-disabled", String(!busy && lengthOf(text) > this.#limit));
    this.#button.querySelector("span").textContent = t(this.#words[busy ? "stop" : "send"]);
    this.#button.querySelector("use").setAttribute("href", busy ? "#symbol-stop" : "#symbol-send");
  }
}
