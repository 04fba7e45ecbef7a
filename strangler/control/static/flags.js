// Flags: all that there are, those that no route names among them, and one with its controls and the way to be rid of it.

import { change, part as enc, read } from "./api.js";
import { el, show, text } from "./dom.js";
import { many, names, share } from "./format.js";
import { model, watch } from "./model.js";
import { shareControl } from "./share.js";
import { action, ask, cards, chip, load, notify, table } from "./ui.js";

const HEADS = ["Flag", "Routes", "Says"];
const MOST_NAMED = 4;

/** Show all flags in `main`; return a function that ends it. */
export function flagsView(main) {
  const list = el("div", { class: "loaded" });
  main.append(
    el(
      "section",
      { class: "card", "aria-labelledby": "flags-title" },
      el("h1", { id: "flags-title", tabindex: "-1" }, "Flags"),
      el("p", { class: "lead" }, "What each flag says; what is served of a route is on the route's page."),
      list,
    ),
  );
  let version = null;

  function draw() {
    const { head, listed } = model;
    const wanted = `${head.flags.version} ${listed}`;
    if (wanted === version) return;
    version = wanted;
    load(list, () => read("flags"), listing);
  }
  draw();
  return watch(draw);
}

/** The routes that each flag decides for, by the flag's key. */
function deciding() {
  const found = new Map();
  for (const route of model.routes.values()) if (route.flag) found.set(route.flag, [...(found.get(route.flag) ?? []), route.name]);
  return found;
}

function listing({ source, flags }) {
  const routes = deciding();
  const rows = flags.map((flag) => {
    const those = routes.get(flag.key) ?? [];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("a", { class: "mono", href: `#/flag/${enc(flag.key)}` }, flag.key)),
      el("td", {}, those.length ? names(those, MOST_NAMED) : "none"),
      el("td", {}, chip(flag.on ? "on" : "off", flag.on ? "split" : ""), ` ${share(flag.served_bp)}`),
    );
  });
  return [
    el("p", { class: "quiet" }, source === "embedded" ? many(flags.length, "flag") : `${many(flags.length, "flag")}, from ${source}: they are changed there and followed here.`),
    flags.length ? cards(table("All flags", HEADS, rows), HEADS) : el("p", { class: "quiet" }, "There is no flag yet; the page of a route makes the one that it names."),
  ];
}

/** Show one flag in `main`; return a function that ends it. */
export function flagView(main, key) {
  const control = shareControl(key);
  const routes = el("p", { class: "about" });
  const remove = action("Delete the flag…", () => deleting(key), { class: "danger quiet-danger" });
  const foreign = el("p", { class: "gate", hidden: true }, "It is deleted where flags come from.");
  main.append(
    el("nav", { "aria-label": "Where you are", class: "crumbs" }, el("a", { href: "#/flags" }, "Flags"), el("span", { "aria-hidden": "true" }, " / "), el("span", { "aria-current": "page" }, key)),
    el(
      "section",
      { class: "card", "aria-labelledby": "flag-title" },
      el("h1", { id: "flag-title", tabindex: "-1" }, "Flag ", el("span", { class: "mono" }, key)),
      routes,
      control.node,
    ),
    el(
      "section",
      { class: "card", "aria-labelledby": "delete-title" },
      el("h2", { id: "delete-title" }, "Be rid of it"),
      el("p", { class: "quiet" }, "A flag that a route or another flag names cannot be deleted; take it out there first."),
      foreign,
      el("div", { class: "buttons start" }, remove.node),
    ),
  );
  let told = null;

  function draw() {
    control.update();
    const isOwn = model.head.flags.source === "embedded";
    remove.gate(isOwn);
    show(foreign, !isOwn);
    const those = deciding().get(key) ?? [];
    if (String(those) === told) return;
    told = String(those);
    if (!those.length) text(routes, "No route names it.");
    else routes.replaceChildren("It decides for ", ...those.slice(0, MOST_NAMED).flatMap((name, index) => [index ? ", " : "", el("a", { class: "mono", href: `#/route/${enc(name)}` }, name)]), those.length > MOST_NAMED ? ` and ${those.length - MOST_NAMED} more.` : ".");
  }
  draw();
  return watch(draw);
}

async function deleting(key) {
  const isDone = await ask({
    title: `Delete the flag ${key}`,
    body: el("p", {}, "It is gone at once, on every worker. The audit log keeps it as it was."),
    verb: "Delete",
    danger: true,
    run: (reason, tag) => change("DELETE", `flags/${enc(key)}`, { reason }, tag),
  });
  if (!isDone) return;
  notify(`The flag ${key} is deleted.`);
  location.hash = "#/flags";
}
