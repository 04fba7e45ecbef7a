// What comparisons of one route have shown: the statement of parity, and every kind of difference with both values.

import { change, part as enc, read } from "./api.js";
import { el, put } from "./dom.js";
import { ago, count, many, moment, part, pretty } from "./format.js";
import { mayChange, model, now } from "./model.js";
import { turns } from "./turns.js";
import { action, ask, chip, facts, gateNote, load, notify } from "./ui.js";

const NATURES = {
  regression: ["regression", "differs because the sides do"],
  noise: ["noise", "differs between two answers of one side as well"],
  undecided: ["undecided", "too few were asked twice to say"],
};
const FIRST = 20;
/** How long a picture of the comparisons stands before it is loaded again because more was compared. */
const AGAIN_MS = 5000;

/** Return the panel of a route's comparisons. */
export function shadowPanel(name) {
  const body = el("div", { class: "loaded" });
  const note = gateNote();
  const refresh = el("button", { type: "button", onclick: reload }, "Load anew");
  const forget = action("Begin anew…", forgetting);
  const node = el(
    "section",
    { class: "card", "aria-labelledby": "shadow-title" },
    el("h2", { id: "shadow-title" }, "Differences between both sides"),
    body,
    note.node,
    el("div", { class: "buttons start" }, refresh, forget.node),
  );

  let seen = "";
  let asked = -Infinity;
  let isAsking = false;
  const asking = turns();
  const counted = () => JSON.stringify(model.routes.get(name)?.shadow ?? null);

  async function reload() {
    seen = counted();
    asked = performance.now();
    isAsking = true;
    const isNewest = asking();
    await load(body, () => read(`shadow/${enc(name)}`), (found) => draw(found, accepting));
    if (isNewest()) isAsking = false;
  }

  /** Load what was compared since, unless somebody is in the middle of it; what is open stays open. */
  async function follow() {
    if (isAsking || counted() === seen || performance.now() - asked < AGAIN_MS || isInUse()) return;
    const before = counted();
    asked = performance.now();
    isAsking = true;
    const isNewest = asking();
    try {
      const found = await read(`shadow/${enc(name)}`);
      if (isNewest() && !isInUse()) {
        const open = new Set(kinds().filter((one) => one.open).map((one) => one.dataset.kind));
        const refocus = focused();
        put(body, draw(found, accepting, kinds().length > FIRST));
        for (const one of kinds()) one.open = open.has(one.dataset.kind);
        refocus();
        seen = before;
      }
    } catch {
      // What was loaded stays, and is asked for again; the line at the top says if there is no connection.
    } finally {
      if (isNewest()) isAsking = false;
    }
  }

  const kinds = () => [...body.querySelectorAll("details")];

  /** Remember where the keyboard is, and return what takes it there again. */
  function focused() {
    const within = (one) => [...one.querySelectorAll("summary, pre, button")];
    const held = kinds().find((one) => one.contains(document.activeElement));
    const index = held ? within(held).indexOf(document.activeElement) : -1;
    return () => {
      const there = kinds().find((one) => one.dataset.kind === held?.dataset.kind);
      if (there) within(there)[index]?.focus({ preventScroll: true });
    };
  }

  /** Whether a question is open or text in it is selected: then it is left as it is. */
  function isInUse() {
    const selected = document.getSelection();
    return Boolean(document.querySelector("dialog[open]")) || (!selected.isCollapsed && body.contains(selected.anchorNode));
  }

  async function accepting(place) {
    const isDone = await ask({
      title: `Accept ${place} as intended`,
      body: el("p", {}, `A rule in routes.yaml says from then on that what differs at ${place} in answers of ${name} does not matter. Nothing else of the file changes. What was found of ${name} is forgotten with it, and counting begins anew: what was counted so far was counted without the rule.`),
      verb: "Accept",
      run: (reason, tag) => change("POST", `shadow/${enc(name)}/accept`, { path: place, reason }, tag),
    });
    if (isDone) notify(`${place} is ignored from now on; the rule stands in routes.yaml, and counting begins anew.`);
  }

  async function forgetting() {
    const isDone = await ask({
      title: `Forget what was compared of ${name}`,
      body: el("p", {}, "Counts, differences and examples of this route are deleted, and comparing begins anew. The audit log keeps the counts."),
      verb: "Forget",
      danger: true,
      run: (reason, tag) => change("POST", `shadow/${enc(name)}/reset`, { reason }, tag),
    });
    if (!isDone) return;
    notify(`Comparing ${name} begins anew.`);
    reload();
  }

  function update() {
    const isThere = Boolean(model.routes.get(name)?.shadow);
    if (node.hidden === isThere || !body.firstChild) {
      node.hidden = !isThere;
      if (isThere) reload();
    } else if (isThere && !document.hidden) follow();
    forget.gate();
    note.update();
  }
  return { node, update };
}

