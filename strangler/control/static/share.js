// How far a flag has come: on or off, a share, or a stage; what that would mean is said before it is done.

import { change, part as enc, read } from "./api.js";
import { el, fresh, set, show, text } from "./dom.js";
import { count, many, names, rate, share } from "./format.js";
import { look } from "./hour.js";
import { hourOf, lately, latelyOf, mayChange, model, ofTheHour, standing } from "./model.js";
import { turns } from "./turns.js";
import { action, ask, facts, gate, gateNote, notify } from "./ui.js";

/** Where the slider stops: as many steps between two marks as between any others, because the first per cents matter most. */
const STOPS = [0, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 75, 90, 100];
const FULL = 10000;
/** How often, and at which distance, it is looked whether every worker serves what was set. */
const REACH_TRIES = 8;
const REACH_MS = 250;
/** Routes of one flag whose hour is looked at. */
const MOST_LOOKED = 300;
const MARKS = [0, 1, 5, 25, 50, 100];
const STAGES = [
  ["off", "the monolith alone", false],
  ["dualwrite", "writes to both, reads from the monolith", false],
  ["shadow", "reads asked of both, the monolith answers", false],
  ["live", "the extracted side answers, the monolith is compared", true],
  ["rampdown", "the extracted side answers, writes go to both", true],
  ["complete", "the extracted side alone", true],
];

