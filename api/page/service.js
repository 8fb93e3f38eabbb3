/** The plain requests to the service, and the problems it may answer with. */

export const OUR_FAULT = "页面出了点状况，再试一次吧。";
const UNREACHABLE = "连不上小闲，看看网络，过一会儿再试试。";
const READY_TIMEOUT_MS = 8000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A failure with a sentence for the reader; `status` is 0 where no answer came. */
export class Problem extends Error {
  /** How many seconds the service asks to be left alone. */
  retryAfter = 0;

  constructor(detail, status = 0) {
    super(detail);
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
  const problem = Problem.from(await response.json().catch(() => null), response.status);
  problem.retryAfter = Number(response.headers.get("Retry-After")) || 0;
  throw problem;
}

export function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return request(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** @returns {Promise<{status: string, model: string, max_message_chars: number}>} */
export const readiness = () => get("readyz", AbortSignal.timeout(READY_TIMEOUT_MS));

/** @returns {Promise<{turns: {turn: number, user: string, bot: string, created_at: string}[]}>} */
export const storedSession = (id) => get(`sessions/${encodeURIComponent(id)}`);

/** @returns {Promise<{model: string, labels: string[]}>} */
export const loadedHead = () => get("classify");

export const classify = (text) => json(post("classify", { texts: [text] }));

function get(path, signal) {
  return json(request(path, { cache: "no-store", signal }));
}

async function json(response) {
  try {
    return await (await response).json();
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(UNREACHABLE);
  }
}
