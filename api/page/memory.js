/**
 * What the browser keeps. The session outlives the tab; what was typed but not yet answered
 * belongs to one tab and survives a reload. A window reads each slot once and then trusts itself,
 * so that two windows do not change each other's conversation, and so that the page still works
 * where storage is switched off.
 */

/** @param {() => Storage} storage @param {string} key */
function slot(storage, key) {
  /** @type {string | null | undefined} */
  let held;
  return {
    /** @returns {string | null} */
    get() {
      if (held === undefined) {
        try {
          held = storage().getItem(key);
        } catch {
          held = null;
        }
      }
      return held;
    },
    /** @param {string | null} value */
    set(value) {
      held = value || null;
      try {
        if (held === null) storage().removeItem(key);
        else storage().setItem(key, held);
      } catch {
        // Private windows may refuse; `held` serves until the page is closed.
      }
    },
  };
}

/** The id of the conversation, from the first answer on. */
export const session = slot(() => localStorage, "xianliao.session");
/** The text in the input box. */
export const draft = slot(() => sessionStorage, "xianliao.draft");
/** The text that was sent last and has no complete answer yet. */
export const pending = slot(() => sessionStorage, "xianliao.pending");
