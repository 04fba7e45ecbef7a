// The sign-in page: a token for a session.

import { change } from "./api.js";
import { el, set, show, text } from "./dom.js";

/** Show the form in `main`; `done` is called with who is signed in. */
export function signIn(main, done, told = "") {
  const token = el("input", { id: "token", name: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": "token-help" });
  const fault = el("p", { class: "fault", role: "alert", hidden: told === "" }, told);
  const button = el("button", { type: "submit", class: "primary" }, "Sign in");
  const form = el(
    "form",
    { class: "card signin", "aria-labelledby": "signin-title" },
    el("h1", { id: "signin-title" }, "Sign in"),
    el("p", { class: "lead" }, "With a token of this proxy."),
    el("label", { for: "token" }, "Token"),
    token,
    el("p", { class: "quiet", id: "token-help" }, el("code", {}, "strangler token create NAME --role operator"), " makes one of your own, with your name on the audit log. The first start on a terminal shows one, and there is always one in the state directory's file ", el("code", {}, "admin-token"), "."),
    fault,
    button,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!token.value.trim()) {
      show(text(fault, "Paste a token first."), true);
      token.focus();
      return;
    }
    set(button, { disabled: true });
    try {
      done(await change("POST", "session", { token: token.value.trim() }));
    } catch (error) {
      show(text(fault, error.title === "wrong_token" ? "This token is not known." : error.message), true);
      set(button, { disabled: false });
      token.select();
    }
  });
  main.replaceChildren(form);
  token.focus();
}
