/** The frame is painted first; then the modules are fetched, all at once, and started. */

const LONGEST_WAIT_MS = 500;

await new Promise((resolve) => {
  new PerformanceObserver(resolve).observe({ type: "paint", buffered: true });
  // A tab in the background paints nothing, but gets ready all the same.
  setTimeout(resolve, LONGEST_WAIT_MS);
});
document.head.append(document.getElementById("modules").content);
import("./main.js").catch((error) => {
  console.error(error);
  document.getElementById("incomplete").hidden = false;
});
