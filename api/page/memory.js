/**
 * What the browser keeps: for good, or for one window and its reloads. A window reads each slot
 * once and then trusts itself, so that two windows do not change each other's conversation, and so
 * that the page still works where storage is switched off.
 */

function slot(area, name) {
  const key = `xianliao.${name}`;
  const attempt = (act) => {
    try {
      return act(window[area]);
    } catch {
      return null; // Private windows may refuse; `held` serves until the page is closed.
    }
  };
  let held = attempt((storage) => storage.getItem(key));
  return {
    get: () => held,
    set(value) {
      held = value || null;
      attempt((storage) => (held ? storage.setItem(key, held) : storage.removeItem(key)));
    },
  };
}

/** The id of the conversation, from the first answer on. */
export const session = slot("localStorage", "session");
/** The text that was sent last and has no complete answer yet. */
export const pending = slot("sessionStorage", "pending");
/** The text in the input box of each tab. */
export const draft = slot("sessionStorage", "draft");
export const opening = slot("sessionStorage", "opening");
export const sample = slot("sessionStorage", "sample");
/** What was written in the tab 续写, and how. */
export const writing = slot("localStorage", "writing");
