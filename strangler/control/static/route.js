// One endpoint: how far it has come and the controls for it, both sides over time, its guard, its differences, its log.

import { read, part as enc } from "./api.js";
import { auditList } from "./audit.js";
import { bar } from "./bar.js";
import { chart } from "./chart.js";
import { el, fresh, put, set, show, text } from "./dom.js";
import { latency, moment, rate } from "./format.js";
import { guardPanel } from "./guard.js";
import { look } from "./hour.js";
import { isAbout, marksOf, model, now, reach, slotsOf, standing, watch } from "./model.js";
import { reason } from "./overview.js";
import { failing, kindOf } from "./series.js";
import { shadowPanel } from "./shadow.js";
import { shareControl } from "./share.js";
import { every } from "./turns.js";
import { table } from "./ui.js";

const DAY = { width: 300, bins: 288, word: "day" };
const DAY_EVERY_MS = 60000;

/** Show one route in `main`; return a function that ends it. */
export function routeView(main, name) {
  if (!model.routes.has(name)) {
    main.append(el("section", { class: "card" }, el("h1", { tabindex: "-1" }, "No such endpoint"), el("p", {}, `routes.yaml has no route named ${name}. `, el("a", { href: "#/" }, "All endpoints"))));
    return watch(() => {
      if (model.routes.has(name)) window.dispatchEvent(new HashChangeEvent("hashchange"));
    });
  }
  const first = model.routes.get(name);
  const is = identity(first);
  const picture = bar();
  const word = el("span", {});
  const why = el("p", { class: "why" });
  const gone = el("p", { class: "fault", hidden: true }, "routes.yaml does not have this route any more.");
  const control = first.flag ? shareControl(first.flag) : null;
  const charts = chartsOf(name);
  const guard = guardPanel(name);
  const shadow = shadowPanel(name);
  const log = logOf(name);

  put(
    main,
    el("nav", { "aria-label": "Where you are", class: "crumbs" }, el("a", { href: "#/" }, "Endpoints"), el("span", { "aria-hidden": "true" }, " / "), el("span", { "aria-current": "page" }, name)),
    el(
      "section",
      { class: "card subject", "aria-labelledby": "route-title" },
      el("h1", { id: "route-title", tabindex: "-1" }, el("span", { class: "methods" }, first.methods.join(" ") || "ANY"), el("span", { class: "mono" }, first.path)),
      el("p", { class: "about" }, first.extracted ? `${name}: monolith → ${first.extracted}${first.flag ? ", by the flag " : ", fixed in routes.yaml"}` : `${name}: stays on the monolith`, first.extracted && first.flag ? el("a", { href: `#/flag/${enc(first.flag)}` }, first.flag) : null),
      gone,
      picture.node,
      el("p", { class: "state" }, word),
      why,
    ),
    el(
      "div",
      { class: "columns" },
      charts.node,
      el(
        "section",
        { class: "card", "aria-labelledby": "share-title" },
        el("h2", { id: "share-title" }, "How far it has come"),
        el("p", { class: "quiet" }, el("a", { href: `#/file/${enc(name)}` }, "Edit it in the routes file")),
        control ? control.node : el("p", {}, first.extracted ? "Its share stands in routes.yaml; change it there." : "Name an extracted service in routes.yaml to begin.", " ", ""),
      ),
    ),
    guard.node,
    shadow.node,
    log.node,
  );

  function draw() {
    const route = model.routes.get(name);
    show(gone, !route);
    if (!route) return;
    if (identity(route) !== is) {
      window.dispatchEvent(new HashChangeEvent("hashchange"));
      return;
    }
    const stands = standing(route);
    look([name]);
    picture.draw(route);
    word.className = `chip ${stands.kind}`;
    text(word, stands.word);
    text(why, reason(route, stands));
    control?.update();
    charts.draw(route);
    guard.update();
    shadow.update();
    log.draw(route);
  }
  draw();
  const unwatch = watch(draw);
  return () => {
    unwatch();
    guard.end();
    charts.end();
  };
}

/** What the view is made for: where the file has it otherwise, it is made anew. */
const identity = (route) => JSON.stringify([route.methods, route.path, route.extracted, route.flag, Boolean(route.guard)]);

