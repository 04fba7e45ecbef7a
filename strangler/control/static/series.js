// History as charts have it: slots put together into bins of equal length, and lines through those that hold something.

export const SIDES = [
  { key: "legacy", name: "Monolith" },
  { key: "extracted", name: "Extracted" },
];

/** Put slots into `bins` bins from `from` on, `width` seconds each. A bin's quantiles are the worst of its slots. */
export function binned(slots, from, width, bins) {
  const found = Array.from({ length: bins }, (_, index) => ({ at: from + index * width, requests: 0, failures: 0, p50: null, p95: null }));
  for (const slot of slots ?? []) {
    const bin = found[Math.floor((slot.at - from) / width)];
    if (!bin) continue;
    bin.requests += slot.requests;
    bin.failures += slot.failures;
    for (const q of ["p50", "p95"]) if (slot[q] !== null) bin[q] = Math.max(bin[q] ?? 0, slot[q]);
  }
  return found;
}

/** The failed part of a bin's requests, in percent; null if there were none. */
export const failing = (bin) => (bin.requests ? (100 * bin.failures) / bin.requests : null);

/** An SVG path through values that are there; where one is missing the line is broken, and a lonely one is a dot. */
export function line(values, x, y) {
  let path = "";
  let isBroken = true;
  values.forEach((value, index) => {
    if (value === null) {
      isBroken = true;
      return;
    }
    const at = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    path += isBroken ? `M${at}h.01` : `L${at}`;
    isBroken = false;
  });
  return path;
}

/** The area below a line, piece by piece. */
export function area(values, x, y, floor) {
  let path = "";
  let start = null;
  const close = (end) => {
    if (start !== null) path += `L${x(end).toFixed(1)} ${floor}L${x(start).toFixed(1)} ${floor}Z`;
    start = null;
  };
  values.forEach((value, index) => {
    if (value === null) {
      close(index - 1);
      return;
    }
    const at = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    path += start === null ? `M${at}` : `L${at}`;
    if (start === null) start = index;
  });
  close(values.length - 1);
  return path;
}

const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600];
const MOST_TIMES = 5;

/** Times of the clock on the wall within a span, equally far from each other. */
export function wholeTimes(from, span) {
  const step = STEPS_S.find((one) => span / one <= MOST_TIMES) ?? STEPS_S.at(-1);
  const ahead = -60 * new Date(from * 1000).getTimezoneOffset();
  const first = Math.ceil((from + ahead) / step) * step - ahead;
  return Array.from({ length: Math.floor((from + span - first) / step) + 1 }, (_, index) => first + index * step);
}

/** A round number not below `value`: 1, 2 or 5 times a power of ten. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((step) => step * power >= value * 0.9999) ?? 10);
}

const KINDS = {
  trip: ["trip", "tripped"],
  cool: ["trip", "tripped, comes back by itself"],
  kill: ["trip", "kill switch"],
  reset: ["reset", "reset"],
  close: ["reset", "the probe held"],
  probe: ["change", "probes"],
  flag: ["change", "flag changed"],
  write_back: ["change", "flag switched off"],
  reload: ["file", "routes file taken over"],
  config: ["file", "routes file written"],
  migration: ["file", "guard begins anew"],
  forget: ["file", "comparing begins anew"],
  restart: ["file", "workers restarted"],
  token: ["file", "token made"],
  revoke: ["file", "token revoked"],
};

/** How a mark is drawn, and what it says. */
export function kindOf(mark) {
  // Marks say that it was a release; rows of the audit log have the switch's value after it.
  if (mark.what === "kill" && (mark.is_release || String(mark.after) === "false")) return { shape: "reset", word: "kill switch off" };
  const [shape, word] = KINDS[mark.what] ?? ["file", mark.what.replaceAll("_", " ")];
  return { shape, word };
}

/** What belongs to each kind of the audit log that one can look for (core/audit.py). */
const OF_KIND = {
  flags: ["flag", "write_back"],
  trips: ["trip", "cool"],
  resets: ["reset", "probe", "close"],
  kill: ["kill"],
  file: ["config", "reload"],
  tokens: ["token", "revoke"],
  writes: ["repair", "reveal", "settle"],
  findings: ["forget"],
  proxy: ["restart", "migration", "hold"],
};

/** Whether a mark is of a kind; anything is of the empty one. */
export const isOfKind = (mark, kind) => !kind || OF_KIND[kind].includes(mark.what);

/** The outline of a mark's sign around (x, y): shapes differ, so that colours need not be told apart. */
export function sign(shape, x, y, r = 4) {
  if (shape === "trip") return `M${x - r} ${y - r}H${x + r}L${x} ${y + r}Z`;
  if (shape === "reset") return `M${x - r} ${y + r}H${x + r}L${x} ${y - r}Z`;
  if (shape === "change") return `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`;
  return `M${x - r + 1} ${y - r + 1}h${2 * r - 2}v${2 * r - 2}h${2 - 2 * r}Z`;
}