/** Return the controls of the flag `key`, and a function to call when the state has changed. */
export function shareControl(key) {
  const slider = el("input", { id: fresh("slider"), type: "range", min: 0, max: STOPS.length - 1, step: 1, oninput: slid, onkeydown: jumped });
  const exact = el("input", { id: fresh("exact"), type: "number", min: 0, max: 100, step: "any", inputmode: "decimal", oninput: typed });
  const meaning = el("p", { class: "meaning", role: "status", "aria-live": "off" });
  const apply = action("Set share…", () => setShare(Number(exact.value)), { class: "primary" });
  const toggle = action("", toggled);
  const stage = el("select", { id: fresh("stage"), onchange: chosen }, STAGES.map(([value, word]) => el("option", { value }, `${value}: ${word}`)));
  const some = el("input", { id: fresh("some"), type: "number", min: 0, max: 100, step: "any", value: 100, inputmode: "decimal", oninput: chosen });
  const setStage = action("Set stage…", () => staged(stage.value, Number(some.value)));
  const note = gateNote();
  const now = el("p", { class: "now" });
  const shareField = el(
    "fieldset",
    {},
    el("legend", {}, "Share of the extracted side"),
    el("div", { class: "slide" }, el("label", { for: slider.id, class: "unseen" }, "Share, in steps"), slider, scale()),
    el("div", { class: "field inline" }, el("label", { for: exact.id }, "Exactly"), exact, el("span", { "aria-hidden": "true" }, "%")),
    meaning,
    apply.node,
  );
  const stageField = el(
    "fieldset",
    { hidden: true },
    el("legend", {}, "Stage of the migration"),
    el("div", { class: "field inline" }, el("label", { for: stage.id }, "Stage"), stage),
    el("div", { class: "field inline" }, el("label", { for: some.id }, "For"), some, el("span", {}, "% of the keys; the rest is in the stage before")),
    setStage.node,
  );
  const node = el("div", { class: "flag" }, now, note.node, toggle.node, shareField, stageField);
  let flag = null;
  let isEdited = false;
  let isEmbedded = true;
  let version = -1;
  const asking = turns();

  const routes = () => [...model.routes.values()].filter((route) => route.flag === key);

  function slid() {
    exact.value = STOPS[slider.value];
    edited();
  }

  /** Because a stage that was chosen is to be there when the button is pressed, whatever comes meanwhile. */
  function chosen() {
    isEdited = true;
  }

  /** Page up and page down go from mark to mark. */
  function jumped(event) {
    const way = { PageUp: 1, PageDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const there = STOPS[slider.value];
    const next = way > 0 ? MARKS.find((mark) => mark > there) : MARKS.findLast((mark) => mark < there);
    if (next === undefined) return;
    slider.value = STOPS.indexOf(next);
    slid();
  }

  function typed() {
    slider.value = nearest(Number(exact.value));
    edited();
  }

  function edited() {
    isEdited = true;
    // Because what it means changes with traffic, it is read aloud only where it is asked for.
    set(meaning, { "aria-live": "polite" });
    tell();
  }

  /** Say what the share that is chosen would mean in requests a minute. */
  function tell() {
    const percent = Number(exact.value);
    const isSound = exact.value !== "" && percent >= 0 && percent <= 100;
    set(slider, { "aria-valuetext": `${percent} %` });
    // Because a basis point is the finest share that there is, and 2.55 * 100 is not quite 255.
    const isFine = Math.abs(percent * 100 - Math.round(percent * 100)) < 1e-6;
    const wrong = isFine ? "A share is a number from 0 to 100." : "A share is no finer than 0.01 %.";
    text(meaning, isSound && isFine ? consequence(Math.round(percent * 100), routes(), flag) : wrong);
    gate(apply.node, isEmbedded && isSound && isFine && (percent !== (flag?.served_bp ?? 0) / 100 || !flag?.on));
  }

  async function refresh() {
    const isNewest = asking();
    try {
      const found = await read("flags");
      if (!isNewest()) return;
      isEmbedded = found.source === "embedded";
      flag = found.flags.find((one) => one.key === key) ?? null;
      if (!isEmbedded) text(now, `Flags come from ${found.source}; this one is changed there and followed here.`);
    } catch (error) {
      if (!isNewest()) return;
      text(now, error.message);
      version = -1;
      return;
    }
    draw();
  }

  function draw() {
    const bp = flag?.served_bp;
    if (!isEdited && document.activeElement !== exact) {
      exact.value = (bp ?? 0) / 100;
      slider.value = nearest((bp ?? 0) / 100);
    }
    if (isEmbedded) {
      text(now, flag === null ? "There is no such flag yet, so all of its routes are the monolith's." : stateOf(flag, routes()));
    }
    text(toggle.node, flag?.on ? "Turn the flag off…" : "Turn the flag on…");
    gate(toggle.node, isEmbedded);
    const isMigration = flag?.kind === "migration";
    show(stageField, isMigration);
    show(shareField, !isMigration);
    gate(setStage.node, isEmbedded);
    if (isMigration && flag.stage && document.activeElement !== stage && !isEdited) stage.value = flag.stage;
    for (const control of [slider, exact, stage, some]) set(control, { disabled: !isEmbedded || !mayChange() });
    note.update();
    set(meaning, { "aria-live": "off" });
    tell();
  }

  /** Ask for the flag again only when flags have changed. */
  function update() {
    if (model.head.flags.version !== version) {
      version = model.head.flags.version;
      refresh();
    } else draw();
  }

  async function send(word, title, body) {
    const isDone = await ask({
      title,
      body,
      verb: title.split(" ")[0],
      run: async (reason, tag) => {
        const changed = await change("PUT", `flags/${enc(key)}`, { set: word, reason }, tag);
        for (const caution of changed.cautions ?? []) notify(caution, "warning");
      },
    });
    if (!isDone) return;
    isEdited = false;
    // Because a button that offers nothing any more loses the keyboard's place.
    if (document.activeElement === apply.node) slider.focus({ preventScroll: true });
    refresh();
    notify(`The flag ${key} says ${word} now, ${await reached()}.`);
  }

  /** Which routes a change is about, and what it would mean for their requests. */
  const about = (told, bp, last) => [
    el("p", {}, told),
    bp === null ? null : el("p", {}, consequence(bp, routes(), flag, last)),
    facts([["Routes", names(routes().map((route) => route.name), 8)]]),
  ];

  function setShare(percent) {
    send(`${percent}%`, `Set ${key} to ${percent} %`, about("Targets and rules of the flag stay as they are.", percent * 100));
  }

  function toggled() {
    const word = flag?.on ? "off" : "on";
    const told =
      word === "off"
        ? `Everybody gets what the flag says when it is off. Its percentage (${share(flag.share_bp)}) is kept for when it is turned on again.`
        : flag
          ? `Its targets, rules and percentage (${share(flag.share_bp)}) hold again.`
          : "There is no such flag yet: turning it on sends everybody to the extracted side. Set a share instead if that is not meant.";
    send(word, `Turn ${key} ${word}`, about(told, ...(word === "off" ? [flag.off_bp, flag.off_bp] : [flag ? flag.share_bp : FULL])));
  }

  function staged(value, percent) {
    const isWhole = !(percent > 0 && percent < 100);
    const word = isWhole ? value : `${value}=${percent}%`;
    const of = isWhole ? "all keys" : `${percent} % of the keys, the rest in the stage before`;
    const index = STAGES.findIndex(([one]) => one === value);
    const some = isWhole ? FULL : percent * 100;
    const [, told, isExtracted] = STAGES[index];
    const rest = STAGES[index - 1]?.[2] ? FULL - some : 0;
    send(word, `Set ${key} to the stage ${value}`, about(`${value}, for ${of}: ${told}.`, (isExtracted ? some : 0) + rest, value === "complete" ? some : 0));
  }

  return { node, update };
}

/** What a flag says, and what is served of its routes where that is something else. */
function stateOf(flag, moved) {
  const more = `${stagesOf(flag.stages)}${extras(flag)}`;
  if (!moved.length) return `${flag.on ? "On" : "Off"}, and says ${share(flag.served_bp)}${more}.`;
  const stands = moved.map((route) => ({ name: route.name, ...standing(route) }));
  if (stands.every(({ bp, wanted }) => bp === wanted)) return `${flag.on ? "On" : "Off"}: ${share(flag.served_bp)} extracted${more}.`;
  const alike = Map.groupBy(stands, (one) => servedOf(one).join(" · "));
  const served = [...alike.values()].map((some) => {
    const [part, why] = servedOf(some[0]);
    return `${part}${alike.size > 1 ? ` of ${names(some.map((one) => one.name))}` : ""}${why ? ` (${why})` : ""}`;
  });
  return `${flag.on ? "On" : "Off"}, and says ${share(flag.served_bp)}${more}. Served: ${served.join("; ")}.`;
}

const KEPT = { killed: "the kill switch is on", tripped: "taken back", probing: "it tries a few keys after a trip" };

/** What is served of a route, and why it is not what its flag says. */
function servedOf({ kind, bp, wanted, held }) {
  if (bp === wanted) return [share(bp), ""];
  return [`${kind === "probing" ? "at most " : ""}${share(bp)}`, KEPT[kind] ?? `${share(held)} held back`];
}

const extras = (flag) => (flag.rules || flag.targets ? `; ${many(flag.rules, "rule")} and ${many(flag.targets, "target")} go first` : "");

/** In which stages keys are, with their shares. */
function stagesOf(stages) {
  const found = Object.entries(stages ?? {});
  return found.length ? `; ${found.map(([stage, bp]) => `${stage} ${share(bp)}`).join(", ")}` : "";
}

/** On which workers it is as it was set: they are waited for a little. */
async function reached() {
  let behind = 0;
  let all = 0;
  try {
    for (let tried = 0; tried < REACH_TRIES; tried += 1) {
      if (tried) await new Promise((resolve) => setTimeout(resolve, REACH_MS));
      const { generation, workers } = await read("generation");
      all = workers.length;
      behind = workers.filter((one) => one.generation < generation).length;
      if (!behind) return "on every worker";
    }
  } catch {
    return "but which workers have taken it over was not told";
  }
  return `but ${behind} of ${many(all, "worker")} ${behind === 1 ? "has" : "have"} not taken it over yet`;
}

/** The marks below the slider, each where its thumb stands for it. */
function scale() {
  return el(
    "div",
    { class: "scale", "aria-hidden": "true" },
    MARKS.map((mark) => {
      const node = el("span", {}, String(mark), mark === 100 ? " %" : "");
      node.style.setProperty("--at", STOPS.indexOf(mark) / (STOPS.length - 1));
      return node;
    }),
  );
}

const nearest = (percent) => STOPS.reduce((best, stop, index) => (Math.abs(stop - percent) < Math.abs(STOPS[best] - percent) ? index : best), 0);

/** Requests that the extracted side gets of a route by its present share, and those of both sides; as `ask` counts them. */
export function traffic(route, ask) {
  const ours = ask(route.name, "extracted");
  const all = ours + ask(route.name, "legacy");
  const { bp } = standing(route);
  // Because no share says what keys of their own stages do, what was counted must do.
  return { route, now: bp === null ? ours : (all * bp) / FULL, all };
}

/** What a route gets of a share; of all but the `last` basis points something may be held back. */
const served = (bp, { hold_back_bp: hold }, last) => bp - Math.min(Math.max(0, hold - (FULL - bp)), bp - last);

/** What a share means for the traffic of now, against the share that holds now; what was taken back does not move. */
function consequence(bp, moved, flag, last = 0) {
  if (!moved.length) return "No route names this flag, so it moves nothing.";
  if (model.head.is_killed) return "The kill switch is on, so nothing moves until it is released.";
  const taken = moved.filter((route) => ["tripped", "probing"].includes(standing(route).kind));
  const free = moved.filter((route) => !taken.includes(route));
  const back = taken.length ? `Taken back, so not moved until reset: ${names(taken.map((route) => route.name))}. ` : "";
  if (!free.length) return back;
  const { seconds, word } = latelyOf();
  const sums = (ask) => {
    const found = free.map((route) => traffic(route, ask));
    const sum = (of) => found.reduce((total, one) => total + of(one), 0);
    return { now: sum((one) => one.now), all: sum((one) => one.all), wanted: sum((one) => (one.all * served(bp, one.route, last)) / FULL) };
  };
  const rates = sums(lately);
  if (!rates.all) look(free.slice(0, MOST_LOOKED).map((route) => route.name));
  const found = rates.all ? rates : sums(ofTheHour);
  const part = !rates.all && free.length > MOST_LOOKED ? ` The hour of ${MOST_LOOKED} of its ${count(free.length)} routes is looked at, so there may have been more.` : "";
  if (!found.all) return `${back}There was no request ${hourOf()}, so nothing can be said of how many would move.${part}`;
  const change = found.wanted - found.now;
  const than = Math.abs(change) < 0.001 ? "as many as now" : `${rate(Math.abs(change))} ${change > 0 ? "more" : "fewer"} than now`;
  const held = Math.max(...free.map((route) => bp - served(bp, route, last)));
  const kept = held > 0 ? ` ${share(held)} of the keys stay on the monolith, held back to compare with.` : "";
  const first = flag && (flag.rules || flag.targets) ? " Whom the flag's rules and targets name is not counted apart." : "";
  const those = rates.all ? "requests a minute" : `requests ${hourOf()}${seconds ? ` (there was none in the last ${word})` : ""}`;
  return `${back}About ${rate(found.wanted)} of ${rate(found.all)} ${those} would be answered by the extracted side: ${than}${rates.all ? `, by the last ${word}` : ""}.${part}${kept}${first}`;
}
