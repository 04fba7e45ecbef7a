// The connection: one stream of events for the page. It comes back by itself, and says what happened meanwhile.

import { probe, read } from "./api.js";
import { clock, many } from "./format.js";
import { changed, model, RECENT_S, takeHistory, takeMarks, takeState } from "./model.js";
import { notify } from "./ui.js";
import { kindOf } from "./series.js";
import { turns } from "./turns.js";

const EVENTS = ["hello", "state", "history", "mark", "bye"];
const FIRST_MS = 1000;
const MOST_MS = 15000;
const PATIENCE_S = 5;
/** What is done within this is one notice. */
const TOGETHER_MS = 150;
const FULL = {
  429: "as many pages as one token may have are open already; close one of them",
  503: "as many pages as there may be are open already, or the proxy is stopping",
};

let source = null;
let boot = null;
let latest = 10;
let heard = 0;
let lastId = "";
let wait = FIRST_MS;
let timer = null;
let why = "";
let isOn = false;
let other = () => {};
let news = [];
/** History that came while what was before it is asked for; null if nothing is. */
let waiting = null;
const greeting = turns();

/** Listen from now on; `onOther` is called if it is somebody else whom the stream is for. */
export function connect(onOther) {
  if (isOn) return;
  isOn = true;
  other = onOther;
  open();
  timer = setInterval(check, 1000);
}

/** Listen no more. */
export function disconnect() {
  isOn = false;
  greeting();
  clearInterval(timer);
  source?.close();
  source = null;
  boot = null;
  lastId = "";
}

function open() {
  if (!isOn) return;
  source?.close();
  heard = Date.now();
  source = new EventSource(`/api/v1/stream${lastId ? `?last=${encodeURIComponent(lastId)}` : ""}`);
  source.addEventListener("error", failed);
  for (const name of EVENTS) source.addEventListener(name, take);
}

function take(event) {
  heard = Date.now();
  if (event.lastEventId) lastId = event.lastEventId;
  const data = JSON.parse(event.data);
  if (event.type === "hello") greeted(data);
  else if (event.type === "state") takeState(data);
  else if (event.type === "history") waiting ? waiting.push(data) : takeHistory(data);
  else if (event.type === "mark") told(data);
  else farewell(data);
}

/** The other end says why it ends; whoever may listen no more is asked to sign in at once. */
function farewell(bye) {
  lost(bye.why);
  if (!bye.is_out) return;
  source.close();
  again();
}

async function greeted(hello) {
  if (hello.who !== model.me?.name) other();
  const isNewest = greeting();
  const before = { ...model.link };
  const isOther = boot !== null && boot !== hello.boot;
  boot = hello.boot;
  latest = hello.latest_s;
  wait = FIRST_MS;
  model.link = { state: "live", since: Date.now() / 1000 };
  if (before.state === "lost") {
    const away = Math.round(Date.now() / 1000 - before.since);
    notify(isOther ? `The proxy's control process was restarted. This page is connected again since ${clock(hello.now)}; its charts begin anew.` : `Connected again after ${away} s.`);
  }
  changed();
  waiting = [];
  try {
    const found = await read(`history?span=hour&since=${hello.now - RECENT_S}`);
    if (!isNewest()) return;
    takeHistory(found, true);
    takeMarks(found.marks);
  } catch {
    // The stream brings what comes from now on; the charts begin there.
  }
  if (!isNewest()) return;
  for (const one of waiting) takeHistory(one);
  waiting = null;
}

function told(mark) {
  const isNew = takeMarks([mark]).length > 0;
  if (!isNew || !model.me || (mark.who === model.me.name && !isTrip(mark))) return;
  if (!news.length) setTimeout(tell, TOGETHER_MS);
  news.push(mark);
}

const isTrip = (mark) => kindOf(mark).shape === "trip";

/**
 * Tell what was done as one notice: a cohort trips in one go, and after a night hundreds of things may have been done.
 * Why it tripped is a line of figures, which the route's page has.
 */
function tell() {
  const first = news.find(isTrip) ?? news[0];
  const rest = news.length - 1;
  const more = rest ? ` And ${many(rest, "change")} more.` : "";
  const told = `${first.subject === "*" ? "Everything" : first.subject}: ${kindOf(first).word} by ${first.who}.`;
  if (isTrip(first)) notify(`${told}${more}`, "warning");
  else notify(`${told} ${first.why}${more}`);
  news = [];
}

/** The browser comes back by itself, unless it was refused. */
function failed() {
  lost(why || "no answer");
  if (source.readyState !== EventSource.CLOSED) return;
  source.close();
  setTimeout(again, wait);
  wait = Math.min(wait * 2, MOST_MS);
}

async function again() {
  if (!isOn) return;
  try {
    // Because an event source does not say why it was refused, this asks; a 401 leads to the sign-in page.
    await read("session");
    await probe("stream");
  } catch (error) {
    if (error.status === 401) return;
    if (FULL[error.status]) lost(FULL[error.status]);
  }
  open();
}

function lost(reason) {
  why = reason === "no answer" ? why : reason;
  if (model.link.state === "lost" && (reason === "no answer" || reason === model.link.why)) return;
  model.link = { state: "lost", since: model.link.state === "lost" ? model.link.since : Date.now() / 1000, why: reason };
  changed();
}

/** A connection that says nothing is none. */
function check() {
  if (source && Date.now() - heard > (latest + PATIENCE_S) * 1000) {
    lost("nothing was heard");
    open();
  } else if (model.link.state === "live") {
    why = "";
  }
}
