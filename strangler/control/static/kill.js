// The kill switch: everything to the monolith, on all routes, at once; and back.

import { change } from "./api.js";
import { el } from "./dom.js";
import { rate } from "./format.js";
import { lately, latelyOf, model } from "./model.js";
import { traffic } from "./share.js";
import { ask, notify } from "./ui.js";

/** Ask whether the kill switch is to be pulled, or released. */
export function killing() {
  const isOn = !model.head.is_killed;
  const extracted = [...model.routes.values()].reduce((sum, route) => sum + traffic(route, lately).now, 0);
  // Because it is pulled after a restart more than at other times, what is not counted yet is not told as nothing.
  const { seconds, word } = latelyOf();
  const moved = seconds ? `about ${rate(extracted)} requests a minute by the last ${word}` : "of how many requests is not known yet so soon after the start";
  return ask({
    title: isOn ? "Send everything to the monolith" : "Release the kill switch",
    body: el(
      "p",
      {},
      isOn
        ? `Every route goes back to the monolith at once, on every worker, ${moved}. Flags stay as they are, and it holds over restarts until somebody releases it.`
        : "Every route follows its flag again at once. Routes that tripped stay on the monolith until they are reset.",
    ),
    verb: isOn ? "Send everything to the monolith" : "Release",
    danger: isOn,
    run: async (reason, tag) => {
      // Because routes trip one after the other when it is needed most, pulling it holds whatever has changed meanwhile.
      await change("POST", "kill", { is_on: isOn, reason }, isOn ? "*" : tag);
      notify(isOn ? "The kill switch is on: the monolith answers everything." : "The kill switch is released.");
    },
  });
}
