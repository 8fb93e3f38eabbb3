/** The side list: this browser's conversations, found, renamed, taken out, brought in, deleted. */

import { byId, element, remark, waysRow } from "./bubble.js";
import { Entry } from "./entry.js";
import { t } from "./language.js";
import { session } from "./memory.js";
import {
  Problem, deleteSession, exportSession, importSession, renameSession, sessionsWith,
} from "./service.js";

const TYPING_MS = 250;
const MAX_TITLE_CHARS = 80;

export class Conversations {
  #nav = byId("conversations");
  #list = byId("conversation-list");
  #search = byId("search");
  #menu = byId("conversation-menu");
  #news = byId("conversation-news");
  /** What stands in the list. @type {Entry[]} */
  #entries = [];
  #earlier = element("li", "");
  #typing = 0;
  /** Numbers what is asked for, so that a late answer does not show above a newer one. */
  #asked = 0;
  #on;

  /** @param {{deleted: (id: string) => void, announce: (text: string) => void}} on */
  constructor(on) {
    this.#on = on;
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#add(null), TYPING_MS);
    });
    this.#nav.addEventListener("toggle", ({ newState }) => newState === "open" && this.refresh());
    // Wide enough for the list to stand beside the conversation: it is no drawer any more.
    matchMedia("(min-width: 64rem)").addEventListener("change", () => this.close());
    byId("import").addEventListener("click", () => byId("import-file").click());
    byId("import-file").addEventListener("change", (event) => this.#import(event.target));
  }

  /** Close the drawer, where it is one. */
  close() {
    if (this.#nav.matches(":popover-open")) this.#nav.hidePopover();
  }

  /** Ask for the list again; where the reader is about to change something stays as it is. */
  refresh() {
    this.#add(null);
  }

  /** Mark the conversation that is open. */
  mark() {
    for (const entry of this.#entries) entry.mark(session.get());
  }

  async #add(cursor) {
    const words = this.#search.value.trim();
    const asked = (this.#asked += 1);
    try {
      const { sessions, next_cursor } = await sessionsWith(words, cursor);
      if (asked !== this.#asked) return;
      const entries = sessions.map((one) => this.#entryOf(one));
      this.#show(cursor ? [...this.#entries, ...entries] : entries, next_cursor);
      this.#news.replaceChildren(...this.#nothing(words));
      if (words && !cursor) this.#on.announce(this.#news.textContent || t("找到了。"));
      this.mark();
    } catch (error) {
      if (asked === this.#asked) this.#tell(Problem.of(error), () => this.#add(cursor));
    }
  }

  #entryOf(stored) {
    const known = this.#entries.find((entry) => entry.stored.session_id === stored.session_id);
    const entry = known ?? new Entry({ open: () => this.close(), more: this.#openMenu });
    entry.show(stored);
    return entry;
  }

  /** Only what has another place than before is moved. */
  #show(entries, cursor) {
    this.#entries = entries;
    this.#earlier.replaceChildren();
    if (cursor) this.#earlier.append(waysRow([{ label: t("更早的"), act: () => this.#add(cursor) }]));
    const wanted = [...entries.map(({ root }) => root), ...(cursor ? [this.#earlier] : [])];
    for (const [place, item] of wanted.entries()) {
      const there = this.#list.children[place];
      if (there !== item) this.#list.insertBefore(item, there ?? null);
    }
    while (this.#list.children.length > wanted.length) this.#list.lastElementChild.remove();
  }

  #nothing(words) {
    if (this.#entries.length > 0) return [];
    return [remark(words ? t("没有找到。") : t("聊过的会留在这里。"))];
  }

  #tell({ detail }, again) {
    const ways = again ? [waysRow([{ label: t("重试"), act: again }])] : [];
    this.#news.replaceChildren(remark(detail, true), ...ways);
    this.#on.announce(detail);
  }

  #openMenu = (entry, button) => {
    const { session_id: id, title } = entry.stored;
    const ways = waysRow([
      { label: t("改名"), act: () => this.#rename(entry) },
      { label: t("导出 TXT"), act: () => this.#export(id, title, "txt") },
      { label: t("导出 JSON"), act: () => this.#export(id, title, "json") },
      { label: t("删除"), act: () => this.#confirmDelete(entry) },
    ]);
    ways.addEventListener("click", () => this.#menu.hidePopover());
    this.#menu.replaceChildren(ways);
    const { bottom, right } = button.getBoundingClientRect();
    this.#menu.style.setProperty("--top", `${bottom}px`);
    this.#menu.style.setProperty("--right", `${right}px`);
    this.#menu.showPopover();
    ways.firstElementChild.focus();
  };

  #rename(entry) {
    const { session_id: id, title } = entry.stored;
    const form = element("form", "rename");
    const input = Object.assign(element("input", ""), { value: title, maxLength: MAX_TITLE_CHARS });
    input.setAttribute("aria-label", t("新的标题"));
    form.append(input, element("button", "way", t("好")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const named = input.value.trim();
      if (named && named !== title && !(await this.#try(renameSession(id, named)))) return;
      this.#end(entry);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault(); // It would close the drawer too.
      this.#end(entry);
    });
    entry.replace(form);
    input.select();
  }

  #confirmDelete(entry) {
    const { session_id: id, title } = entry.stored;
    const act = async () => {
      if (!(await this.#try(deleteSession(id)))) return;
      this.#on.deleted(id);
      this.refresh();
    };
    const ways = waysRow([
      { label: t("删掉"), act },
      { label: t("不删了"), act: () => this.#end(entry) },
    ]);
    entry.replace(remark(t("“{title}”删了就找不回来了。", { title }), true), ways);
    ways.lastElementChild.focus();
  }

  /** Renamed, or left as it was. */
  #end(entry) {
    entry.restore();
    entry.focus();
    this.refresh();
  }

  async #export(id, title, format) {
    const response = await this.#try(exportSession(id, format));
    if (!response) return;
    const link = element("a", "");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${title}.${format}`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async #import(input) {
    const [file] = input.files;
    input.value = "";
    const conversation = await file.text().then(JSON.parse).catch(() => null);
    if (!conversation) return this.#tell(new Problem(t("这不是导出的 JSON 文件。")));
    const imported = await this.#try(importSession(conversation));
    if (imported) location.hash = `#/c/${imported.session_id}`;
    if (imported) this.refresh();
  }

  /** The answer, or null when it failed, which is told. */
  async #try(asking) {
    try {
      return await asking;
    } catch (error) {
      this.#tell(Problem.of(error));
      return null;
    }
  }
}
