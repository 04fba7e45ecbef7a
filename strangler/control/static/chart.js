// Large charts of one route: both sides over an hour or a day, what was done, and the numbers at the place pointed at.

import { el, put, set, svg, text } from "./dom.js";
import { clock } from "./format.js";
import { area, binned, kindOf, line, roundUp, sign, SIDES, wholeTimes } from "./series.js";

const HEIGHT = 168;
const LEFT = 52;
const RIGHT = 10;
const TOP = 18;
const BOTTOM = 22;
const LINES = 2;
/** Of the room that a time takes. */
const HALF = 18;

const observer = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) target.resized?.(contentRect.width);
});

/** Return a chart of `value` of each bin and its seconds, told by `words`; its full height stands for `least` at least. */
export function chart({ title, value, words, least }) {
  const picture = svg("svg", { class: "chart", role: "img", tabindex: "0", height: HEIGHT });
  const grid = svg("g", { class: "grid" });
  const marks = svg("g", { class: "marks" });
  const ground = svg("path", { class: "area extracted" });
  const lines = SIDES.map(({ key }) => svg("path", { class: `line ${key}` }));
  const cursor = svg("path", { class: "cursor" });
  picture.append(grid, ground, marks, ...lines, cursor);
  const readout = el("p", { class: "readout" });
  const frame = el("div", { class: "frame" }, picture);
  const node = el("figure", { class: "figure" }, el("figcaption", {}, title), frame, readout);
  let width = 600;
  let shown = null;
  let pointed = null;

  frame.resized = (found) => {
    if (Math.abs(found - width) < 1) return;
    width = Math.max(240, found);
    paint();
  };
  observer.observe(frame);
  picture.addEventListener("pointermove", (event) => {
    if (!shown) return;
    const part = (event.clientX - picture.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT);
    point(Math.round(part * (shown.bins - 1)));
  });
  picture.addEventListener("pointerleave", () => point(null));
  picture.addEventListener("blur", () => {
    set(readout, { "aria-live": null });
    point(null);
  });
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!step || !shown) return;
    event.preventDefault();
    set(readout, { "aria-live": "polite" });
    point((pointed ?? shown.bins - 1) + step);
  });

  const x = (index) => LEFT + (index / (shown.bins - 1)) * (width - LEFT - RIGHT);

  function point(index) {
    pointed = index === null || !shown ? null : Math.min(shown.bins - 1, Math.max(0, index));
    tell();
  }

  const said = (side, index) => (shown.values[side][index] === null ? "–" : words(shown.values[side][index]));

  function tell() {
    if (!shown) return;
    const index = pointed ?? shown.bins - 1;
    const told = SIDES.map(({ name }, side) => `${name} ${said(side, index)}`);
    const when = pointed === null ? "latest" : clock(shown.from + index * shown.width);
    text(readout, `${when}: ${told.join(" · ")}`);
    set(cursor, { d: pointed === null ? "" : `M${x(index)} ${TOP}V${HEIGHT - BOTTOM}` });
  }

  function paint() {
    if (!shown) return;
    const { from, values, bins, done } = shown;
    const span = bins * shown.width;
    const most = roundUp(Math.max(least, ...values.flat().filter((one) => one !== null)));
    const y = (one) => HEIGHT - BOTTOM - (one / most) * (HEIGHT - TOP - BOTTOM);
    set(picture, { viewBox: `0 0 ${width} ${HEIGHT}`, width });
    values.forEach((one, index) => set(lines[index], { d: line(one, x, y) }));
    set(ground, { d: area(values[1], x, y, HEIGHT - BOTTOM) });
    const rungs = Array.from({ length: LINES + 1 }, (_, index) => (most * index) / LINES);
    put(
      grid,
      rungs.map((rung) => [
        svg("path", { d: `M${LEFT} ${y(rung)}H${width - RIGHT}` }),
        svg("text", { x: LEFT - 8, y: y(rung) + 4, "text-anchor": "end" }, words(rung)),
      ]),
      wholeTimes(from, span).map((at) => {
        const place = LEFT + ((at - from) / span) * (width - LEFT - RIGHT);
        return svg("text", { x: Math.min(place, width - HALF), y: HEIGHT - 5, "text-anchor": "middle" }, clock(at).slice(0, 5));
      }),
    );
    put(
      marks,
      done.map((mark) => {
        const { shape, word } = kindOf(mark);
        // Because what was done just now is to be seen at once, it stands at the edge until its bin is over.
        const at = LEFT + Math.min(1, (mark.at - from) / span) * (width - LEFT - RIGHT);
        const drawn = svg("path", { class: `mark ${shape}`, d: `M${at} ${TOP - 6}V${HEIGHT - BOTTOM}${sign(shape, at, 7, 5)}` });
        drawn.append(svg("title", {}, `${clock(mark.at)} ${word}: ${mark.why}`));
        return drawn;
      }),
    );
    const told = SIDES.map(({ name }, index) => {
      const there = values[index].filter((one) => one !== null);
      return there.length ? `${name}: latest ${said(index, bins - 1)}, at most ${words(Math.max(...there))}` : `${name}: nothing`;
    });
    set(picture, { "aria-label": `${title}. ${told.join(". ")}. Arrow keys go through the values.` });
    tell();
  }

  /** Draw slots by side, `bins` bins of `width` seconds up to the last one that is over, with what was done meanwhile. */
  function draw(history, done, over, span) {
    const from = (Math.floor(over / span.width) - span.bins) * span.width;
    const values = SIDES.map(({ key }) => binned(history?.[key]?.values(), from, span.width, span.bins).map((bin) => value(bin, span.width)));
    shown = { from, width: span.width, bins: span.bins, values, done: done.filter((mark) => mark.at >= from) };
    paint();
  }
  return { node, draw };
}
