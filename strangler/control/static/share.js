// How far a flag has come: on or off, a share, or a stage; what that would mean is said before it is done.

import { change, part as enc, read } from "./api.js";
import { el, fresh, set, show, text } from "./dom.js";
import { many, names, rate, share } from "./format.js";
import { mayChange, model, perMinute, standing } from "./model.js";
import { turns } from "./turns.js";
import { action, ask, facts, gate, gateNote, notify } from "./ui.js";

const STOPS = [0, 0.1, 0.5, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 98, 99, 100];
const STAGES = [
  ["off", "the monolith alone"],
  ["dualwrite", "writes to both, reads from the monolith"],
  ["shadow", "reads asked of both, the monolith answers"],
  ["live", "the extracted side answers, the monolith is compared"],
  ["rampdown", "the extracted side answers, writes go to both"],
  ["complete", "the extracted side alone"],
];

/** Return the controls of the flag `key`, and a function to call when the state has changed. */
export function shareControl(key) {
  const slider = el("input", { id: fresh("slider"), type: "range", min: 0, max: STOPS.length - 1, step: 1, oninput: slid });
  const exact = el("input", { id: fresh("exact"), type: "number", min: 0, max: 100, step: "any", inputmode: "decimal", oninput: typed });
  const meaning = el("p", { class: "meaning", role: "status" });
  const apply = action("Set share…", () => setShare(Number(exact.value)), { class: "primary" });
  const toggle = action("", toggled);
  const stage = el("select", { id: fresh("stage") }, STAGES.map(([value, word]) => el("option", { value }, `${value}: ${word}`)));
  const some = el("input", { id: fresh("some"), type: "number", min: 0, max: 100, step: "any", value: 100, inputmode: "decimal" });
  const setStage = action("Set stage…", () => staged(stage.value, Number(some.value)));
  const note = gateNote();
  const now = el("p", { class: "now" });
  const shareField = el(
    "fieldset",
    {},
    el("legend", {}, "Share of the extracted side"),
    el("div", { class: "slide" }, el("label", { for: slider.id, class: "unseen" }, "Share, in steps"), slider),
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

  function typed() {
    slider.value = nearest(Number(exact.value));
    edited();
  }

  function edited() {
    isEdited = true;
    tell();
  }

  /** Say what the share that is chosen would mean in requests a minute. */
  function tell() {
    const percent = Number(exact.value);
    const isSound = exact.value !== "" && percent >= 0 && percent <= 100;
    set(slider, { "aria-valuetext": `${percent} %` });
    text(meaning, isSound ? consequence(percent, routes(), flag) : "A share is a number from 0 to 100.");
    gate(apply.node, isEmbedded && isSound && (percent !== (flag?.served_bp ?? 0) / 100 || !flag?.on));
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
      const state = flag === null ? "There is no such flag yet, so all of its routes are the monolith's." : `${flag.on ? "On" : "Off"}: ${share(bp)} extracted${stagesOf(flag.stages)}${extras(flag)}.`;
      text(now, state);
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
    notify(`${key} is ${word} now, on every worker.`);
    refresh();
  }

  function setShare(percent) {
    const moved = routes();
    send(`${percent}%`, `Set ${key} to ${percent} %`, [el("p", {}, meaning.textContent), facts([["Routes", names(moved.map((route) => route.name), 8)]])]);
  }

  function toggled() {
    const word = flag?.on ? "off" : "on";
    const told =
      word === "off"
        ? "Everybody goes back to what the flag says when it is off, which is usually the monolith. Its percentage is kept for when it is turned on again."
        : flag
          ? `Its targets, rules and percentage (${share(flag.share_bp)}) hold again.`
          : "There is no such flag yet: turning it on sends everybody to the extracted side. Set a share instead if that is not meant.";
    send(word, `Turn ${key} ${word}`, el("p", {}, told));
  }

  function staged(value, percent) {
    const isWhole = !(percent > 0 && percent < 100);
    const word = isWhole ? value : `${value}=${percent}%`;
    const of = isWhole ? "all keys" : `${percent} % of the keys, the rest in the stage before`;
    send(word, `Set ${key} to the stage ${value}`, el("p", {}, `${value}, for ${of}: ${STAGES.find(([one]) => one === value)[1]}.`));
  }

  return { node, update };
}

const extras = (flag) => (flag.rules || flag.targets ? `; ${many(flag.rules, "rule")} and ${many(flag.targets, "target")} go first` : "");

/** In which stages keys are, with their shares. */
export function stagesOf(stages) {
  const found = Object.entries(stages ?? {});
  return found.length ? `; ${found.map(([stage, bp]) => `${stage} ${share(bp)}`).join(", ")}` : "";
}

const nearest = (percent) => STOPS.reduce((best, stop, index) => (Math.abs(stop - percent) < Math.abs(STOPS[best] - percent) ? index : best), 0);

/** Requests a minute that the extracted side gets of a route by its present share, and those of both sides. */
function traffic(route) {
  const ours = perMinute(route.name, "extracted");
  const all = ours + perMinute(route.name, "legacy");
  const { bp } = standing(route);
  // Because no share says what keys of their own stages do, what was counted must do.
  return [bp === null ? ours : (all * bp) / 10000, all];
}

/** What a share means for the traffic of the last five minutes, against the share that holds now; what is held back does not move. */
function consequence(percent, moved, flag) {
  if (!moved.length) return "No route names this flag, so it moves nothing.";
  if (model.head.is_killed) return "The kill switch is on, so nothing moves until it is released.";
  const held = moved.filter((route) => ["tripped", "probing"].includes(standing(route).kind));
  const free = moved.filter((route) => !held.includes(route));
  const hold = held.length ? `Taken back, so not moved until reset: ${names(held.map((route) => route.name))}. ` : "";
  if (!free.length) return hold;
  const [ours, all] = free.map(traffic).reduce((sum, one) => [sum[0] + one[0], sum[1] + one[1]], [0, 0]);
  if (!all) return `${hold}There was no request in the last five minutes, so nothing can be said of how many would move.`;
  const wanted = (all * percent) / 100;
  const change = wanted - ours;
  const than = Math.abs(change) < 0.001 ? "as many as now" : `${rate(Math.abs(change))} ${change > 0 ? "more" : "fewer"} than now`;
  const first = flag && (flag.rules || flag.targets) ? " Whom the flag's rules and targets name is not counted apart." : "";
  return `${hold}About ${rate(wanted)} of ${rate(all)} requests a minute would be answered by the extracted side: ${than}.${first}`;
}
