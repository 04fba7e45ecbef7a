// The page: who is signed in, which view is shown, and what everybody should know whatever they look at.

import { change, onReplaced, onTag, onUnauthorized, OVER, read } from "./api.js";
import { auditView } from "./audit.js";
import { el, put, set, show, text } from "./dom.js";
import { clock, many, names } from "./format.js";
import { killing } from "./kill.js";
import { discoveryView } from "./discovery.js";
import { flagsView, flagView } from "./flags.js";
import { fileView, isUnapplied, keep } from "./file.js";
import { connect, disconnect } from "./link.js";
import { changed, model, standing, watch } from "./model.js";
import { overview } from "./overview.js";
import { routeView } from "./route.js";
import { signIn } from "./signin.js";
import { action, notify } from "./ui.js";

const main = document.getElementById("main");
const banners = document.getElementById("banners");
const link = document.getElementById("link");
const views = document.getElementById("views");
const who = document.getElementById("who");
const kill = action("Kill switch…", killing, { class: "danger quiet-danger" });
const name = el("span", { class: "me" });

/** Pages of one browser share its session; who signs in or out tells the others. */
const pages = new BroadcastChannel("strangler-session");

let end = () => {};
let shown = null;

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  (main.querySelector("h1") ?? main).focus();
});
window.addEventListener("hashchange", () => go(true));
onUnauthorized((problem) => {
  if (model.me) leave(`Your session has ended. ${OVER.includes(problem.title) ? problem.message : "Sign in again."}`);
});
onReplaced(meet);
pages.addEventListener("message", meet);
onTag((tag) => {
  model.tag = tag;
});
watch(frame);
begin();

async function begin() {
  try {
    arrive(await read("session"));
  } catch (error) {
    if (error.status === 401) leave();
    // Because who comes from a trusted proxy without a role can still have a token, which goes before what that proxy says.
    else if (error.status === 403) leave(error.message);
    else {
      put(main, el("section", { class: "card" }, el("h1", {}, "Not connected"), el("p", {}, error.message), el("button", { type: "button", onclick: begin }, "Try again")));
    }
  }
}

function arrive(me) {
  model.me = me;
  put(
    who,
    kill.node,
    name,
    // Because a proxy that says who comes says it again each time, there is nothing that could be ended here.
    me.way === "session" ? el("button", { type: "button", class: "quiet", onclick: signOut }, "Sign out") : el("button", { type: "button", class: "quiet", onclick: () => leave() }, "Use a token"),
  );
  text(name, `${me.name}, ${me.role}`);
  put(main, el("p", { class: "wait" }, "Connecting …"));
  connect(meet);
  changed();
}

/** Sign in here, and have the other pages of this browser look who it is now. */
function enter(me) {
  arrive(me);
  pages.postMessage("in");
}

/** Look who this browser is signed in as by now; if it is somebody else, begin anew as them and say so. */
async function meet() {
  const before = model.me;
  if (!before) return;
  let me;
  try {
    me = await read("session");
  } catch {
    // Because a 401 has led to the sign-in page, and without an answer there is no change either.
    return;
  }
  if (model.me !== before || (me.name === before.name && me.role === before.role)) return;
  leave();
  arrive(me);
  notify(`This browser was signed in as ${me.name} (${me.role}) on another page, so this page is ${me.name}'s now. What was begun here as ${before.name} was not done.`, "alert");
}

async function signOut() {
  if (isUnapplied() && !window.confirm("What is typed in the routes file is not applied. Sign out, and drop it?")) return;
  // Because the stream's last word to this page would say what its reader has just done.
  disconnect();
  try {
    await change("DELETE", "session");
  } catch (error) {
    if (error.status !== 401) {
      connect(meet);
      return notify(error.message, "alert");
    }
  }
  keep(null);
  pages.postMessage("out");
  return leave();
}

function leave(told = "") {
  disconnect();
  end();
  end = () => {};
  shown = null;
  drop();
  Object.assign(model, { me: null, head: null, names: [], marks: [], over: 0, link: { state: "connecting", since: Date.now() / 1000 } });
  model.routes.clear();
  model.history.clear();
  model.hours.clear();
  put(who);
  put(banners);
  banners.told = "";
  show(views, false);
  text(link, "");
  document.title = "Sign in · strangler";
  signIn(main, enter, told);
}

