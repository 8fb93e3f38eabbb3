/** The plain requests to the service, and the problems it may answer with. */

import { language, t } from "./language.js";
import { apiKey } from "./memory.js";

const READY_TIMEOUT_MS = 8000;
const PAGE_OF_SESSIONS = 50;

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
    const code = status || (Number.isInteger(said) ? said : 0);
    const told = language === "en" ? [title, detail] : [detail, title];
    const sentence = told.find((text) => typeof text === "string" && text.trim());
    const unknown = t("小闲那边出了点状况（{code}），过一会儿再试试。", { code: code || "?" });
    return new Problem(sentence ? t(sentence) : unknown, code);
  }

  /** Any failure as one. @param {unknown} error */
  static of(error) {
    if (error instanceof Problem) return error;
    console.error(error);
    return new Problem(t("页面出了点状况，再试一次吧。"), 500);
  }
}

/**
 * Fetch, or throw a `Problem`. Only an abort by the caller passes through as it is.
 * @param {string} path relative to the page, so that a proxy may put it under a prefix
 * @param {RequestInit} [init]
 */
export async function request(path, init = {}) {
  const headers = new Headers(init.headers);
  if (apiKey.get()) headers.set("Authorization", `Bearer ${apiKey.get()}`);
  let response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(unreachable());
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Problem(t("这里要密钥才能聊，填在“怎么说话”里。"), 401);
  const problem = Problem.from(await response.json().catch(() => null), response.status);
  problem.retryAfter = Number(response.headers.get("Retry-After")) || 0;
  throw problem;
}

export function post(path, body, signal) {
  return send("POST", path, body, signal);
}

/**
 * @returns {Promise<{status: string, model: string, max_message_chars: number,
 *   defaults: Object<string, number>}>}
 */
export const readiness = () => get("readyz", AbortSignal.timeout(READY_TIMEOUT_MS));

/** End a reply under way. @param {string} id */
export const stopReply = (id) => request(`chat/${id}/stop`, { method: "POST", keepalive: true });

/**
 * The browser's conversations, the last used first.
 * @returns {Promise<{sessions: {session_id: string, title: string, updated_at: string,
 *   num_turns: number}[], next_cursor: string | null}>}
 */
export function sessionsWith(words, cursor) {
  const query = new URLSearchParams({ q: words, limit: PAGE_OF_SESSIONS });
  if (cursor) query.set("cursor", cursor);
  return get(`sessions?${query}`);
}

/** @returns {Promise<{turns: {turn: number, user: string, bot: string, created_at: string}[]}>} */
export const storedSession = (id) => get(addressOf(id));

/** @param {"txt" | "json"} format @returns {Promise<Response>} a file */
export const exportSession = (id, format) => request(`${addressOf(id)}/export?format=${format}`);

/** @returns {Promise<{title: string, turns: object[]}>} what `importSession` takes */
export const exportedSession = (id) => json(exportSession(id, "json"));
export const importSession = (conversation) => json(post("sessions/import", conversation));
export const renameSession = (id, title) => send("PATCH", addressOf(id), { title });
export const deleteSession = (id) => request(addressOf(id), { method: "DELETE" });

/** @param {{session_id, turn, rating: "up" | "down" | null, reason?: string}} word */
export const rate = (word) => post("feedback", word);

/** @returns {Promise<{model: string, labels: string[]}>} */
export const loadedHead = () => get("classify");

export const classify = (text) => json(post("classify", { texts: [text] }));

const addressOf = (id) => `sessions/${encodeURIComponent(id)}`;

function unreachable() {
  if (navigator.onLine) return t("连不上小闲，看看网络，过一会儿再试试。");
  return t("网络断了，连不上小闲；连上以后再试。");
}

function send(method, path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return request(path, { method, headers, body: JSON.stringify(body), signal });
}

function get(path, signal) {
  return json(request(path, { cache: "no-store", signal }));
}

async function json(response) {
  try {
    return await (await response).json();
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(unreachable());
  }
}
