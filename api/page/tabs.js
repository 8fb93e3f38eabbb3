/** The tab bar: the fragment of the address names the panel that is shown. */

import { byId } from "./bubble.js";

export class Tabs {
  #all = [...document.querySelectorAll("[role=tab]")];

  constructor() {
    // Going to a fragment takes the focus away: give it back.
    window.addEventListener("hashchange", () => this.#show().focus());
    for (const tab of this.#all) tab.addEventListener("keydown", (event) => this.#onKey(event));
    this.#show();
    // Until now they had no layout: a browser that looks for forms would have waited for it.
    for (const panel of document.querySelectorAll("[role=tabpanel]")) panel.hidden = false;
  }

  /** Show a tab that was not there at first. @param {string} id */
  reveal(id) {
    byId(id).hidden = false;
    this.#show();
  }

  get #present() {
    return this.#all.filter((tab) => !tab.hidden);
  }

  #show() {
    const present = this.#present;
    // The first one has every address that is nobody's, those of conversations too.
    const chosen = present.find((tab) => tab.hash === location.hash) ?? present[0];
    for (const tab of this.#all) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
    }
    byId("app").dataset.tab = chosen.id.replace("tab-", "");
    return chosen;
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const present = this.#present;
    const place = present.indexOf(event.target);
    const places = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: -1 };
    if (!(event.key in places)) return;
    event.preventDefault();
    history.replaceState(null, "", present.at(places[event.key] % present.length).hash);
    this.#show().focus();
  }
}
