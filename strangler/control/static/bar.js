// The picture of one endpoint: a bar from the monolith to the extracted service, filled as far as it has come.

import { el, set, text } from "./dom.js";
import { share } from "./format.js";
import { measured, standing } from "./model.js";

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
    set(node, { class: `bar is-${now.kind}` });
    filled.style.width = `${(now.bp ?? real ?? 0) / 100}%`;
    wanted.style.width = `${(now.wanted ?? 0) / 100}%`;
    tick.style.left = `${(real ?? 0) / 100}%`;
    tick.hidden = real === null || !route.extracted;
    text(figure, route.extracted ? share(now.bp) : "–");
    const told = [`${now.word}: ${share(now.bp)} extracted`];
    if (now.wanted !== now.bp) told.push(`its flag says ${share(now.wanted)}`);
    if (real !== null) told.push(`${share(Math.round(real / 10) * 10)} measured in the last minute`);
    set(track, { "aria-label": `${told.join(", ")}.`, title: told.join(", ") });
  }
  return { node, draw };
}
