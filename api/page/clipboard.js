/** Copy a text; `node` shows it. */
export async function copyText(text, node) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS a page has no clipboard, but what is marked can be copied.
    getSelection().selectAllChildren(node);
    document.execCommand("copy");
  }
}
