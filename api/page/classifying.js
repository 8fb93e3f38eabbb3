/** The tab 分类: what the loaded head makes of a sentence. */

import { byId, element } from "./bubble.js";
import { Composer } from "./composer.js";
import { t } from "./language.js";
import { sample } from "./memory.js";
import { Problem, classify, loadedHead, sleep } from "./service.js";

const MOST_SHOWN = 8;

const percent = (share) => `${(share * 100).toFixed(1)}%`;

export class Classifying {
  #composer;
  #announce;

  constructor(announce) {
    this.#announce = announce;
    const note = "百分数是模型的把握，不是定论。";
    const words = { send: "分类", stop: "分类", note, waking: "正在看上一句。" };
    this.#composer = new Composer(byId("panel-classify"), sample, words, {
      send: (text) => this.#classify(text),
      refuse: announce,
    });
  }

  /** Ask which head is loaded; without one there is nothing to show. @param {() => void} onHead */
  async start(onHead) {
    const head = await loadedHead().catch((problem) => problem);
    if (head.retryAfter) return sleep(head.retryAfter * 1000).then(() => this.start(onHead));
    if (head instanceof Problem) return;
    const show = () => showHead(head);
    window.addEventListener("languagechange", show);
    show();
    this.#composer.state = "ready";
    onHead();
  }

  async #classify(text) {
    this.#composer.state = "waking";
    try {
      const { results } = await classify(text);
      this.#add(text, results[0]);
      this.#composer.tell("");
    } catch (error) {
      const { detail } = Problem.of(error);
      this.#composer.restore(text);
      this.#composer.tell(detail, true);
      this.#announce(detail);
    }
    this.#composer.state = "ready";
  }

  #add(text, { probabilities }) {
    const shares = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
    const bars = element("dl", "");
    for (const [label, share] of shares.slice(0, MOST_SHOWN)) {
      const bar = element("dd", "", percent(share));
      bar.style.setProperty("--share", share);
      bars.append(element("dt", "", label), bar);
    }
    const verdict = element("li", "");
    verdict.lang = "zh-CN";
    verdict.append(element("p", "quote", text), bars);
    byId("verdicts").prepend(verdict);
    this.#announce(`${shares[0][0]}，${percent(shares[0][1])}`);
  }
}

function showHead({ model, labels }) {
  const named = labels.slice(0, MOST_SHOWN).join(t("、")) + (labels[MOST_SHOWN] ? t("等") : "");
  const values = { model, count: labels.length, named };
  byId("head").textContent = t("装着的是 {model}，会分 {count} 类：{named}。", values);
}
