// What the monolith still has: the endpoints of live traffic, how far each has come, and a route for one at a click.

import { change, read } from "./api.js";
import { el, svg } from "./dom.js";
import { ago, count, many, share } from "./format.js";
import { model, now, watch } from "./model.js";
import { action, ask, cards, chip, facts, gateNote, load, notify, table } from "./ui.js";

const WORDS = { unrouted: "no route", monolith: "on the monolith", split: "splitting", extracted: "extracted" };
const HEADS = ["Endpoint", "Stands", "Kind", "Route", "Requests, two days", "Last seen", "Do"];
const FIRST = 100;
const WIDTH = 640;
const HEIGHT = 120;
const DAY_MS = 86400000;

/** The view of all that is left. */
export function discoveryView(main) {
  const progress = el("div", { class: "loaded" });
  const endpoints = el("div", { class: "loaded" });
  const buttons = new Set();
  const note = gateNote();
  main.append(
    el("section", { class: "card picture", "aria-labelledby": "left-title" }, el("h1", { id: "left-title", tabindex: "-1" }, "Monolith left"), progress),
    el(
      "section",
      { class: "card", "aria-labelledby": "live-title" },
      el("div", { class: "tools" }, el("h2", { id: "live-title" }, "Endpoints of live traffic"), el("button", { type: "button", onclick: () => refresh() }, "Load anew")),
      note.node,
      endpoints,
    ),
  );

  function refresh() {
    load(progress, () => read("progress"), left);
    return load(endpoints, () => read("discovery"), listed);
  }

  function listed(found) {
    buttons.clear();
    const rows = found.endpoints.slice(0, FIRST).map((one) => {
      const add = one.standing === "unrouted" && one.method !== "OTHER" ? action("Add a route…", () => adding(one)) : null;
      if (add) {
        buttons.add(add);
        add.gate();
      }
      const recent = one.recent_legacy + one.recent_extracted;
      return el(
        "tr",
        {},
        el("th", { scope: "row" }, el("span", { class: "methods" }, one.method), " ", el("span", { class: "mono" }, one.template)),
        el("td", {}, chip(WORDS[one.standing] ?? one.standing, { extracted: "done", split: "split" }[one.standing] ?? ""), one.standing === "split" ? ` ${share(one.share_bp)}` : one.held_bp ? ` ${share(one.share_bp)}, ${share(one.held_bp)} held back` : ""),
        el("td", {}, one.is_read ? "read" : "write"),
        el("td", {}, one.route ? el("a", { class: "mono", href: `#/route/${encodeURIComponent(one.route)}` }, one.route) : "–"),
        el("td", { class: "number" }, count(recent)),
        el("td", { class: "number" }, ago(one.last_seen, now())),
        el("td", {}, add?.node ?? ""),
      );
    });
    return [
      found.fault ? el("p", { class: "fault" }, found.fault) : null,
      found.endpoints.length
        ? cards(table("Endpoints, those with the most traffic first", HEADS, rows), HEADS)
        : el("p", { class: "quiet" }, "No endpoint was seen yet; it takes some requests that are answered."),
      found.endpoints.length > FIRST ? el("p", { class: "quiet" }, `The ${FIRST} with the most traffic of ${count(found.endpoints.length)}.`) : null,
      el("p", { class: "quiet" }, `Estimated from ${count(found.sampled)} of ${count(found.seen)} requests since the start; ${count(found.unknown)} were for paths that no answer has shown to exist.`),
    ];
  }

  async function adding(one) {
    const query = new URLSearchParams({ method: one.method, template: one.template });
    let stub;
    try {
      stub = await read(`discovery/stub?${query}`);
    } catch (error) {
      notify(error.message, "alert");
      return;
    }
    const isDone = await ask({
      title: `Add the route ${stub.route}`,
      body: [el("p", {}, "The monolith answers it as before; the route makes it one that can be guarded, compared and moved. This is added to routes.yaml, and not another byte:"), el("pre", { class: "diff", tabindex: "0" }, stub.diff)],
      verb: "Add the route",
      run: (reason, tag) => change("POST", "discovery/stub", { method: one.method, template: one.template, reason }, tag),
    });
    if (!isDone) return;
    notify(`The route ${stub.route} is in routes.yaml.`);
  }
  refresh();
  note.update();
  let served = model.head?.config.digest;
  return watch(() => {
    note.update();
    for (const one of buttons) one.gate();
    // Because a route that was added is served a moment after it was written.
    if (model.head && model.head.config.digest !== served) {
      served = model.head.config.digest;
      refresh();
    }
  });
}

