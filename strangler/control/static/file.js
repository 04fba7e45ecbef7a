// The routes file in place: checked as one types, what it would do with the last hour's requests, and applying it.

import { change, read } from "./api.js";
import { el, put, set, show, text } from "./dom.js";
import { count, many, moment, names } from "./format.js";
import { breaks, linesOf } from "./lines.js";
import { mayChange, model, watch } from "./model.js";
import { turns } from "./turns.js";
import { action, ask, chip, explain, facts, gateNote, notify, table } from "./ui.js";

const PAUSE_MS = 350;
const BUSY_MS = 300;
/** How often another person's text is waited for; one of thousands of routes takes seconds. */
const MOST_TRIES = 100;
/** Rows and lines that are shown of what a text would do; the command line has all of them. */
const MOST_SHOWN = 200;

/** What is typed and not applied, and by whom: it is there again after a look at another view. Null if nothing is. */
let draft = null;

/** Whether something is typed that is not applied. */
export const isUnapplied = () => draft !== null;

/** Keep what is typed, or nothing; the browser asks before a page is left that keeps something. */
export function keep(typed) {
  draft = typed;
  if (draft) window.addEventListener("beforeunload", hold);
  else window.removeEventListener("beforeunload", hold);
}

const hold = (event) => event.preventDefault();

/** Who types; because the text has secrets, nobody else is shown it, nor they in another role. */
const writer = () => `${model.me?.role} ${model.me?.name}`;

/** What control last read on the disk; a fault may come from a file that this one names. */
const onDisk = ({ disk_digest, faults }) => JSON.stringify([disk_digest, faults]);