/** Close what was asked on a view that is not there any more. */
function drop() {
  for (const question of document.querySelectorAll("dialog[open]")) question.close();
}

/** Show the view that the address names. */
function go(isAsked = false) {
  if (!model.me || !model.head) return;
  const hash = location.hash.replace(/^#\/?/, "");
  if (!isAsked && hash === shown) return;
  end();
  drop();
  shown = hash;
  put(main);
  const [view, ...rest] = hash.split("/");
  if (view === "route") end = routeView(main, decoded(rest.join("/")));
  else if (view === "audit") end = auditView(main);
  else if (view === "left") end = discoveryView(main);
  else if (view === "file") end = fileView(main, rest[0]);
  else if (view === "flags") end = flagsView(main);
  else if (view === "flag") end = flagView(main, decoded(rest.join("/")));
  else end = overview(main);
  const here = view === "flag" ? "#/flags" : ["audit", "file", "flags", "left"].includes(view) ? `#/${view}` : "#/";
  for (const one of views.querySelectorAll("a")) set(one, { "aria-current": one.getAttribute("href") === here ? (["route", "flag"].includes(view) ? "true" : "page") : null });
  const heading = main.querySelector("h1");
  document.title = `${heading?.textContent ?? ""} · strangler`;
  if (isAsked) {
    window.scrollTo(0, 0);
    heading?.focus();
  }
}

function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** What stands around every view. */
function frame() {
  if (!model.me) return;
  show(views, true);
  const { state, since } = model.link;
  set(link, { class: `link ${state}` });
  text(link, { live: "Live", lost: "Not connected", connecting: "Connecting" }[state]);
  kill.gate();
  if (!model.head) {
    if (state === "lost") put(main, el("section", { class: "card" }, el("h1", {}, "Not connected"), el("p", { role: "status" }, `There is nothing to show yet: ${model.link.why}. Trying again …`)));
    return;
  }
  text(kill.node, model.head.is_killed ? "Release kill switch…" : "Kill switch…");
  tell(since);
  go();
}

/** The most pressing first. */
function tell(since) {
  const { head } = model;
  const told = [];
  if (model.link.state === "lost") told.push(["lost", `Not connected since ${clock(since)}${model.link.why && model.link.why !== "no answer" ? ` (${model.link.why})` : ""}. The proxy may serve on; what is shown is what was last heard. Trying again …`]);
  if (head.is_killed) told.push(["trip", "The kill switch is on: the monolith answers everything."]);
  const those = (kind) => [...model.routes.values()].filter((route) => standing(route).kind === kind);
  const [tripped, probing] = [those("tripped"), those("probing")];
  // Because routes of a cohort trip together, the one that was the reason is named and not those that went with it.
  const first = tripped.find((route) => !route.guard.why.startsWith("with ")) ?? tripped[0];
  if (first && !head.is_killed) told.push(["trip", `Taken back: ${names(tripped.map((route) => route.name))}. ${first.name}: ${first.guard.why}`, first.name]);
  if (probing.length) told.push(["warn", `Tries a few keys after a trip: ${names(probing.map((route) => route.name))}.`, probing[0].name]);
  if (head.store_fault) told.push(["warn", `The state store cannot be written, so changes are refused and trips are kept in memory: ${head.store_fault}`]);
  if (head.config.state === "rejected") told.push(["warn", `routes.yaml on disk has ${many(head.config.faults.length, "fault")}; the last good one is served: ${head.config.faults[0] ?? ""}`]);
  if (head.config.needs_restart?.length) told.push(["warn", `Takes a restart: ${names(head.config.needs_restart)}`]);
  if (!head.is_ready) told.push(["warn", `Not ready: ${names(head.unready)}`]);
  else if (head.lacks.length) told.push(["warn", names(head.lacks)]);
  const wanted = JSON.stringify(told);
  if (banners.told === wanted) return;
  banners.told = wanted;
  put(banners, told.map(([kind, message, route]) => el("p", { class: `banner ${kind}` }, el("span", {}, message), route ? el("a", { href: `#/route/${encodeURIComponent(route)}` }, "Look at it") : null)));
}
