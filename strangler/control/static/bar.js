// The picture of one endpoint: a bar from the monolith to the extracted service, filled as far as it has come.

import { el, set, text } from "./dom.js";
import { share } from "./format.js";
import { figuresOf, measured, standing } from "./model.js";

/** Return a bar, and a function that draws a route on it. */
export function bar() {
  const filled = el("span", { class: "filled" });
  const wanted = el("span", { class: "wanted" });
  const tick = el("span", { class: "tick" });
  const track = el("span", { class: "track", role: "img" }, wanted, filled, tick);
  const figure = el("span", { class: "reach" });
  const node = el("span", { class: "bar" }, track, figure);

  function draw(route) {
    const now = standing(route);
    const real = measured(route.name);
    set(node, { class: `bar is-${now.kind}${now.held ? " is-held" : ""}` });
    filled.style.width = `${(now.bp ?? real ?? 0) / 100}%`;
    wanted.style.width = `${(now.wanted ?? 0) / 100}%`;
    tick.style.left = `${(real ?? 0) / 100}%`;
    tick.hidden = real === null || !route.extracted;
    // Because a probe lets back a few keys, of which the flag gives away a part, it may be less.
    const atMost = now.kind === "probing" && now.wanted !== now.bp;
    text(figure, route.extracted ? `${atMost ? "≤ " : ""}${share(now.bp)}` : "–");
    const told = [`${now.word}: ${atMost ? "at most " : ""}${share(now.bp)} extracted`];
    if (now.held) told.push(`${share(now.held)} held back`);
    if (now.wanted !== now.bp) told.push(`its ${route.flag ? "flag" : "share"} says ${share(now.wanted)}`);
    if (real !== null) told.push(`${share(Math.round(real / 10) * 10)} measured in the last ${figuresOf().word}`);
    set(track, { "aria-label": `${told.join(", ")}.`, title: told.join(", ") });
  }
  return { node, draw };
}
