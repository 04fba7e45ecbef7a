// Pieces that all views use: notices, questions that want a reason, and buttons that know who may press them.

import { el, fresh, put, set, show, text } from "./dom.js";
import { mayChange, model, watch, whyNot } from "./model.js";
import { turns } from "./turns.js";

const NOTICE_MS = 8000;
const MOST_NOTICES = 4;
const notices = document.getElementById("notices");
const loading = new WeakMap();
/** What had the keyboard before a notice did. */
let before = null;
/** Reasons that were typed for what was then not done, because something else had changed; by who typed it and the question's title. */
const typed = new Map();

document.addEventListener("keydown", dismiss);

/**
 * Tell what happened, also to those who listen instead of looking, once they are not spoken to otherwise; an alert stays
 * until it is closed, and so does what the keyboard or the pointer is at. Escape closes the latest one from anywhere.
 */
export function notify(message, kind = "info") {
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Close this notice", "aria-keyshortcuts": "Escape", onclick: () => drop(item) }, "×");
  const item = el("div", { class: `notice ${kind}`, role: kind === "alert" ? "alert" : null }, el("p", {}, message), close);
  notices.append(item);
  while (notices.children.length > MOST_NOTICES) notices.firstElementChild.remove();
  if (kind !== "alert") setTimeout(over, NOTICE_MS, item);
}

function over(item) {
  if (item.matches(":hover, :focus-within")) setTimeout(over, NOTICE_MS, item);
  else item.remove();
}

/** Close a notice; the keyboard goes on from the next one, or from where it was before. */
function drop(item) {
  const held = item.contains(document.activeElement);
  const next = item.nextElementSibling ?? item.previousElementSibling;
  item.remove();
  if (!held) return;
  if (next) next.querySelector("button").focus();
  else if (before?.isConnected) before.focus({ preventScroll: true });
  else document.getElementById("main").focus({ preventScroll: true });
}

/** Close the latest notice, unless Escape is for something else: a question, or what is typed into a search. */
function dismiss(event) {
  const latest = notices.lastElementChild;
  if (event.key !== "Escape" || event.defaultPrevented || !latest) return;
  if (document.querySelector("dialog[open]") || (event.target.type === "search" && event.target.value)) return;
  drop(notices.contains(event.target) ? event.target.closest(".notice") : latest);
}

notices.addEventListener("focusin", (event) => {
  if (event.relatedTarget && !notices.contains(event.relatedTarget)) before = event.relatedTarget;
});

/** A button for a change: it is disabled, and says why, for whoever may not or cannot make it now. */
export function action(label, onclick, properties = {}) {
  const node = el("button", { type: "button", ...properties, onclick }, label);
  return { node, gate: (isOffered = true) => gate(node, isOffered) };
}

/** Disable a control if nothing can be changed now. */
export function gate(node, isOffered = true) {
  set(node, { disabled: !(isOffered && mayChange()), title: whyNot() || null });
}

/** A line that says why the controls near it are disabled; empty while they are not. */
export function gateNote() {
  const node = el("p", { class: "gate" });
  return { node, update: () => show(text(node, whyNot()), whyNot() !== "") };
}

/**
 * Ask for a reason and a confirmation, and do it; resolves to whether it was done. What fails is said where it was asked.
 * `run` gets the reason and the entity tag of what was shown when the question was put.
 */
