// The admin API: one function to read and one to change, with problems as errors.

import { model } from "./model.js";

export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
  }
}

/** Titles of a 401 for whoever held a token that is over; its detail says which, and since when. */
export const OVER = ["expired_token", "revoked_token"];

/** The title of a 403 for a page whose browser is signed in as somebody else by now. */
const OTHER = "other_caller";

const unauthorized = new Set();
const replaced = new Set();
const tagged = new Set();

/** Call `listener` with the problem whenever the API says that nobody is signed in. */
export function onUnauthorized(listener) {
  unauthorized.add(listener);
}

/** Call `listener` whenever the API says that the browser is signed in as somebody else than this page thinks. */
export function onReplaced(listener) {
  replaced.add(listener);
}

/** Call `listener` with the entity tag of what there is after a change, so that the next one is meant for that. */
export function onTag(listener) {
  tagged.add(listener);
}

export const read = (path, signal) => ask("GET", path, undefined, {}, signal);

/** Ask whether something would be answered; there is nothing to read. */
export const probe = (path) => ask("HEAD", path, undefined, {});

/** Change something; `tag` is the entity tag of what was looked at when that was decided. */
export const change = (method, path, body, tag) => ask(method, path, body, tag ? { "If-Match": tag } : {});

export const part = encodeURIComponent;

async function ask(method, path, body, headers, signal) {
  const request = { method, headers: { Accept: "application/json", "X-Strangler-Request": "1", ...headers }, signal };
  // Because pages of one browser share its cookie, a change says whose page this is.
  if (model.me) request.headers["X-Strangler-Caller"] = part(model.me.name);
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "The proxy's admin port did not answer. Is it running?");
  }
  const found = await decoded(answer);
  const tag = answer.headers.get("ETag");
  if (answer.ok && tag && "If-Match" in headers) for (const listener of tagged) listener(tag);
  if (answer.ok) return found;
  const problem = new Problem(answer.status, found?.title ?? "failed", found?.detail ?? `The answer was ${answer.status}.`);
  if (answer.status === 401) for (const listener of unauthorized) listener(problem);
  if (problem.title === OTHER) for (const listener of replaced) listener();
  problem.body = found;
  throw problem;
}

async function decoded(answer) {
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    return null;
  }
}
