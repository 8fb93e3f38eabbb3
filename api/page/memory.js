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

/** A slot for an object; null where there is none, or another version of the page left one. */
function objectSlot(area, name) {
  const { get, set } = slot(area, name);
  return {
    get() {
      try {
        const value = JSON.parse(get());
        return typeof value === "object" ? value : null;
      } catch {
        return null;
      }
    },
    set: (value) => set(value && JSON.stringify(value)),
  };
}

/** The id of the conversation, from the first answer on. */
export const session = slot("localStorage", "session");
/** What was sent last and has no complete answer yet: `{text, reply}`, with the reply's id. */
export const pending = objectSlot("sessionStorage", "pending");
/** Other replies to the last message: `{session, turn, replies, shown}`. */
export const alternatives = objectSlot("sessionStorage", "alternatives");
/** The text in the input box of each tab. */
export const draft = slot("sessionStorage", "draft");
export const opening = slot("sessionStorage", "opening");
export const sample = slot("sessionStorage", "sample");
/** What was written in the tab 续写, and how. */
export const writing = slot("localStorage", "writing");
/** How replies are sampled, where the reader wants it otherwise than the model. */
export const sampling = objectSlot("localStorage", "sampling");
/** The key that the service wants, where it wants one. */
export const apiKey = slot("localStorage", "key");
/** `en` for English. */
export const chosenLanguage = slot("localStorage", "language");