export function ask({ title, body = [], verb, danger = false, run }) {
  const { promise, resolve } = withResolvers();
  const tag = model.tag;
  const label = fresh("reason");
  const heading = fresh("title");
  const reason = el("textarea", { id: label, rows: 2, maxlength: 1000, required: true, placeholder: "For the audit log, and for whoever is on call next" });
  const fault = el("p", { class: "fault", role: "alert", hidden: true });
  const confirm = el("button", { type: "submit", class: danger ? "danger" : "primary" }, verb);
  const cancel = el("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = el(
    "form",
    { method: "dialog", novalidate: true },
    el("h2", { id: heading }, title),
    body,
    el("label", { for: label }, "Reason"),
    reason,
    fault,
    el("div", { class: "buttons" }, cancel, confirm),
  );
  const dialog = el("dialog", { "aria-labelledby": heading, class: "question" }, form);
  const opener = document.activeElement;
  const mine = `${model.me?.name} ${title}`;
  reason.value = typed.get(mine) ?? "";
  let isDone = false;
  let isBusy = false;
  let isAway = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!reason.value.trim()) {
      show(text(fault, "A reason is needed: it is what the next person on call reads."), true);
      reason.focus();
      return;
    }
    isBusy = true;
    set(confirm, { disabled: true });
    try {
      await run(reason.value.trim(), tag);
      isDone = true;
      typed.delete(mine);
      dialog.close();
    } catch (error) {
      const isStale = error.status === 412;
      if (isStale) typed.set(mine, reason.value);
      show(text(fault, `${explain(error, tag)}${isStale ? " Your reason is kept for then." : ""}`), true);
      set(confirm, { disabled: !mayChange() });
      if (!form.contains(document.activeElement)) confirm.focus();
    } finally {
      isBusy = false;
    }
  });
  const unwatch = watch(() => {
    const isOut = !mayChange();
    if (isOut) show(text(fault, whyNot()), true);
    else if (isAway) show(text(fault, ""), false);
    isAway = isOut;
    if (!isBusy) set(confirm, { disabled: isOut });
  });
  dialog.addEventListener("close", () => {
    unwatch();
    dialog.remove();
    opener?.focus?.();
    resolve(isDone);
  });
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
  return promise;
}

/** Say what went wrong, and what to do about it; `tag` is of what was looked at when it was decided. */
export function explain(error, tag = null) {
  if (error.status !== 412) return error.message;
  const what = tag === null || lifeOf(tag) === lifeOf(model.tag) ? "Something else was changed" : "The proxy was restarted";
  return `${what} since you opened this, so nothing was done. Close this, look at what there is now, and decide again.`;
}

/** The part of an entity tag that each start of the proxy has for itself. */
const lifeOf = (tag) => tag?.split(".")[0];

/** A short word in a frame. */
export const chip = (word, kind = "") => el("span", { class: `chip ${kind}` }, word);

/** A list of terms and what is said of each. */
export function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.filter(Boolean).map(([term, told]) => el("div", {}, el("dt", {}, term), el("dd", {}, told))));
}

/** A table that is scrolled in its own frame, which the keyboard reaches as well. */
export function table(caption, heads, rows) {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows),
    ),
  );
}

/**
 * Let a table's rows become cards where it is narrow, what is done beside what it is done to; roles are named, because
 * browsers take them from tables that are laid out otherwise.
 */
export function cards(frame, heads) {
  frame.classList.add("cards");
  set(frame.querySelector("table"), { role: "table" });
  for (const part of frame.querySelectorAll("thead, tbody")) set(part, { role: "rowgroup" });
  for (const row of frame.querySelectorAll("tr")) set(row, { role: "row" });
  for (const head of frame.querySelectorAll("thead th")) set(head, { role: "columnheader" });
  for (const row of frame.querySelectorAll("tbody tr")) {
    [...row.children].forEach((cell, index) => set(cell, { role: index ? "cell" : "rowheader", "data-head": heads[index] }));
  }
  return frame;
}

/** Load something and show it in `node`, if nothing else was begun there since; what fails is said there, with a way to try again. */
export async function load(node, get, draw) {
  if (!loading.has(node)) loading.set(node, turns());
  const isNewest = loading.get(node)();
  set(node, { "aria-busy": "true" });
  try {
    const found = await get();
    if (isNewest()) put(node, draw(found));
  } catch (error) {
    if (!isNewest()) return;
    if (error.name === "AbortError") return;
    const again = el("button", { type: "button", onclick: () => load(node, get, draw) }, "Try again");
    put(node, el("p", { class: "fault" }, `${error.message} `, again));
  } finally {
    if (isNewest()) set(node, { "aria-busy": null });
  }
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve) => {
    made.resolve = resolve;
  });
  return made;
}
