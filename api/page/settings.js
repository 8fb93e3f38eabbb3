/** How replies are sampled, as far as the reader wants it otherwise than the model. */

import { byId, element, iconButton } from "./bubble.js";
import { t } from "./language.js";
import { apiKey, sampling } from "./memory.js";

const SEED_DIGITS = 15; // exact as a number of JavaScript

const SLIDERS = [
  {
    name: "temperature", label: "温度", min: 0, max: 2, step: 0.05,
    hint: "越高越活泼，也越容易跑题；0 就总说最稳妥的那句。",
  },
  {
    name: "top_k", label: "Top-k", min: 0, max: 200, step: 5,
    hint: "每个词只从最可能的几个里挑；越小越保守，0 是不限。",
  },
  {
    name: "top_p", label: "Top-p", min: 0.05, max: 1, step: 0.05,
    hint: "只从加起来占到这么多可能的词里挑；越小越保守，1 是不限。",
  },
  {
    name: "repetition_penalty", label: "重复惩罚", min: 0.8, max: 2, step: 0.05,
    hint: "越高越不爱重复说过的词；1 是不管，太高会不通顺。",
  },
  {
    name: "candidates", label: "先拟几句", min: 1, max: 16, step: 1,
    hint: "拟好几句再挑最好的说；多了更切题，也更慢。1 就想到哪说到哪。",
  },
];

export class Settings {
  #dialog = byId("settings");
  #seed = byId("chat-seed");
  #presence;
  /** Shows each slider as it is chosen. @type {(() => void)[]} */
  #shows = [];

  /**
   * @param {import("./presence.js").Presence} presence knows what the model does by default
   * @param {() => void} onKey hears when there is another key
   */
  constructor(presence, onKey) {
    this.#presence = presence;
    byId("open-settings").addEventListener("click", () => {
      this.#show();
      this.#dialog.showModal();
    });
    window.addEventListener("languagechange", () => this.#show());
    byId("reset").addEventListener("click", () => this.#reset());
    // A click beside the dialog lands on the dialog itself, whose form fills it.
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#seed.addEventListener("input", () => this.#readSeed());
    byId("key").value = apiKey.get() ?? "";
    byId("key").addEventListener("change", ({ target }) => {
      apiKey.set(target.value.replace(/[^!-~]/g, "")); // what a header may hold
      onKey();
    });
    byId("sliders").append(...SLIDERS.map((slider) => this.#row(slider)));
    this.#show();
    presence.wake().then(() => this.#show());
  }

  #row({ name, label, hint, ...range }) {
    const row = element("div", "setting");
    const title = element("label", "", t(label));
    const input = Object.assign(element("input", ""), { type: "range", id: `set-${name}`, ...range });
    const value = element("output", "");
    const words = element("p", "hint", t(hint));
    const undo = iconButton("undo", "", () => set(undefined));
    const set = (number) => {
      choose(name, number);
      this.#show();
    };
    title.htmlFor = value.htmlFor = input.id;
    words.id = `${input.id}-hint`;
    input.setAttribute("aria-describedby", words.id);
    input.addEventListener("input", () => set(input.valueAsNumber));
    this.#shows.push(() => {
      const chosen = sampling.get()?.[name];
      const standard = this.#presence.defaults?.[name];
      const untouched = standard === undefined ? t("默认") : t("默认 {standard}", { standard });
      input.value = chosen ?? standard ?? ""; // "" is the middle
      value.textContent = chosen ?? untouched;
      undo.title = undo.ariaLabel = t("{label}用默认的", { label: t(label) });
      input.setAttribute("aria-valuetext", value.textContent);
      undo.hidden = chosen === undefined;
    });
    row.append(title, value, undo, input, words);
    return row;
  }

  #readSeed() {
    const digits = this.#seed.value.replace(/\D/g, "").slice(0, SEED_DIGITS);
    this.#seed.value = digits;
    choose("seed", digits ? Number(digits) : undefined);
    this.#show();
  }

  #reset() {
    sampling.set(null);
    this.#seed.value = "";
    this.#show();
  }

  #show() {
    for (const show of this.#shows) show();
    const chosen = sampling.get();
    if (this.#seed.value === "") this.#seed.value = chosen?.seed ?? "";
    byId("reset").disabled = chosen === null;
    byId("open-settings").classList.toggle("changed", chosen !== null);
  }
}

/** `undefined`: as the model has it. */
function choose(name, number) {
  const { [name]: _, ...others } = sampling.get() ?? {};
  const wishes = number === undefined ? others : { ...others, [name]: number };
  sampling.set(Object.keys(wishes).length > 0 ? wishes : null);
}