/** Requests, failures and latency of both sides, over an hour or a day. */
function chartsOf(name) {
  const requests = chart({ title: "Requests a minute", value: (bin, width) => (bin.requests ? (bin.requests * 60) / width : null), words: rate, least: 1 });
  const failures = chart({ title: "Failures", value: failing, words: (value) => `${Number(value.toFixed(1))} %`, least: 5 });
  const middle = chart({ title: "Latency, 50th percentile", value: (bin) => bin.p50, words: latency, least: 1 });
  const high = chart({ title: "Latency, 95th percentile", value: (bin) => bin.p95, words: latency, least: 1 });
  const reached = el("p", { class: "quiet" });
  const done = el("ol", { class: "deeds" });
  const numbers = el("details", { class: "numbers", ontoggle: () => tabulate() }, el("summary", {}, "The same as a table"));
  let isDay = false;
  let day = null;
  let loaded = 0;
  let end = () => {};
  let route = null;
  let drawn = "";
  const buttons = ["Hour", "Day"].map((word, index) => el("button", { type: "button", "aria-pressed": String(index === 0), onclick: () => choose(index) }, word));
  const node = el(
    "section",
    { class: "card", "aria-labelledby": "charts-title" },
    el("div", { class: "tools" }, el("h2", { id: "charts-title" }, "Both sides"), el("div", { class: "choice", role: "group", "aria-label": "Span" }, buttons)),
    reached,
    el("p", { class: "legend" }, ["legacy", "extracted"].map((side) => el("span", {}, el("span", { class: `sample line ${side}` }), side === "legacy" ? "Monolith" : "Extracted"))),
    el("div", { class: "charts" }, requests.node, failures.node, middle.node, high.node),
    done,
    numbers,
  );

  function choose(chosen) {
    isDay = chosen === 1;
    buttons.forEach((button, index) => set(button, { "aria-pressed": String(index === chosen) }));
    end();
    end = isDay ? every(DAY_EVERY_MS, loadDay) : () => {};
    if (!isDay) draw(route);
  }

  async function loadDay() {
    try {
      const found = await read(`history?span=day&routes=${enc(name)}`);
      const sides = found.routes[name] ?? {};
      day = Object.fromEntries(Object.entries(sides).map(([side, columns]) => [side, slotsOf(columns)]));
      loaded += 1;
    } catch {
      // What was loaded before stays; the line at the top says that there is no connection.
    }
    if (isDay) draw(route);
  }

  function draw(found) {
    route = found;
    const span = isDay ? DAY : reach(120);
    const history = isDay ? day : model.history.get(name);
    const marks = marksOf(route);
    const picture = [isDay, isDay ? loaded : model.counted, model.over, marks.at(-1)?.seq, marks.length, span.width, span.bins].join(" ");
    if (picture === drawn) return;
    drawn = picture;
    tabulate();
    for (const one of [requests, failures, middle, high]) one.draw(history, marks, model.over, span);
    text(reached, `The last ${span.word}, as far as it is over.`);
    const from = now() - span.width * span.bins;
    const latest = marks.filter((mark) => mark.at >= from).slice(-5).reverse();
    const told = latest.map((mark) => mark.seq).join(" ");
    // Because somebody may be reading them, they are not written anew while they are the same.
    if (told !== done.dataset.told) put(done, latest.map(deed));
    done.dataset.told = told;
    show(done, done.children.length > 0);
  }

  function deed(mark) {
    const { shape, word } = kindOf(mark);
    return el("li", {}, el("span", { class: `sample mark ${shape}` }), el("time", {}, moment(mark.at)), " ", el("b", {}, word), ` by ${mark.who}: ${mark.why}`);
  }

  function tabulate() {
    if (numbers.querySelector(".scroll")?.contains(document.activeElement)) return;
    while (numbers.children.length > 1) numbers.lastChild.remove();
    if (!numbers.open) return;
    const history = isDay ? day : model.history.get(name);
    const step = isDay ? DAY.width : model.step;
    const slots = (side) => [...(history?.[side]?.values() ?? [])].filter((slot) => slot.at + step <= model.over).slice(-30);
    const rows = ["legacy", "extracted"].flatMap((side) => slots(side).map((slot) => ({ ...slot, side }))).sort((a, b) => b.at - a.at || a.side.localeCompare(b.side));
    numbers.append(
      table(
        "The latest slots of both sides",
        ["From", "Side", "Requests", "Failures", "p50", "p95"],
        rows.map((slot) => el("tr", {}, el("td", {}, moment(slot.at)), el("td", {}, slot.side === "legacy" ? "Monolith" : "Extracted"), ...[slot.requests, slot.failures, latency(slot.p50), latency(slot.p95)].map((value) => el("td", { class: "number" }, String(value))))),
      ),
    );
  }
  return { node, draw, end: () => end() };
}

/** Who changed what: all that could have moved the route's traffic, or one part of that. */
function logOf(name) {
  let about = [];
  let route = model.routes.get(name);
  const subjects = el("select", { id: fresh("subject"), onchange: () => log.restart() });
  offer();
  const asked = () => about[subjects.selectedIndex][1];
  const log = auditList(asked, { isFresh: (mark) => (asked().route ? isAbout(mark, route) : mark.subject === asked().subject), follows: true });
  const node = el(
    "section",
    { class: "card", "aria-labelledby": "log-title" },
    el("div", { class: "tools" }, el("h2", { id: "log-title" }, "Who changed what"), el("div", { class: "field inline" }, el("label", { for: subjects.id }, "About"), subjects)),
    log.node,
  );

  /** Offer what there is by now; the flag may have been told to ask others first. */
  function offer() {
    const flags = [route.flag, ...route.prerequisites].filter(Boolean);
    const wanted = [
      ["all that could have moved it", { route: name }],
      [`the route ${name}`, { subject: name }],
      ...flags.map((flag) => [`the flag ${flag}`, { subject: flag }]),
      ["the kill switch", { subject: "*" }],
      ["the routes file", { subject: "routes" }],
    ];
    const words = wanted.map(([word]) => word);
    if (String(words) === String(about.map(([word]) => word))) return;
    const chosen = subjects.value;
    about = wanted;
    put(subjects, words.map((word) => el("option", { value: word }, word)));
    if (words.includes(chosen)) subjects.value = chosen;
  }

  function draw(found) {
    route = found;
    offer();
    log.update();
  }
  return { node, draw };
}
