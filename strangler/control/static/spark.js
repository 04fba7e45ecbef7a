// Small charts: both sides over an hour in the space of a word, with the marks of what was done.

import { set, svg } from "./dom.js";
import { clock, many } from "./format.js";
import { binned, kindOf, line, sign, SIDES } from "./series.js";

const WIDTH = 168;
const HEIGHT = 34;
const TOP = 7;
/** How many bins a small chart has at most. */
export const BINS = 60;

/** What the full height stands for: a single peak is cut off at the top, so that it does not press all else flat. */
function usual(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const most = sorted.at(-1) ?? 0;
  return Math.min(most, 3 * (sorted[Math.floor(0.9 * (sorted.length - 1))] || most));
}

/** Return a small chart: `value` makes a number of a bin, `least` is the least that its full height stands for. */
export function spark({ label, value, least, words }) {
  const lines = SIDES.map(({ key }) => svg("path", { class: `line ${key}` }));
  const marks = svg("g", { class: "marks" });
  const node = svg(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    svg("path", { class: "base", d: `M0 ${HEIGHT - 0.5}H${WIDTH}` }),
    marks,
    lines,
  );
  /** Draw slots by side; the last bin is the last one that is over. */
  function draw(history, done, over, { width, bins, word }) {
    const from = (Math.floor(over / width) - bins) * width;
    const x = (index) => (index / (bins - 1)) * (WIDTH - 2) + 1;
    const values = SIDES.map(({ key }) => binned(history?.[key]?.values(), from, width, bins).map(value));
    const most = Math.max(least, usual(values.flat().filter((one) => one !== null)));
    const y = (one) => HEIGHT - 2 - (Math.min(one, most) / most) * (HEIGHT - TOP - 4);
    values.forEach((one, index) => set(lines[index], { d: line(one, x, y) }));
    const shown = done.filter((mark) => mark.at >= from);
    marks.replaceChildren(
      ...shown.map((mark) => {
        const { shape } = kindOf(mark);
        // Because what was done just now is to be seen at once, it stands at the edge until its bin is over.
        const at = Math.min(1, (mark.at - from) / (bins * width)) * (WIDTH - 2) + 1;
        return svg("path", { class: `mark ${shape}`, d: `M${at} ${TOP}V${HEIGHT}${sign(shape, at, 4, 3)}` });
      }),
    );
    const told = SIDES.map(({ name }, index) => {
      const there = values[index].filter((one) => one !== null);
      return there.length ? `${name} ${words(there.at(-1))}, at most ${words(Math.max(...there))}` : `${name} none`;
    });
    const last = shown.at(-1);
    if (last) told.push(`${many(shown.length, "mark")}, the latest: ${kindOf(last).word} at ${clock(last.at)}`);
    // Because one that was not drawn yet says nothing, it is a picture only from now on.
    set(node, { role: "img", "aria-hidden": null, "aria-label": `${label} in the last ${word}. ${told.join(". ")}.` });
  }
  return { node, draw };
}
