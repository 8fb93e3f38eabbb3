/** The tab 分类: what the loaded head makes of a sentence. */

import { byId, element } from "./bubble.js";
import { Composer } from "./composer.js";
import { sample } from "./memory.js";
import { Problem, classify, loadedHead, sleep } from "./service.js";

const MOST_SHOWN = 8;
const NOTE = "百分数是模型的把握，不是定论。";

const percent = (share) => `${(share * 100).toFixed(1)}%`;

export class Classifying {
  #composer;
  #announce;

  constructor(announce) {
    this.#announce = announce;
    const words = { send: "分类", stop: "分类", note: NOTE, waking: "正在看上一句。" };
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
    const { model, labels } = head;
    const named = labels.slice(0, MOST_SHOWN).join("、") + (labels[MOST_SHOWN] ? "等" : "");
    byId("head").textContent = `装着的是 ${model}，会分 ${labels.length} 类：${named}。`;
    this.#composer.state = "ready";
    onHead();
  }

  async #classify(text) {
    this.#composer.state = "waking";
    try {
      const { results } = await classify(text);
      this.#add(text, results[0]);
      this.#composer.say({ note: NOTE, alarming: false });
    } catch ({ detail }) {
      this.#composer.restore(text);
      this.#composer.say({ note: detail, alarming: true });
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
    verdict.append(element("p", "quote", text), bars);
    byId("verdicts").prepend(verdict);
    this.#announce(`${shares[0][0]}，${percent(shares[0][1])}`);
  }
}
