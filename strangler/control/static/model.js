// What this page knows of the proxy: the last state, the history of the hour, and what was done. Views listen for changes.

export const HOUR_S = 3600;
const MOST_MARKS = 500;

export const model = {
  me: null,
  link: { state: "connecting", since: Date.now() / 1000 },
  offset: 0,
  head: null,
  tag: null,
  names: [],
  routes: new Map(),
  history: new Map(),
  step: 10,
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

export const isLive = () => model.link.state === "live";
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
  model.tag = state.tag ?? model.tag;
  if (state.names) {
    model.names = state.names;
    const kept = new Set(state.names);
    for (const name of [...model.routes.keys()]) if (!kept.has(name)) model.routes.delete(name);
  }
  for (const [name, route] of Object.entries(state.routes)) model.routes.set(name, route);
  changed();
}

/** Take slots of history; one that is there already is replaced, because it has grown. */
export function takeHistory(found, isWhole = false) {
  if (isWhole) model.history.clear();
  model.step = found.step_s ?? model.step;
  const oldest = found.now - HOUR_S;
  for (const [route, sides] of Object.entries(found.routes)) {
    if (!model.history.has(route)) model.history.set(route, { legacy: new Map(), extracted: new Map() });
    for (const [side, columns] of Object.entries(sides)) {
      const slots = model.history.get(route)[side];
      columns.at.forEach((at, index) => {
        slots.set(at, {
          at,
          requests: columns.requests[index],
          failures: columns.failures[index],
          p50: columns.p50_ms[index],
          p95: columns.p95_ms[index],
        });
      });
      for (const at of slots.keys()) {
        if (at >= oldest) break;
        slots.delete(at);
      }
    }
  }
  changed();
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

/** What is about a route: done to it, to its flag, or to everything. */
export function marksOf(route) {
  return model.marks.filter((mark) => isAbout(mark, route));
}

export function isAbout(mark, route) {
  if (mark.what === "kill" || mark.what === "reload" || mark.what === "config") return true;
  return mark.what === "flag" || mark.what === "write_back" ? mark.subject === route.flag : mark.subject === route.name;
}

/** What one side of a route did over the last `seconds`, up to the slot that is being filled. */
export function recent(name, side, seconds) {
  const slots = model.history.get(name)?.[side];
  const sum = { requests: 0, failures: 0, p95: null };
  if (!slots) return sum;
  const until = Math.floor(now() / model.step) * model.step;
  for (const slot of slots.values()) {
    if (slot.at < until - seconds || slot.at >= until) continue;
    sum.requests += slot.requests;
    sum.failures += slot.failures;
    if (slot.p95 !== null) sum.p95 = Math.max(sum.p95 ?? 0, slot.p95);
  }
  return sum;
}

/** Requests a minute of one side; over five minutes, or for as long as the page knows of. */
export function perMinute(name, side) {
  const slots = model.history.get(name)?.[side];
  if (!slots || !slots.size) return 0;
  const first = Math.min(...slots.keys());
  const whole = Math.floor(now() / model.step) * model.step - first;
  // Because a proxy that was started just now has no slot that is over, the one that is being filled must do.
  if (whole <= 0) return ([...slots.values()].reduce((sum, slot) => sum + slot.requests, 0) * 60) / Math.max(5, now() - first);
  const span = Math.min(300, whole);
  return (recent(name, side, span).requests * 60) / span;
}

/** How far back charts reach: an hour, or less as long as the proxy has not run for that long; in at most `most` bins. */
export function reach(most) {
  const span = [600, 1800, HOUR_S].find((one) => (model.head?.uptime_s ?? HOUR_S) < one) ?? HOUR_S;
  const width = Math.max(model.step, Math.ceil(span / most / model.step) * model.step);
  return { width, bins: span / width, word: span === HOUR_S ? "hour" : `${span / 60} minutes` };
}

/** The share of requests that the extracted side really answered in the last minute, in basis points. */
export function measured(name) {
  const legacy = recent(name, "legacy", 60).requests;
  const extracted = recent(name, "extracted", 60).requests;
  return legacy + extracted ? (10000 * extracted) / (legacy + extracted) : null;
}

/** How far a route is, whoever decided that: its share now, what it would be, and why they differ. */
export function standing(route) {
  const phase = route.guard?.phase ?? "closed";
  if (!route.extracted) return { kind: "legacy", bp: 0, wanted: 0, word: "Monolith" };
  const wanted = route.share_bp;
  if (model.head?.is_killed) return { kind: "killed", bp: 0, wanted, word: "Killed" };
  if (phase === "tripped" || phase === "cooling") return { kind: "tripped", bp: 0, wanted, word: phase === "tripped" ? "Tripped" : "Cooling" };
  if (phase === "probing") return { kind: "probing", bp: wanted, wanted, word: "Probing" };
  if (wanted === null) return { kind: "mixed", bp: null, wanted, word: "By key" };
  if (wanted === 0) return { kind: route.shadow ? "shadow" : "legacy", bp: 0, wanted, word: route.shadow ? "Shadowed" : "Monolith" };
  return wanted >= 10000 ? { kind: "done", bp: wanted, wanted, word: "Extracted" } : { kind: "split", bp: wanted, wanted, word: "Splitting" };
}