/** What was found; the kinds after the first ones are shown at once if `isAll`. */
function draw(found, accept, isAll = false) {
  const { counts, parity } = found;
  const dropped = Object.values(found.dropped).reduce((sum, one) => sum + one, 0);
  const groups = found.groups;
  const first = isAll ? groups.length : FIRST;
  const list = el("ol", { class: "differences" }, groups.slice(0, first).map((one) => group(one, accept)));
  const rest = groups.slice(first);
  const more = el("button", { type: "button", class: "more", onclick: () => { list.append(...rest.map((one) => group(one, accept))); more.remove(); } }, `Show ${many(rest.length, "more", "more")}`);
  return [
    el("p", { class: "lead" }, statement(counts, parity)),
    facts([
      ["Compared", count(counts.compared)],
      ["Equal", `${count(counts.equal)} (${part(counts.equal, counts.compared)})`],
      ["Equal by a rule", count(counts.ignored)],
      ["Different", `${count(counts.different)} (${part(counts.different, counts.compared)})`],
      ["Without an answer", silences(found.unanswered)],
      ["Not comparable", count(counts.not_comparable)],
      ["Not asked", count(dropped)],
      found.last ? ["Latest", ago(found.last, now())] : null,
    ]),
    groups.length ? el("h3", {}, many(groups.length, "kind of difference", "kinds of difference")) : el("p", { class: "quiet" }, "No difference was found."),
    groups.length ? list : null,
    rest.length ? more : null,
  ];
}

/** What the shadowed side did not answer, by that side and why. */
function silences(unanswered) {
  const told = Object.entries(unanswered).flatMap(([side, whys]) =>
    Object.entries(whys).map(([why, one]) => `${count(one)} ${why.replaceAll("_", " ")}${side === "legacy" ? " (monolith)" : ""}`));
  return told.length ? told.join(", ") : "0";
}

function statement(counts, parity) {
  if (!counts.compared && !counts.no_answer) return "Nothing was compared yet.";
  const bound = `With a confidence of ${Math.round(parity.confidence * 100)} %, at least ${(parity.anytime_bound * 100).toFixed(2)} % of answers are the same, however often this is looked at; no answer counts as different.`;
  const asked = counts.compared + counts.no_answer;
  if (parity.left_alone > 0.01 * (asked + parity.left_alone)) {
    return `${bound} But ${count(parity.left_alone)} requests were not asked, while the other side was left alone after failures, and nothing is known of those.`;
  }
  const open = parity.needed.find((one) => one.equal_more > 0);
  return open ? `${bound} ${count(open.equal_more)} more equal ones in a row would show ${open.parity * 100} %.` : bound;
}

/** One kind of difference at one place; open it for examples with both values side by side. */
function group(one, accept) {
  const [word, told] = NATURES[one.nature] ?? [one.nature, ""];
  return el(
    "li",
    {},
    el(
      "details",
      { "data-kind": `${one.kind} ${one.place}` },
      el(
        "summary",
        {},
        el("span", { class: "mono place" }, one.place),
        chip(one.kind.replaceAll("_", " ")),
        chip(word, one.nature),
        el("span", { class: "times" }, many(one.count, "time")),
      ),
      el("p", { class: "quiet" }, `${told ? `${word}: ${told}. ` : ""}First ${moment(one.first)}, latest ${moment(one.last)}. Asked twice: ${count(one.raw_only)} between the sides alone, ${count(one.noise_only)} within one side alone, ${count(one.both)} both.`),
      one.examples.map(example),
      one.place.startsWith("$") && mayChange() ? el("button", { type: "button", onclick: () => accept(one.place) }, "Accept as intended…") : null,
    ),
  );
}

function example(one) {
  const value = (title, text) => el("div", { class: "value" }, el("h4", { class: "term" }, title), text === "" ? el("p", { class: "quiet" }, "nothing") : el("pre", { tabindex: "0" }, pretty(text)));
  return el(
    "article",
    { class: "example" },
    el("p", { class: "mono request" }, `${one.method} ${one.path}`),
    el("div", { class: "sides" }, value("Answered", one.primary), value("Shadow", one.shadow)),
    el("p", { class: "quiet" }, `${moment(one.at)} · request ${one.request_id}`),
  );
}
