// The audit log: who did what, when and why, newest first, with what there was before and after.

import { read } from "./api.js";
import { el, fresh, put, show, text } from "./dom.js";
import { many, moment, pretty } from "./format.js";
import { model, watch } from "./model.js";
import { isOfKind, kindOf } from "./series.js";
import { turns } from "./turns.js";
import { explain } from "./ui.js";

const PAGE = 50;
const MOST_ASKED = 20;
const KINDS = [
  ["", "Everything"],
  ["flags", "Flags"],
  ["trips", "Trips"],
  ["resets", "Resets and probes"],
  ["kill", "Kill switch"],
  ["file", "Routes file"],
  ["findings", "Comparisons"],
  ["writes", "Writes on both sides"],
  ["tokens", "Tokens"],
  ["proxy", "The proxy itself"],
];

/** Return a list of entries that `query` narrows, with a button for older ones; new ones are offered when they come. */
export function auditList(query, { isFresh = () => true, follows = false } = {}) {
  const list = el("ol", { class: "log" });
  const status = el("p", { class: "quiet", role: "status" });
  const older = el("button", { type: "button", hidden: true, onclick: () => more() }, "Older entries");
  const news = el("button", { type: "button", class: "primary", hidden: true, onclick: () => restart() }, "");
  const node = el("div", { class: "audit" }, news, list, status, older);
  let last = null;
  let seen = 0;
  const asking = turns();

  async function more(isAnew = false) {
    const isNewest = asking();
    try {
      const { rows, next } = await page(last);
      if (!isNewest()) return;
      if (isAnew) put(list);
      list.append(...rows.map(entry));
      last = next;
      seen = Math.max(seen, rows[0]?.seq ?? 0, model.marks.at(-1)?.seq ?? 0);
      show(older, next !== null);
      text(status, list.children.length ? "" : next === null ? "Nothing of this is on record." : "Nothing of this is among the latest entries.");
    } catch (error) {
      if (!isNewest()) return;
      text(status, explain(error));
    }
  }

  /** Return the page that begins before `before` and has entries; one question looks at so many only, and may find none. */
  async function page(before) {
    for (let asked = 1; ; asked += 1) {
      const wanted = new URLSearchParams({ limit: PAGE, ...query(), ...(before !== null && { before }) });
      const found = await read(`audit?${wanted}`);
      if (found.rows.length || found.next === null || asked === MOST_ASKED) return found;
      before = found.next;
    }
  }

  async function restart() {
    last = null;
    show(news, false);
    await more(true);
  }

  function update() {
    const added = model.marks.filter((mark) => mark.seq > seen && isFresh(mark));
    // Because somebody may be reading an entry, a list that follows waits until none is open.
    if (added.length && (!list.children.length || (follows && !list.querySelector("details[open]")))) {
      seen = added.at(-1).seq;
      restart();
      return;
    }
    text(news, `Show ${many(added.length, "new entry", "new entries")}`);
    show(news, added.length > 0 && list.children.length > 0);
  }
  restart();
  return { node, update, restart };
}

/** The view of the whole log. */
export function auditView(main) {
  const what = el("select", { id: fresh("what"), onchange: () => log.restart() }, KINDS.map(([value, word]) => el("option", { value }, word)));
  const subject = el("input", { id: fresh("subject"), type: "search", placeholder: "A flag or route, in full", autocomplete: "off", onchange: () => log.restart() });
  const who = el("input", { id: fresh("who"), type: "search", placeholder: "A name, in full", autocomplete: "off", onchange: () => log.restart() });
  const given = (field) => field.value.trim();
  const query = () => ({ ...(what.value && { kind: what.value }), ...(given(subject) && { subject: given(subject) }), ...(given(who) && { who: given(who) }) });
  const log = auditList(query, {
    isFresh: (mark) => isOfKind(mark, what.value) && (!given(subject) || mark.subject === given(subject)) && (!given(who) || mark.who === given(who)),
  });
  main.append(
    el(
      "section",
      { class: "card", "aria-labelledby": "audit-title" },
      el("h1", { id: "audit-title", tabindex: "-1" }, "Audit log"),
      el("p", { class: "lead" }, "Every change, by people and by the proxy itself. Each entry carries the hash of the one before it; ", el("code", {}, "strangler audit verify"), " checks the chain."),
      el("div", { class: "tools" }, el("div", { class: "field inline" }, el("label", { for: what.id }, "What"), what), el("div", { class: "field inline" }, el("label", { for: subject.id }, "About"), subject), el("div", { class: "field inline" }, el("label", { for: who.id }, "By"), who)),
      log.node,
    ),
  );
  return watch(log.update);
}

function entry(row) {
  const { shape, word } = kindOf(row);
  const parts = [["Before", row.before], ["After", row.after], ["Evidence", row.evidence]].filter(([, value]) => value !== null);
  const route = model.routes.has(row.subject);
  return el(
    "li",
    {},
    el("time", { datetime: new Date(row.at * 1000).toISOString() }, moment(row.at)),
    el("span", { class: `chip mark-${shape}` }, word),
    route ? el("a", { class: "mono", href: `#/route/${encodeURIComponent(row.subject)}` }, row.subject) : el("span", { class: "mono" }, row.subject),
    el("span", { class: "who" }, `by ${row.who}`),
    el("p", { class: "why" }, row.why),
    parts.length
      ? el("details", {}, el("summary", {}, parts.map(([name]) => name.toLowerCase()).join(", ")), el("div", { class: "sides" }, parts.map(([name, value]) => el("div", { class: "value" }, el("p", { class: "term" }, name), el("pre", { tabindex: "0" }, pretty(value))))), el("p", { class: "quiet hash" }, `entry ${row.seq} · hash ${row.hash}`))
      : el("p", { class: "quiet hash" }, `entry ${row.seq}`),
  );
}
