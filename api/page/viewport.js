/** Phones whose keyboard covers the page (iOS) instead of shrinking it: shrink it ourselves. */
export function fitKeyboard() {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const root = document.documentElement;
  const fit = () => {
    const zoomed = viewport.scale > 1.01;
    const covered = !zoomed && root.clientHeight - viewport.height > 1;
    if (!covered) {
      root.style.removeProperty("--visible-height");
      return;
    }
    root.style.setProperty("--visible-height", `${viewport.height}px`);
    window.scrollTo(0, 0);
  };
  viewport.addEventListener("resize", fit);
  viewport.addEventListener("scroll", fit);
}
