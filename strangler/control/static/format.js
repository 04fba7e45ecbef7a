// Numbers, times and words as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const count = (value) => WHOLE.format(value);

/** A share in basis points: 250 is 2.5 %. */
export function share(bp) {
  if (bp === null || bp === undefined) return "by key";
  return `${Number((bp / 100).toFixed(2))} %`;
}

/** A part of a whole, with as many digits as say something; what is not nothing is never written as 0 %. */
export function part(some, all) {
  if (!all) return "–";
  const percent = (100 * some) / all;
  if (percent === 0 || percent >= 99.995) return `${Math.round(percent)} %`;
  if (percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

/** What the last bucket of latency is told as, which has no end, and what is surely waited there (core/histogram.py). */
const LAST_MS = 134217.728;
const SURE_S = 112;

/** Milliseconds, or seconds from one on. */
export function latency(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms === LAST_MS) return `over ${SURE_S} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
  return `${ms > 0 && ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** Requests a minute. */
export function rate(perMinute) {
  if (perMinute === null) return "–";
  if (perMinute > 0 && perMinute < 1) return "< 1";
  return WHOLE.format(perMinute);
}

export const clock = (seconds) => CLOCK.format(new Date(seconds * 1000));

/** The time of a day, and the day if it is not today. */
export function moment(seconds) {
  const at = new Date(seconds * 1000);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(at) : `${DATE.format(at)}, ${CLOCK.format(at)}`;
}

/** How long ago, in one unit. */
export function ago(seconds, now) {
  const passed = Math.max(0, now - seconds);
  return passed < 1 ? "just now" : `${duration(passed)} ago`;
}

export function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60]];
  for (const [name, size] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`;
  return `${Math.floor(seconds)} s`;
}

/** `1 endpoint`, `2 endpoints`. */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** JSON text laid out for reading; what is no JSON stays as it is. */
export function pretty(value) {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

/** Names as a sentence has them, the first few and how many more. */
export function names(list, most = 4) {
  if (list.length <= most) return list.join(", ");
  return `${list.slice(0, most).join(", ")} and ${list.length - most} more`;
}
