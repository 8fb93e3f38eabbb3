/** The frame is painted first; then the modules are fetched, all at once, and started. */

const LONGEST_WAIT_MS = 500;

const after = (wait) => new Promise((resolve) => setTimeout(resolve, wait));
const painted = new Promise(requestAnimationFrame).then(() => after(0));
// A tab in the background paints nothing, but gets ready all the same.
await Promise.race([painted, after(LONGEST_WAIT_MS)]);
document.head.append(document.getElementById("modules").content);
import("./main.js").catch((error) => {
  console.error(error);
  document.getElementById("incomplete").hidden = false;
});
