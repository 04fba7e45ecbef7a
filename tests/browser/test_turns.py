"""Answers that come in another order than they were asked for: the newest question is the one that counts."""

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Route, expect

from tests.browser.demos import Demo
from tests.browser.looking import until
from tests.browser.person import Person, open_page

COUNTED = """async () => {
  const { model } = await import("/static/model.js");
  return [...model.history.get("a").legacy.values()].map((slot) => [slot.at, slot.requests]);
}"""


class Held:
    """Answers of the admin API that are kept back until a test lets them through."""

    def __init__(self, person: Person, path: str, *, most: int) -> None:
        self._page = person.page
        self.waiting: list[Route] = []
        self.bodies: list[str] = []
        self._most = most
        person.page.route(path, self._meet)

    def wait(self, count: int) -> None:
        """Return once so many wait."""
        until(lambda: self._looked(lambda: len(self.waiting) >= count), what=f"{count} wait")

    def release(self) -> None:
        """Let the one that waits longest through, with the answer that it would have had when it was asked."""
        self.waiting.pop(0).fallback()

    def _meet(self, route: Route) -> None:
        self.bodies.append((route.request.post_data_json or {}).get("text", ""))
        if len(self.bodies) > self._most:
            route.fallback()
        else:
            self.waiting.append(route)

    def _looked(self, is_so: Callable[[], bool]) -> bool:
        # Because the browser is only listened to while something is asked of it.
        self._page.evaluate("0")
        return is_so()


def test_an_older_answer_about_a_flag_does_not_overtake_a_newer_one(person: Person, demo: Demo) -> None:
    demo.ask("PUT", "flags/payments", {"set": "7%", "reason": "for the test"})
    before = person.page.request.get(
        f"{demo.admin}/api/v1/flags", headers={"Authorization": f"Bearer {demo.token}"}
    ).body()
    held = Held(person, "**/api/v1/flags", most=1)
    person.open_route("payments.read")
    held.wait(1)

    demo.ask("PUT", "flags/payments", {"set": "9%", "reason": "for the test"})
    expect(person.page.get_by_label("Exactly")).to_have_value("9")
    with person.page.expect_response("**/api/v1/flags"):
        held.waiting.pop().fulfill(body=before, content_type="application/json")

    person.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(person.page.get_by_label("Exactly")).to_have_value("9")


def test_while_one_text_is_looked_at_only_the_last_one_that_is_typed_waits(person: Person) -> None:
    held = Held(person, "**/api/v1/config/proposals", most=2)
    person.page.clock.install()
    person.go("#/file")
    held.wait(1)
    area = person.page.get_by_label("Text of the routes file")
    text = area.input_value()
    for number in range(3):
        area.fill(f"{text}# {number}\n")
        person.page.clock.fast_forward(1_000)
    assert held.bodies == [text]

    held.release()
    held.wait(1)
    held.release()

    expect(person.page.locator("#verdict")).to_contain_text("No fault.")
    assert held.bodies == [text, f"{text}# 2\n"]


def test_what_is_counted_while_the_page_asks_for_what_was_before_is_kept(browser: Browser, demo: Demo) -> None:
    status = demo.ask("GET", "status")
    now = int(time.time() // 10) * 10
    head = {**status, "routes": []}
    state = {"now": now, "head": head, "tag": '"1"', "routes": {}, "names": ["a"]}
    hello = {"boot": "b", "now": now, "latest_s": 600}
    before, after = (_history(now - 1, {now - 10: 1}), _history(now, {now - 10: 7, now: 2}))
    stream = [("hello", hello), ("history", after), ("state", state)]
    body = "retry: 600000\n" + "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in stream)
    with open_page(browser, demo.admin) as person:
        person.page.route("**/api/v1/stream", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
        held = Held(person, "**/api/v1/history?*since=*", most=1)
        person.sign_in(demo.token)
        held.wait(1)

        with person.page.expect_response("**/api/v1/history?*since=*"):
            held.waiting.pop().fulfill(json=before)

        person.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert person.page.evaluate(COUNTED) == [[now - 10, 7], [now, 2]]


def test_a_slot_that_was_told_whole_stays_so_when_an_older_answer_about_the_hour_comes(person: Person) -> None:
    script = """async ([before, after]) => {
      const { model, takeHistory, takeHour, takeState } = await import("/static/model.js");
      const [route] = model.routes.values();
      takeState({ now: after.now, head: model.head, routes: { a: route }, names: [...model.names, "a"] });
      takeHistory(after);
      takeHour(before, ["a"]);
    }"""

    person.page.evaluate(script, [_history(9, {0: 1}), _history(10, {0: 7, 10: 2})])

    assert person.page.evaluate(COUNTED) == [[0, 7], [10, 2]]


def _history(now: int, counted: dict[int, int]) -> dict[str, Any]:
    """Return an answer about the past that has this many requests of the monolith in these slots."""
    none = [None] * len(counted)
    requests = list(counted.values())
    columns = {
        "at": list(counted),
        "requests": requests,
        "failures": [0] * len(counted),
        "p50_ms": none,
        "p95_ms": none,
    }
    sums = {"extracted": 0, "legacy": sum(requests), "unrouted": 0}
    return {"now": now, "step_s": 10, "sums": sums, "routes": {"a": {"legacy": columns}}, "marks": []}
