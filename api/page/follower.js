/** Keeps the end of growing content in sight, for whoever has not left it. */

const NEAR_BOTTOM_PX = 64;

export class Follower {
  #scroller;
  #content;
  #latest;
  #following = true;
  #lastTop = 0;

  /** @param {Element} panel a scroller whose last part grows, perhaps a way back to the end */
  constructor(panel) {
    this.#scroller = panel.querySelector(".scroller");
    this.#content = this.#scroller.lastElementChild;
    this.#latest = panel.querySelector(".latest");
    this.#latest?.addEventListener("click", () => this.follow());
    this.#scroller.addEventListener("scroll", () => this.#noticeScroll(), { passive: true });
    // New text, a new line in the input box, a keyboard that opens: each may hide the end.
    const observer = new ResizeObserver(() => this.#keepUp());
    observer.observe(this.#content);
    observer.observe(this.#scroller);
  }

  /** Go to the end and stay there. */
  follow() {
    this.#following = true;
    this.#keepUp();
  }

  get #bare() {
    return this.#content.offsetHeight === 0;
  }

  #keepUp() {
    if (this.#following) this.#scroller.scrollTop = this.#bare ? 0 : this.#scroller.scrollHeight;
    this.#noticeScroll();
  }

  #noticeScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    // Who is far from the end without having gone up was only overtaken by new text.
    this.#following = near || (this.#following && scrollTop >= this.#lastTop);
    this.#lastTop = scrollTop;
    if (this.#latest) this.#latest.hidden = this.#following || this.#bare;
  }
}