/** The view of the routes file; `route` is one to begin at. */
export function fileView(main, route) {
  const lines = el("pre", { class: "lines", "aria-hidden": "true" });
  const area = el("textarea", { id: "routes", class: "mono", spellcheck: "false", autocapitalize: "off", wrap: "off", rows: 24, "aria-describedby": "verdict", oninput: typed, onscroll: () => { lines.scrollTop = area.scrollTop; } });
  const verdict = el("p", { id: "verdict", class: "verdict", role: "status" }, "Loading …");
  const faults = el("ol", { class: "faults", "aria-label": "Faults" });
  const result = el("div", { class: "loaded" });
  const moved = el("p", { class: "gate", role: "status", hidden: true }, "The file on the disk is another one by now. ", el("button", { type: "button", onclick: () => open() }, "Load it, and drop what is typed here"));
  const apply = action("Apply…", applying, { class: "primary" });
  const back = el("button", { type: "button", onclick: () => { file = linesOf(base.text); area.value = file.text; typed(); } }, "Back to the file");
  const note = gateNote();
  const path = el("span", { class: "mono" }, "");
  let base = { text: "", digest: "", fault: "" };
  let file = linesOf("");
  let original = "";
  let numbered = 0;
  let seen = null;
  let isSound = false;
  let checked = null;
  let timer = null;
  let isLooking = false;
  const opening = turns();
  const following = turns();
  const checking = turns();

  main.append(
    el(
      "section",
      { class: "card", "aria-labelledby": "file-title" },
      el("h1", { id: "file-title", tabindex: "-1" }, "Routes file"),
      el("p", { class: "lead" }, "What may happen on each endpoint: ", path),
      note.node,
      moved,
      el("label", { for: "routes", class: "unseen" }, "Text of the routes file"),
      el("div", { class: "editor" }, lines, area),
      verdict,
      faults,
      el("div", { class: "buttons start" }, apply.node, back),
      result,
    ),
  );

  /** Show the file as it is; or what was typed before, if that is `kept`. */
  async function open(kept = null) {
    const isNewest = opening();
    try {
      const found = await read("config");
      if (isNewest()) take(found, kept);
    } catch (error) {
      if (isNewest()) text(verdict, explain(error));
    }
  }

  function take(found, kept) {
    const fresh = linesOf(found.text);
    ({ base, file, original, wanted: area.value } = kept ?? { base: found, file: fresh, original: fresh.text, wanted: fresh.text });
    seen = onDisk(model.head.config);
    text(path, found.status.file);
    show(moved, found.digest !== base.digest);
    typed();
    // Because whoever has begun may be elsewhere by now, it is looked for once.
    if (route) seek(original.split("\n").findIndex((line) => nameIn(line) === route) + 1, 1);
    route = "";
  }

  function typed() {
    clearTimeout(timer);
    checking();
    isSound = false;
    file.follow(area.value);
    keep(area.value === original ? null : { by: writer(), base, file, original, wanted: area.value });
    number();
    timer = setTimeout(check, PAUSE_MS);
    update();
  }

  function number() {
    const all = breaks(area.value) + 1;
    if (all !== numbered) text(lines, Array.from({ length: all }, (_, index) => index + 1).join("\n"));
    numbered = all;
    lines.scrollTop = area.scrollTop;
  }

  /** Look at what is typed, one text at a time: whoever types on does not wait for all that was typed before. */
  async function check() {
    if (isLooking) return;
    isLooking = true;
    const isNewest = checking();
    await look(area.value, isNewest);
    isLooking = false;
    if (isNewest() || !area.isConnected) return;
    clearTimeout(timer);
    timer = setTimeout(check, PAUSE_MS);
  }

  /** Ask what a text would mean; the answer is shown if no other one was typed meanwhile. */
  async function look(wanted, isNewest) {
    const isSame = wanted === original;
    const whole = file.whole(wanted);
    if (base.fault) {
      text(verdict, base.fault);
      set(verdict, { class: "verdict faulty" });
      put(faults);
      put(result);
      return;
    }
    if (!mayChange()) {
      text(verdict, "Its secrets, and what another text would mean, are told to operators.");
      put(faults);
      put(result);
      return;
    }
    text(verdict, "Checking …");
    try {
      const found = await patiently(() => change("POST", "config/proposals", { text: whole }), isNewest);
      const plan = found.is_valid && !isSame && isNewest() ? await patiently(() => change("POST", "plan", { text: whole }), isNewest) : null;
      if (!isNewest()) return;
      if (isSame && found.digest !== base.digest) {
        open();
        return;
      }
      checked = found;
      // Because what was typed was made from the file as it was loaded, it is not for another one that is there by now.
      isSound = found.is_valid && !isSame && found.digest === base.digest;
      show(moved, found.digest !== base.digest);
      tell(found, plan, isSame);
    } catch (error) {
      if (!isNewest()) return;
      put(faults);
      put(result);
      text(verdict, explain(error));
    }
    update();
  }

  function tell(found, plan, isSame) {
    set(verdict, { class: `verdict ${found.is_valid ? "sound" : "faulty"}` });
    text(verdict, found.is_valid ? (isSame ? "This is the file as it is." : `No fault. ${told(found)}`) : `${many(found.faults.length, "fault")}: nothing of this can be applied.`);
    put(
      faults,
      found.faults.slice(0, 50).map((fault) =>
        el(
          "li",
          {},
          el("button", { type: "button", class: "place", onclick: () => seek(fault.line, fault.column) }, `Line ${fault.line}`),
          el("span", {}, el("span", { class: "mono" }, fault.where), ` ${fault.message}. `, el("span", { class: "remedy" }, fault.remedy)),
        ),
      ),
    );
    put(result, found.is_valid && !isSame ? meaning(found, plan) : []);
  }

  /** Put the caret where a fault is. */
  function seek(line, column) {
    if (line < 1) return;
    const before = area.value.split("\n").slice(0, line - 1);
    const at = before.reduce((sum, one) => sum + one.length + 1, 0) + Math.max(0, column - 1);
    area.focus();
    area.setSelectionRange(at, at);
    area.scrollTop = Math.max(0, (line - 6) * (area.scrollHeight / Math.max(1, area.value.split("\n").length)));
  }

  async function applying() {
    const { digest } = base;
    const { needs_restart: later } = checked;
    const wanted = file.whole(area.value);
    const isDone = await ask({
      title: "Apply this routes file",
      body: [el("p", {}, told(checked)), restarts(checked.needs_restart), checked.warnings.length ? el("p", { class: "fault" }, checked.warnings.join(" ")) : null],
      verb: "Apply",
      run: (reason, tag) => change("PUT", "config", { text: wanted, digest, reason }, tag),
    });
    if (!isDone) return;
    notify(`The routes file is written and taken over${later.length ? `, but for what takes a restart: ${names(later)}` : ""}.`);
    open();
  }

  function update() {
    set(area, { readonly: seen === null || model.me?.role !== "operator" || Boolean(base.fault) });
    apply.gate(isSound);
    set(back, { disabled: area.value === original });
    note.update();
    if (seen !== null && model.head && onDisk(model.head.config) !== seen) {
      seen = onDisk(model.head.config);
      follow();
    }
  }

  /** The file was changed by somebody else: show it if nothing was typed, and say so if something was. */
  async function follow() {
    const isNewest = following();
    try {
      const found = await read("config");
      if (!isNewest()) return;
      show(moved, found.digest !== base.digest && area.value !== original);
      if (found.digest !== base.digest && area.value === original) open();
      else typed();
    } catch {
      // The line at the top says that there is no connection.
    }
  }
  open(draft?.by === writer() ? draft : null);
  const unwatch = watch(update);
  return () => {
    unwatch();
    clearTimeout(timer);
    for (const begin of [opening, following, checking]) begin();
  };
}

