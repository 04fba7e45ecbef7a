// The first view: every endpoint as a bar from monolith to extracted, with its reason, and both sides over time.

import { read } from "./api.js";
import { bar } from "./bar.js";
import { el, fresh, reconcile, set, show, text } from "./dom.js";
import { ago, count, duration, latency, many, part, rate, share } from "./format.js";
import { look } from "./hour.js";
import { changed, figuresOf, hourOf, marksOf, model, now, perMinute, reach, recent, standing, watch } from "./model.js";
import { failing } from "./series.js";
import { BINS, spark } from "./spark.js";
import { every } from "./turns.js";

const FIRST = 50;
const MORE = 100;
/** How far outside of the window charts are drawn, so that they are there when one scrolls to them. */
const BEYOND = "300px";
const EVERY_MS = 15000;
const HEADS = ["Endpoint", "From monolith to extracted", "Requests a minute", "Failures", "95th percentile"];

/** Show the view in `main`; return a function that ends it. */
export function overview(main) {
  const picture = whole();
  const search = fresh("filter");
  const filter = el("input", { id: search, type: "search", placeholder: "Path, name or flag", autocomplete: "off", oninput: another });
  const only = el("select", { id: fresh("only"), onchange: another }, [
    ["all", "All endpoints"],
    ["trouble", "Taken back or failing"],
    ["moving", "Under way"],
    ["done", "Extracted"],
    ["legacy", "On the monolith"],
  ].map(([value, word]) => el("option", { value }, word)));
  const sort = el("select", { id: fresh("sort"), onchange: another }, [
    ["need", "Trouble and traffic first"],
    ["file", "As in routes.yaml"],
  ].map(([value, word]) => el("option", { value }, word)));
  const windows = el("p", { class: "quiet windows" });
  const list = el("ol", { class: "endpoints", "aria-label": "Endpoints" });
  const more = el("button", { type: "button", onclick: () => { shown += MORE; draw(); } });
  const empty = el("p", { class: "empty", hidden: true });
  const rows = new Map();
  const seen = new Set();
  const sight = new IntersectionObserver(looked, { rootMargin: BEYOND });
  let shown = FIRST;
  let order = [];
  let ordered = "";

  main.append(
    picture.node,
    el(
      "section",
      { class: "card", "aria-labelledby": "endpoints-title" },
      el(
        "div",
        { class: "tools" },
        el("h2", { id: "endpoints-title" }, "Endpoints"),
        el("div", { class: "field inline" }, el("label", { for: search, class: "unseen" }, "Find an endpoint"), filter),
        el("div", { class: "field inline" }, el("label", { for: only.id, class: "unseen" }, "Which endpoints"), only),
        el("div", { class: "field inline" }, el("label", { for: sort.id, class: "unseen" }, "In which order"), sort),
      ),
      windows,
      el("div", { class: "heads", "aria-hidden": "true" }, HEADS.map((head) => el("span", {}, head))),
      list,
      empty,
      more,
      legend(),
    ),
  );

  /** Begin at the top of another list; while somebody types, no more often than the screen draws. */
  function another() {
    shown = FIRST;
    ordered = "";
    changed();
  }

  function looked(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) seen.add(target.dataset.route);
      else seen.delete(target.dataset.route);
      if (!target.isConnected) sight.unobserve(target);
    }
    changed();
  }

  function make(name) {
    const made = row(name);
    sight.observe(made.node);
    return made;
  }

  /** Put the names in order: when there are others, when something is taken back or given back, and when another list is asked for. */
  function arrange() {
    const troubled = model.names.filter((name) => isTaken(model.routes.get(name)));
    // Because rows that move while they are read are no help, more or less traffic alone moves none.
    const { word } = figuresOf();
    // Because the first minute has little to go by, it is looked at anew with each of its slots.
    const wanted = [sort.value, model.listed, word === "minute" ? word : model.over, ...troubled].join(" ");
    if (wanted === ordered) return;
    ordered = wanted;
    order = sort.value === "need" ? byNeed(model.names) : model.names;
  }

  function draw() {
    picture.draw();
    arrange();
    const words = filter.value.trim().toLowerCase().split(/\s+/);
    const wanted = order.filter((name) => fits(model.routes.get(name), words, only.value));
    const held = document.activeElement;
    reconcile(list, wanted.slice(0, shown), rows, make);
    // Because moving a row takes the keyboard's place from it, it is given back.
    if (held !== document.activeElement && list.contains(held)) held.focus({ preventScroll: true });
    const span = reach(BINS);
    const { seconds, word } = figuresOf();
    const figures = seconds ? `Figures are of the last ${word}, monolith / extracted.` : model.over ? "Figures come once the first seconds are over." : "Figures are being loaded.";
    text(windows, `${figures} Small charts show the last ${span.word}.`);
    for (const [name, one] of rows) one.draw(model.routes.get(name), span, seen.has(name));
    look([...rows.keys()].filter((name) => seen.has(name)));
    text(more, `Show more: ${count(Math.min(shown, wanted.length))} of ${many(wanted.length, "endpoint")} are shown`);
    show(more, wanted.length > shown);
    text(empty, model.names.length ? "No endpoint is like that." : "routes.yaml names no endpoint yet, so everything goes to the monolith.");
    show(empty, wanted.length === 0);
  }
  draw();
  const unwatch = watch(draw);
  return () => {
    unwatch();
    sight.disconnect();
    picture.end();
  };
}

