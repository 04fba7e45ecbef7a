// What this page knows of the proxy: the last state, the history of the hour, and what was done. Views listen for changes.

const HOUR_S = 3600;
/** What figures are of: long enough for some requests, short enough to follow a change. */
const WINDOW_S = 60;
/** What is said of a change's consequence is of this, as a dry run is (control/history.py): a route that is seldom asked has a rate. */
const LATELY_S = 300;
/** Less than this is nothing to make a minute of. */
const LEAST_S = 5;
const MOST_MARKS = 500;
/** How far back slots are kept of routes that nobody looks at: as far as consequences need them. */
export const RECENT_S = LATELY_S + 20;
/** Routes of which the whole hour is kept, those that were looked at last. */
const MOST_HOURS = 400;

export const model = {
  me: null,
  link: { state: "connecting", since: Date.now() / 1000 },
  offset: 0,
  head: null,
  tag: null,
  names: [],
  routes: new Map(),
  history: new Map(),
  hours: new Set(),
  sums: { extracted: 0, legacy: 0, unrouted: 0 },
  counted: 0,
  listed: 0,
  step: 10,
  over: 0,
  started: 0,
  marks: [],
};

const listeners = new Set();
let isQueued = false;

/** Call `listener` after changes, at most once for each picture that the screen draws; return a function that ends it. */
export function watch(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function changed() {
  if (isQueued) return;
  isQueued = true;
  // Because a page in the background draws nothing, and is to be right when it is looked at again.
  (document.hidden ? setTimeout : requestAnimationFrame)(() => {
    isQueued = false;
    for (const listener of [...listeners]) listener();
  });
}

/** The proxy's time now, in seconds. */
export const now = () => Date.now() / 1000 + model.offset;

const isLive = () => model.link.state === "live";
export const mayChange = () => model.me?.role === "operator" && isLive();

/** Say why nothing can be changed now; empty if it can. */
export function whyNot() {
  if (!isLive()) return "Not connected to the proxy: nothing can be changed now.";
  if (model.me?.role !== "operator") return "You are signed in as a viewer: you see everything and change nothing.";
  return "";
}

export function takeState(state) {
  model.offset = state.now - Date.now() / 1000;
  model.head = state.head;
  model.started = state.now - state.head.uptime_s;
  model.tag = state.tag ?? model.tag;
  if (state.names) {
    model.names = state.names;
    const kept = new Set(state.names);
    for (const name of [...model.routes.keys()]) if (!kept.has(name)) model.routes.delete(name);
    for (const name of [...model.history.keys()]) if (name && !kept.has(name)) model.history.delete(name);
    for (const name of [...model.hours]) if (!kept.has(name)) model.hours.delete(name);
    model.listed += 1;
  }
  for (const [name, route] of Object.entries(state.routes)) model.routes.set(name, route);
  changed();
}

/** Take slots of history; one that is there already is replaced, because it has grown. */
export function takeHistory(found, isAnew = false) {
  if (isAnew) {
    model.history = new Map();
    model.hours.clear();
  }
  model.sums = found.sums;
  model.counted += 1;
  model.step = found.step_s ?? model.step;
  model.over = Math.floor(found.now / model.step) * model.step;
  for (const [route, sides] of Object.entries(found.routes)) {
    if (!model.history.has(route)) model.history.set(route, { legacy: new Map(), extracted: new Map() });
    const known = model.history.get(route);
    for (const [side, columns] of Object.entries(sides)) for (const [at, slot] of slotsOf(columns)) known[side].set(at, slot);
    forget(known, found.now - (model.hours.has(route) ? HOUR_S : RECENT_S));
  }
  changed();
}

/** Take the whole hour of some routes, in place of what is known of it. */
export function takeHour(found, names) {
  for (const name of names.filter((one) => model.routes.has(one))) {
    const known = model.history.get(name);
    const sides = ["legacy", "extracted"].map((side) => {
      const slots = slotsOf(found.routes[name]?.[side]);
      const last = Math.max(...slots.keys());
      // Because the stream may have told the latest slot whole while this was under way, the one with more is newer.
      for (const [at, slot] of known?.[side] ?? []) if (at > last || (at === last && slot.requests > slots.get(at).requests)) slots.set(at, slot);
      return [side, slots];
    });
    model.history.set(name, Object.fromEntries(sides));
    model.hours.add(name);
  }
  for (const name of [...model.hours].slice(0, Math.max(0, model.hours.size - MOST_HOURS))) {
    model.hours.delete(name);
    forget(model.history.get(name), found.now - RECENT_S);
  }
  model.counted += 1;
  changed();
}

/** Return one side's slots by the time at which each began, oldest first. */
export function slotsOf(columns) {
  const slots = (columns?.at ?? []).map((at, index) => ({
    at,
    requests: columns.requests[index],
    failures: columns.failures[index],
    p50: columns.p50_ms[index],
    p95: columns.p95_ms[index],
  }));
  return new Map(slots.map((slot) => [slot.at, slot]));
}

function forget(sides, before) {
  for (const slots of Object.values(sides)) {
    for (const at of slots.keys()) {
      if (at >= before) break;
      slots.delete(at);
    }
  }
}

/** Add marks, each once, in the order of the audit log. */
export function takeMarks(marks) {
  const known = new Set(model.marks.map((mark) => mark.seq));
  const added = marks.filter((mark) => !known.has(mark.seq));
  if (!added.length) return [];
  model.marks = [...model.marks, ...added].sort((a, b) => a.seq - b.seq).slice(-MOST_MARKS);
  changed();
  return added;
}

/** What is about a route: done to it, to its flag or one that the flag asks first, or to everything. */
export function marksOf(route) {
  return model.marks.filter((mark) => isAbout(mark, route));
}

export function isAbout(mark, route) {
  if (mark.what === "kill" || mark.what === "reload") return true;
  if (mark.what === "flag" || mark.what === "write_back") return [route.flag, ...route.prerequisites].includes(mark.subject);
  if (mark.what === "token" || mark.what === "revoke") return false;
  return mark.subject === route.name || (mark.what === "config" && mark.subject === "routes");
}

/** What all figures of a route are of: the last minute that is over, or as much of one as the proxy has run for; 0 seconds at first. */
export const figuresOf = () => windowOf(WINDOW_S, "minute");

/** What is said of a change's consequence is of: the last five minutes, or as much of them. */
export const latelyOf = () => windowOf(LATELY_S, "five minutes");

function windowOf(most, word) {
  const known = model.over - model.started;
  const seconds = known < LEAST_S ? 0 : Math.min(most, known);
  return { seconds, word: seconds === most ? word : `${Math.round(seconds)} seconds` };
}

/** What one side of a route did in the time of figures, or in another one; what is not over yet is left out. */
export function recent(name, side, seconds = figuresOf().seconds) {
  const slots = model.history.get(name)?.[side];
  const sum = { requests: 0, failures: 0, p95: null };
  if (!slots) return sum;
  const from = model.over - seconds;
  for (const slot of slots.values()) {
    if (slot.at + model.step <= from || slot.at >= model.over) continue;
    sum.requests += slot.requests;
    sum.failures += slot.failures;
    if (slot.p95 !== null) sum.p95 = Math.max(sum.p95 ?? 0, slot.p95);
  }
  return sum;
}

/** Requests a minute of one side; null before anything is over. */
export function perMinute(name, side) {
  const { seconds } = figuresOf();
  return seconds ? (recent(name, side).requests * 60) / seconds : null;
}

/** The same by the time that a change's consequence is told of. */
export function lately(name, side) {
  const { seconds } = latelyOf();
  return seconds ? (recent(name, side, seconds).requests * 60) / seconds : null;
}

/** Since when there is an hour's history, in words. */
export const hourOf = () => (now() - model.started < HOUR_S ? "since the start" : "in the last hour");

/** All requests of one side in the last hour, or since the start. */
export function ofTheHour(name, side) {
  let sum = 0;
  for (const slot of model.history.get(name)?.[side]?.values() ?? []) if (slot.at >= model.over - HOUR_S) sum += slot.requests;
  return sum;
}

/** How far back charts reach: an hour, or less as long as the proxy has not run for that long; in at most `most` bins. */
export function reach(most) {
  const span = [600, 1800, HOUR_S].find((one) => (model.head?.uptime_s ?? HOUR_S) < one) ?? HOUR_S;
  const width = Math.max(model.step, Math.ceil(span / most / model.step) * model.step);
  return { width, bins: span / width, word: span === HOUR_S ? "hour" : `${span / 60} minutes` };
}

/** The share of requests that the extracted side really answered, in basis points. */
export function measured(name) {
  const legacy = recent(name, "legacy").requests;
  const extracted = recent(name, "extracted").requests;
  return legacy + extracted ? (10000 * extracted) / (legacy + extracted) : null;
}

/**
 * How far a route is, whoever decided that: its share as it is served, what its flag or the file says, and the part of
 * that which is held back to compare with.
 */
export function standing(route) {
  const phase = route.guard?.phase ?? "closed";
  const { share_bp: wanted, served_bp: bp } = route;
  const found = { bp, wanted, held: 0 };
  if (!route.extracted) return { ...found, kind: "legacy", bp: 0, wanted: 0, word: "Monolith" };
  if (model.head?.is_killed) return { ...found, kind: "killed", word: "Killed" };
  if (phase === "tripped" || phase === "cooling") return { ...found, kind: "tripped", word: phase === "tripped" ? "Tripped" : "Cooling" };
  if (phase === "probing") return { ...found, kind: "probing", word: "Probing" };
  if (wanted === null) return { ...found, kind: "mixed", word: "By key" };
  if (wanted === 0) return { ...found, kind: route.shadow ? "shadow" : "legacy", word: route.shadow ? "Shadowed" : "Monolith" };
  const held = wanted - bp;
  return wanted >= 10000 ? { ...found, held, kind: "done", word: "Extracted" } : { ...found, held, kind: "split", word: "Splitting" };
}