function left({ left: found, today, days }) {
  const part = today && today.monolith_share !== null ? `${Number((100 * today.monolith_share).toFixed(1))} % of today's requests` : "no request today";
  return [
    el("p", { class: "lead" }, found.endpoints ? `${many(found.left, "endpoint")} of ${count(found.endpoints)}, ${part}.` : "Nothing was seen yet."),
    facts([
      ["Without a route", count(found.unrouted)],
      found.held ? ["Extracted, but for keys held back", count(found.held)] : null,
      ["Not asked for in a month", count(found.unseen)],
      today ? ["Requests today", `${count(today.legacy)} monolith, ${count(today.extracted)} extracted`] : null,
    ]),
    days.length > 1 ? burnDown(days) : el("p", { class: "quiet" }, "The burn-down begins with the second day."),
  ];
}

/** The monolith's part of the requests, and of the endpoints the part that is left, day by day. */
function burnDown(days) {
  const [first, last] = [days[0], days.at(-1)].map((day) => Date.parse(day.day));
  const most = Math.max(1, ...days.map((day) => day.left));
  const x = (day) => 40 + ((Date.parse(day.day) - first) / (last - first)) * (WIDTH - 50);
  const y = (part) => HEIGHT - 20 - part * (HEIGHT - 30);
  const path = (of) => line(days, of, x, y);
  const picture = svg(
    "svg",
    { class: "chart burn", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `The monolith's part of the requests, and the endpoints left, from ${days[0].day} to ${days.at(-1).day}; the table has the numbers.` },
    svg("g", { class: "grid" }, [0, 0.5, 1].map((part) => [svg("path", { d: `M40 ${y(part)}H${WIDTH - 10}` }), svg("text", { x: 34, y: y(part) + 4, "text-anchor": "end" }, `${part * 100} %`)]), svg("text", { x: 40, y: HEIGHT - 4 }, days[0].day), svg("text", { x: WIDTH - 10, y: HEIGHT - 4, "text-anchor": "end" }, days.at(-1).day)),
    svg("path", { class: "line left", d: path((day) => day.left / most) }),
    svg("path", { class: "line burnt", d: path((day) => day.monolith_share) }),
  );
  return [
    picture,
    el("p", { class: "legend" }, el("span", {}, el("span", { class: "sample line burnt" }), "The monolith's part of the requests"), el("span", {}, el("span", { class: "sample line left" }), `Endpoints left; the top is ${count(most)}`)),
    el("details", {}, el("summary", {}, "The same as a table"), table("Day by day", ["Day", "Monolith", "Extracted", "Monolith's part", "Endpoints left"], [...days].reverse().map((day) => el("tr", {}, el("th", { scope: "row" }, day.day), ...[count(day.legacy), count(day.extracted), day.monolith_share === null ? "–" : `${(100 * day.monolith_share).toFixed(1)} %`, count(day.left)].map((one) => el("td", { class: "number" }, one)))))),
  ];
}

/** A line through the days that follow each other; where some had no traffic it is broken, and a day alone is a dot. */
function line(days, of, x, y) {
  let path = "";
  let before = null;
  for (const day of days) {
    const part = of(day);
    if (part === null) continue;
    const at = `${x(day)} ${y(part)}`;
    path += before !== null && Date.parse(day.day) - before <= DAY_MS ? `L${at}` : `M${at}h0`;
    before = Date.parse(day.day);
  }
  return path;
}