const isTaken = (route) => Boolean(route?.guard) && route.guard.phase !== "closed";

/** What was taken back comes first, then what fails, then the rest, those with the most traffic first. */
function byNeed(names) {
  const need = new Map(
    names.map((name) => {
      const [theirs, ours] = [recent(name, "legacy"), recent(name, "extracted")];
      return [name, [isTaken(model.routes.get(name)) ? 2 : ours.failures ? 1 : 0, theirs.requests + ours.requests]];
    }),
  );
  return names.toSorted((a, b) => need.get(b)[0] - need.get(a)[0] || need.get(b)[1] - need.get(a)[1]);
}

const texts = new WeakMap();

/** What a route is found by; kept, because thousands are looked through for each key that is typed. */
function textOf(route) {
  if (!texts.has(route)) texts.set(route, `${route.methods.join(" ")} ${route.path} ${route.name} ${route.flag ?? ""} ${route.extracted ?? ""}`.toLowerCase());
  return texts.get(route);
}

function fits(route, words, which) {
  if (!route || !words.every((word) => textOf(route).includes(word))) return false;
  if (which === "all") return true;
  const { kind } = standing(route);
  if (which === "trouble") return ["tripped", "probing", "killed"].includes(kind) || recent(route.name, "extracted").failures > 0;
  if (which === "moving") return ["split", "mixed", "shadow", "probing", "tripped"].includes(kind);
  return kind === which || (which === "legacy" && kind === "shadow");
}

/** One endpoint of the list. */
function row(name) {
  const methods = el("span", { class: "methods" });
  const link = el("a", { href: `#/route/${encodeURIComponent(name)}` });
  const about = el("p", { class: "about" });
  const one = bar();
  const word = el("span", {});
  const why = el("span", { class: "why" });
  const legacy = el("b", { class: "legacy" });
  const extracted = el("b", { class: "extracted" });
  const failures = spark({ label: "Failures", value: failing, least: 5, words: (value) => `${value.toFixed(1)} %` });
  const times = spark({ label: "95th percentile", value: (bin) => bin.p95, least: 1, words: latency });
  const failed = el("span", { class: "latest" });
  const took = el("span", { class: "latest" });
  const node = el(
    "li",
    { class: "endpoint", "data-route": name },
    el("div", { class: "what" }, el("h3", {}, methods, link), about),
    el("div", { class: "how" }, one.node, el("p", { class: "state" }, word, why)),
    el("p", { class: "rates" }, el("span", {}, "Monolith ", legacy), el("span", {}, "Extracted ", extracted)),
    el("div", { class: "trend" }, el("span", { class: "trend-name" }, "Failures"), failures.node, failed),
    el("div", { class: "trend" }, el("span", { class: "trend-name" }, "95th percentile"), times.node, took),
  );

  let route = null;
  let told = "";
  let drawn = "";

  /** Draw what is another one since the last time; charts only where they are seen. */
  function draw(current, span, isSeen) {
    const is = standing(current);
    const isOther = route !== current;
    route = current;
    // Because what was taken back is told with how long ago, it changes with time.
    const state = [model.counted, is.kind, isTaken(route) ? Math.floor(now()) : ""].join(" ");
    if (isOther || state !== told) tell(is);
    told = state;
    if (isOther) drawn = "";
    const picture = [model.counted, model.marks.at(-1)?.seq, model.marks.length, span.width, span.bins].join(" ");
    if (!isSeen || picture === drawn) return;
    drawn = picture;
    const [history, done] = [model.history.get(name), marksOf(route)];
    failures.draw(history, done, model.over, span);
    times.draw(history, done, model.over, span);
  }

  function tell(is) {
    set(node, { class: `endpoint is-${is.kind}` });
    text(methods, route.methods.length ? route.methods.join(" ") : "ANY");
    text(link, route.path);
    text(about, `${route.name}${route.extracted ? ` → ${route.extracted}` : ""}`);
    one.draw(route);
    word.className = `chip ${is.kind}`;
    text(word, is.word);
    text(why, reason(route, is));
    set(why, { title: reason(route, is) });
    text(legacy, rate(perMinute(name, "legacy")));
    text(extracted, route.extracted ? rate(perMinute(name, "extracted")) : "–");
    const [theirs, ours] = [recent(name, "legacy"), recent(name, "extracted")];
    text(failed, pair(theirs, ours, (side) => part(side.failures, side.requests)));
    text(took, pair(theirs, ours, (side) => latency(side.p95)));
  }
  return { node, draw };
}

