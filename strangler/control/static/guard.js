// The guard of one route: its phase, the rules with what they measured, the evidence of a trip, and trip and reset.

import { change, part as enc, read } from "./api.js";
import { el, put, show } from "./dom.js";
import { count, latency, many, moment, names } from "./format.js";
import { model } from "./model.js";
import { every } from "./turns.js";
import { action, ask, chip, facts, gateNote, load, notify, table } from "./ui.js";

const EVERY_MS = 2000;
const METRICS = {
  error_rate: "Failures, short window",
  connect_failures: "Failed connections in a row",
  latency: "Latency",
  sequential: "Fails more often than the monolith",
  mismatch_rate: "Answers that differ",
};
/** What stands before what a rule measures, and what it counts, where that is not requests. */
const UNITS = { sequential: ["evidence ", "failure"], connect_failures: ["", "connection"], mismatch_rate: ["", "comparison"] };
const PHASES = {
  tripped: "Tripped: the monolith answers until a person resets it.",
  cooling: "Cooling: the monolith answers, and the route comes back by itself.",
  probing: "Probing: a small share tries whether it holds.",
};
const VERDICTS = { hold: "too little data", fine: "fine", breach: "breach" };

/** Return the panel of a route's guard. */
export function guardPanel(name) {
  const body = el("div", { class: "loaded" });
  const note = gateNote();
  const reset = action("Reset…", () => asking(resetting), { class: "primary" });
  const trip = action("Take back now…", () => asking(tripping));
  const node = el(
    "section",
    { class: "card", "aria-labelledby": "guard-title" },
    el("h2", { id: "guard-title" }, "Guard"),
    body,
    note.node,
    el("div", { class: "buttons start" }, reset.node, trip.node),
  );
  let end = () => {};
  let isFirst = true;
  let phase = null;
  let told = "";

  function drawn(guard) {
    phase = guard.phase;
    told = JSON.stringify(guard);
    return draw(guard);
  }

  async function refresh() {
    if (isFirst) await load(body, () => read(`guards/${enc(name)}`), drawn);
    else await quietly();
    isFirst = false;
  }

  async function quietly() {
    if (document.hidden) return;
    try {
      const found = await read(`guards/${enc(name)}`);
      // Because somebody may be reading, what is the same is not written anew, and what has the focus stays as it is
      // until the phase is another one.
      if (JSON.stringify(found) === told) return;
      if (found.phase === phase && body.contains(document.activeElement)) return;
      const open = [...body.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
      put(body, drawn(found));
      for (const one of body.querySelectorAll("summary")) if (open.includes(one.textContent)) one.parentElement.open = true;
    } catch {
      // The line at the top of the page says already that there is no connection.
    }
  }

  const offered = () => [reset.node, trip.node].find((one) => !one.hidden);

  /** Put a question; afterwards the keyboard goes on from the button that is there by then. */
  async function asking(question) {
    await question(name);
    if (document.activeElement === document.body) offered()?.focus({ preventScroll: true });
  }

  function update() {
    const held = [reset.node, trip.node].find((one) => one === document.activeElement);
    const route = model.routes.get(name);
    const current = route?.guard?.phase;
    show(node, Boolean(current));
    show(reset.node, Boolean(current) && current !== "closed");
    show(trip.node, current === "closed" || current === "probing");
    reset.gate();
    trip.gate();
    if (held?.hidden) offered()?.focus({ preventScroll: true });
    note.update();
  }
  if (model.routes.get(name)?.guard) end = every(EVERY_MS, refresh);
  return { node, update, end: () => end() };
}

function draw(guard) {
  return [
    el("p", { class: `phase ${guard.phase}` }, chip(guard.phase, guard.phase === "closed" ? "done" : "tripped"), " ", guard.phase === "closed" ? `Closed: the route follows ${leader(guard.route)}.` : (PHASES[guard.phase] ?? "")),
    guard.phase === "closed" ? null : cause(guard),
    guard.is_alone ? el("p", { class: "gate" }, "No requests reach the monolith, so there is nothing to compare with: only absolute limits guard this route.") : null,
    current(guard),
    facts([
      ["Evidence of a regression", `${guard.sequential.log_e.toFixed(2)} (peak ${guard.sequential.peak.toFixed(2)})`],
      ["Failures compared", `${count(guard.sequential.extracted_failures)} extracted, ${count(guard.sequential.legacy_failures)} monolith`],
      ["Trips so far", count(guard.trips)],
    ]),
  ];
}

/** What each rule measures now; not while the monolith answers everything, because then it says nothing of the trip. */
function current(guard) {
  if (guard.phase === "tripped" || guard.phase === "cooling") return null;
  return guard.findings.length ? rules(guard.findings, "What each rule measures now") : el("p", { class: "quiet" }, "No request of the extracted side was judged yet.");
}

/** Why it tripped: the sentence, what every rule said then, and some of the requests that failed. */
function cause(guard) {
  const found = guard.cause ?? {};
  const samples = found.samples ?? [];
  return el(
    "div",
    { class: "cause" },
    el("p", { class: "because" }, found.why ?? "No cause was recorded."),
    facts([
      ["Since", moment(guard.since)],
      ["By", found.who ?? "guard"],
      found.share_bp === undefined || found.share_bp === null ? null : ["Share then", `${found.share_bp / 100} %`],
      guard.wake_at ? ["Comes back", moment(guard.wake_at)] : null,
    ]),
    found.findings?.length ? rules(found.findings, `What each rule${found.with ? ` of ${found.with}` : ""} said when it tripped`, found.rule) : null,
    samples.length
      ? el(
          "details",
          {},
          el("summary", {}, `The last ${samples.length} requests that failed`),
          table(
            "Requests that failed",
            ["Request", "Outcome", "Upstream", "Took", "Detail"],
            samples.map((one) =>
              el(
                "tr",
                {},
                el("td", { class: "mono" }, `${one.method ?? ""} ${one.path ?? ""}`),
                el("td", {}, `${one.outcome ?? ""}${one.status ? ` ${one.status}` : ""}`),
                el("td", { class: "mono" }, one.upstream ?? ""),
                el("td", { class: "number" }, latency(one.ms)),
                el("td", {}, one.detail ?? ""),
              ),
            ),
          ),
        )
      : null,
  );
}

/** What rules say, with the figures that it rests on; `tripped` is the one that took the traffic back. */
function rules(findings, caption, tripped = null) {
  const isIt = (one) => tripped !== null && one.metric === tripped.metric && one.quantile === tripped.quantile;
  const row = (one) =>
    el(
      "tr",
      { class: isIt(one) ? "tripped" : null },
      el("th", { scope: "row" }, metric(one)),
      el("td", {}, chip(VERDICTS[one.verdict] ?? one.verdict, one.verdict), one.dry_run ? " dry run" : "", isIt(one) ? el("b", {}, " it tripped") : ""),
      el("td", { class: "number" }, `${UNITS[one.metric]?.[0] ?? ""}${value(one.metric, one.measured)}`),
      el("td", { class: "number" }, value(one.metric, one.limit)),
      el("td", { class: "number" }, one.baseline === null ? "–" : value(one.metric, one.baseline)),
      el("td", { class: "number" }, many(one.requests, UNITS[one.metric]?.[1] ?? "request")),
    );
  return [el("h3", {}, caption), table(caption, ["Rule", "Says", "Measured", "Limit", "Monolith", "Rests on"], findings.map(row))];
}

const metric = (one) => (one.quantile ? `p${Number((one.quantile * 100).toFixed(2))} latency` : (METRICS[one.metric] ?? one.metric));

function value(kind, number) {
  if (kind === "latency") return latency(number * 1000);
  if (kind === "error_rate" || kind === "mismatch_rate") return `${(number * 100).toFixed(1)} %`;
  return Number(number.toFixed(2)).toString();
}

/** What says how much of a route the extracted side answers. */
const leader = (name) => (model.routes.get(name)?.flag ? "its flag" : "routes.yaml");

/** The routes that trip and reset with this one. */
const cohort = (name) => {
  const found = model.routes.get(name);
  return found?.cohort ? [...model.routes.values()].filter((route) => route.cohort === found.cohort).map((route) => route.name) : [name];
};

async function resetting(name) {
  const also = cohort(name).filter((one) => one !== name && (model.routes.get(one).guard?.phase ?? "closed") !== "closed");
  await ask({
    title: `Reset ${name}`,
    body: el("p", {}, `It follows ${leader(name)} again at once${also.length ? `; with it ${names(also, 8)}` : ""}. The guard begins to count anew.`),
    verb: "Reset",
    run: async (reason, tag) => {
      const done = await change("POST", `guards/${enc(name)}/reset`, { reason }, tag);
      notify(`Reset: ${names(done.reset, 8)}.`);
    },
  });
}

async function tripping(name) {
  const also = cohort(name).filter((one) => one !== name);
  await ask({
    title: `Take ${name} back`,
    body: el("p", {}, `The monolith answers every request of it until a person resets it${also.length ? `; with it ${names(also, 8)}` : ""}.`),
    verb: "Take back",
    danger: true,
    run: async (reason) => {
      // Because taking traffic back must not be refused for somebody else's change, it holds whatever has changed meanwhile.
      const done = await change("POST", `guards/${enc(name)}/trip`, { reason }, "*");
      notify(`Taken back: ${names(done.tripped, 8)}.`);
    },
  });
}
