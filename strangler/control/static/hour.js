// The hour of the routes that are looked at. That of thousands is more than a page can hold, so it is asked for when a route comes into sight.

import { part as enc, read } from "./api.js";
import { model, takeHour, takeMarks } from "./model.js";

/** Routes of one question; the API takes up to 100. */
const AT_ONCE = 50;
const PAUSE_MS = 50;

const wanted = new Set();
let isAsking = false;

/** Have the whole hour of these routes, now or in a moment; whatever is looked at is told so with each picture. */
export function look(names) {
  for (const name of names) {
    // Because those that were looked at longest ago are let go first, this one is put last.
    if (model.hours.delete(name)) model.hours.add(name);
    else wanted.add(name);
  }
  if (!wanted.size || isAsking) return;
  isAsking = true;
  setTimeout(ask, PAUSE_MS);
}

async function ask() {
  const names = [...wanted].slice(0, AT_ONCE);
  const { history } = model;
  for (const name of names) wanted.delete(name);
  try {
    const found = await read(`history?span=hour&routes=${names.map(enc).join(",")}`);
    // Because after a restart of control all begins anew, what was asked for before says nothing.
    if (history === model.history) {
      takeHour(found, names);
      takeMarks(found.marks);
    }
  } catch {
    // The line at the top says that there is no connection; what is still looked at is asked for again.
  }
  isAsking = false;
  look([]);
}
