/** Which conversation the address names: `#/c/ID`. A fragment never leaves the browser. */

import { byId } from "./bubble.js";

const NONE = "#chat";

/** @returns {string | null} its id */
export function conversationInAddress() {
  return location.hash.match(/^#\/c\/([\w-]{1,64})$/)?.[1] ?? null;
}

/** Whether the address asks for an empty conversation. */
export const asksForNone = () => location.hash === NONE;

/**
 * Let the tab and, unless another tab is shown, the address name this conversation, or none.
 * @param {string | null} id @param {boolean} [anew] whether one can go back to where it was
 */
export function nameConversation(id, anew = false) {
  const hash = id ? `#/c/${id}` : NONE;
  byId("tab-chat").setAttribute("href", hash);
  const isOurs = /^(#chat|#\/c\/.*)?$/.test(location.hash);
  const isNamed = location.hash === hash || !(id || location.hash);
  if (isOurs && !isNamed) history[anew ? "pushState" : "replaceState"](null, "", hash);
}