const pair = (legacy, extracted, word) => `${legacy.requests ? word(legacy) : "–"} / ${extracted.requests ? word(extracted) : "–"}`;

/** Why the share is what it is. */
export function reason(route, is) {
  if (!route.extracted) return "no extracted service is named";
  const says = `${route.flag ? `flag ${route.flag}` : "routes.yaml"} says ${share(is.wanted)}`;
  if (is.kind === "killed") return `the kill switch is on${isTaken(route) ? ", and it has tripped" : ""}; ${says}`;
  if (is.kind === "tripped") return `${says}; tripped ${ago(route.guard.since, now())}: ${route.guard.why}`;
  if (is.kind === "probing") return `at most ${share(is.bp)} for ${duration(now() - route.guard.since)}, to see whether it holds; ${says}. It tripped: ${route.guard.why}`;
  const told = route.flag ? [`flag ${route.flag}`] : ["fixed in routes.yaml"];
  if (is.held) told.push(`${share(is.held)} held back to compare with`);
  if (route.note) told.push(route.note);
  const stages = Object.entries(route.stages ?? {});
  if (stages.length > 1) told.push(stages.map(([stage, bp]) => `${stage} ${share(bp)}`).join(", "));
  if (route.guard?.is_alone) told.push("nothing left on the monolith to compare with");
  return told.join(" · ");
}

/** All requests of the last hour on one bar. */
function whole() {
  const title = el("h1", { tabindex: "-1" }, "Where requests are answered");
  const extracted = el("span", { class: "filled" });
  const named = el("span", { class: "named" });
  const track = el("div", { class: "whole", role: "img" }, extracted, named);
  const figures = ["Extracted", "Monolith, by a route", "Monolith, no route yet"].map((word, index) => {
    const value = el("b", {});
    return { node: el("p", { class: `key k${index}` }, el("span", { class: "swatch" }), `${word} `, value), value };
  });
  const line = el("p", { class: "lead" });
  const left = el("a", { href: "#/left", hidden: true });
  const node = el("section", { class: "card picture" }, title, line, track, el("p", {}, left), el("div", { class: "keys" }, figures.map((one) => one.node)));

  /** How much is left, as discovery knows it from a sample of paths. */
  async function ask() {
    try {
      const { left: found, today } = await read("progress");
      const part = today?.monolith_share === null || !today ? "" : `, ${Number((100 * today.monolith_share).toFixed(1))} % of today's requests`;
      const held = found.held ? `; ${many(found.held, "more endpoint")} held back in part` : "";
      text(left, `Monolith left: ${count(found.left)} of ${many(found.endpoints, "endpoint")} of live traffic${part}; ${count(found.unrouted)} without a route${held}`);
      show(left, found.endpoints > 0);
    } catch {
      show(left, false);
    }
  }
  const end = every(EVERY_MS, ask);

  function draw() {
    const sums = [model.sums.extracted, model.sums.legacy, model.sums.unrouted];
    const span = hourOf();
    const all = sums[0] + sums[1] + sums[2];
    extracted.style.width = all ? `${(100 * sums[0]) / all}%` : "0";
    named.style.width = all ? `${(100 * sums[1]) / all}%` : "0";
    const told = figures.map((figure, index) => text(figure.value, part(sums[index], all)).textContent);
    set(track, { "aria-label": `Of the requests ${span}: extracted ${told[0]}, monolith by a route ${told[1]}, monolith without a route ${told[2]}.` });
    const kinds = [...model.routes.values()].map((route) => standing(route).kind);
    const number = (...wanted) => kinds.filter((kind) => wanted.includes(kind)).length;
    const parts = [
      many(kinds.length, "route"),
      `${number("done")} extracted`,
      `${number("split", "mixed", "probing")} under way`,
      number("shadow") ? `${number("shadow")} shadowed` : "",
      number("tripped", "killed") ? `${number("tripped", "killed")} taken back` : "",
    ];
    if (model.over) parts.push(`${count(all)} requests ${span}`);
    text(line, parts.filter(Boolean).join(" · "));
  }
  return { node, draw, end };
}

function legend() {
  const entries = [
    ["line legacy", "Monolith"],
    ["line extracted", "Extracted"],
    ["mark trip", "Trip or kill"],
    ["mark reset", "Reset or release"],
    ["mark change", "Flag"],
    ["mark file", "Routes file"],
  ];
  return el("p", { class: "legend", "aria-label": "Legend" }, entries.map(([kind, word]) => el("span", {}, el("span", { class: `sample ${kind}` }), word)));
}