/** The name that a line of the file gives; empty if it gives none. */
const nameIn = (line) => line.match(/(?:^|[\s{,])name:\s*["']?([^\s"',}]+)/)?.[1] ?? "";

/** Ask again for as long as another text is being looked at. */
async function patiently(send, isWanted) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await send();
    } catch (error) {
      if (error.status !== 409 || tried === MOST_TRIES || !isWanted()) throw error;
      await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
    }
  }
}

/** What changes, in a sentence. */
function told({ changes, needs_restart: later }) {
  if (!changes.length) return later.length ? "Nothing is otherwise before a restart." : "It means the same as what is served.";
  const kinds = Object.entries({ added: "adds", changed: "changes", removed: "removes" }).map(([kind, verb]) => [verb, changes.filter((one) => one.kind === kind).map((one) => `the ${one.what} ${one.name}`)]);
  return `It ${kinds.filter(([, list]) => list.length).map(([verb, list]) => `${verb} ${names(list)}`).join("; it ")}.`;
}

/** What a sound text means: what is otherwise, and what would become of the requests of the last hour. */
function meaning(found, plan) {
  return [
    found.warnings.map((warning) => el("p", { class: "gate" }, warning)),
    restarts(found.needs_restart),
    el("h2", {}, "What would become of the last hour's requests"),
    plan ? effects(plan) : null,
    found.changes.length ? [el("h2", {}, "What is otherwise"), found.changes.slice(0, 50).map(changed)] : null,
    el("details", {}, el("summary", {}, "The change as text"), el("pre", { class: "diff", tabindex: "0" }, found.diff.slice(0, MOST_SHOWN).join("\n"), found.diff.length > MOST_SHOWN ? `\n… and ${count(found.diff.length - MOST_SHOWN)} lines more` : "")),
  ];
}

const restarts = (later) => (later.length ? el("p", { class: "gate" }, `Only a restart takes over: ${names(later)}.`) : null);

function effects(plan) {
  if (plan.since === null) return el("p", { class: "quiet" }, "No request was recorded yet, so nothing can be said of that.");
  const about = `${count(plan.requests)} requests since ${moment(plan.since)}, estimated from ${count(plan.sampled)} that were looked at.`;
  if (!plan.changes) return el("p", {}, `None of them would be treated otherwise: ${about}`);
  const sorted = plan.effects.toSorted((a, b) => b.requests - a.requests);
  return [
    el("p", { class: "quiet" }, about),
    sorted.length > MOST_SHOWN ? el("p", { class: "quiet" }, `The ${MOST_SHOWN} with the most requests of ${count(sorted.length)}; strangler plan has all.`) : null,
    table(
      "What would become of the last hour's requests",
      ["Route", "Requests", "What becomes of them"],
      sorted.slice(0, MOST_SHOWN).map((one) => el("tr", {}, el("th", { scope: "row" }, one.before === one.after ? one.after || "no route" : `${one.before || "no route"} → ${one.after || "no route"}`), el("td", { class: "number" }, count(one.requests)), el("td", {}, becomes(one)))),
    ),
    plan.unseen.length ? el("p", { class: "quiet" }, `No recorded request is for: ${names(plan.unseen)}.`) : null,
  ];
}

const EFFECTS = {
  to_extracted: "move to the extracted side",
  to_legacy: "move to the monolith",
  upstream: "go to another address",
  shadow_gained: "are compared",
  shadow_lost: "are compared no more",
  refused: "are refused",
  accepted: "are refused no more",
  uncertain: "depend on a header that was not looked at",
};

function becomes(one) {
  const found = Object.entries(EFFECTS).filter(([name]) => one[name] > 0).map(([name, word]) => `${count(one[name])} ${word}`);
  return found.length ? found.join(", ") : "another route's, on the same side";
}

function changed(one) {
  return el(
    "details",
    { class: "change" },
    el("summary", {}, chip(one.kind, one.kind), ` ${one.what} `, el("span", { class: "mono" }, one.name), one.kind === "changed" ? `: ${names(one.fields.map((field) => field.name))}` : ""),
    facts(one.fields.map((field) => [field.name, el("span", { class: "mono" }, `${short(field.before)} → ${short(field.after)}`)])),
  );
}

const short = (value) => {
  const shown = value || "nothing";
  return shown.length > 200 ? `${shown.slice(0, 200)} …` : shown;
};
