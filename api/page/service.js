/** The plain requests to the service, and the problems it may answer with. */

const UNREACHABLE = "连不上小闲，看看网络，过一会儿再试试。";
const READY_TIMEOUT_MS = 8000;

/** A failure with a sentence for the reader; `status` is 0 where no answer came. */
export class Problem extends Error {
  /** @param {string} detail @param {number} [status] */
  constructor(detail, status = 0) {
    super(detail);
    this.name = "Problem";
    this.detail = detail;
    this.status = status;
  }

  /** @param {unknown} body a problem+json document (RFC 9457) @param {number} [status] */
  static from(body, status = 0) {
    const { detail, title, status: said } = Object(body);
    const sentence = [detail, title].find((text) => typeof text === "string" && text.trim());
    const code = status || (Number.isInteger(said) ? said : 0);
    return new Problem(sentence ?? `小闲那边出了点状况（${code || "不明"}），过一会儿再试试。`, code);
  }
}

/**
 * Fetch, or throw a `Problem`. Only an abort by the caller passes through as it is.
 * @param {string} path relative to the page, so that a proxy may put it under a prefix
 * @param {RequestInit} [init]
 */
export async function request(path, init = {}) {
  let response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(UNREACHABLE);
  }
  if (response.ok) return response;
  throw Problem.from(await response.json().catch(() => null), response.status);
}

/** @returns {Promise<{status: string, model: string, max_message_chars: number}>} */
export async function readiness() {
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
  return json(await request("readyz", { cache: "no-store", signal }));
}

/** @returns {Promise<{turns: {turn: number, user: string, bot: string, created_at: string}[]}>} */
export async function storedSession(id) {
  return json(await request(`sessions/${encodeURIComponent(id)}`, { cache: "no-store" }));
}

async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new Problem(UNREACHABLE);
  }
}
