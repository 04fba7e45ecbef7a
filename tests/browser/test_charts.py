"""Figures and charts as values make them: of one window, and without what is not over yet."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.demos import Demo
from tests.browser.person import open_page

START = 1_800_000_000
"""A whole hour, and so the begin of a slot."""


def told(page: Page, script: str, *, now: float, uptime_s: float, slots: dict[str, dict[int, dict[str, Any]]]) -> Any:
    """Return what a script makes of slots by side, as a page has been told them by `now`."""
    columns = {
        side: {
            "at": list(found),
            "requests": [slot.get("requests", 1) for slot in found.values()],
            "failures": [slot.get("failures", 0) for slot in found.values()],
            "p50_ms": [slot.get("p50", 1.0) for slot in found.values()],
            "p95_ms": [slot.get("p95", 2.0) for slot in found.values()],
        }
        for side, found in slots.items()
    }
    state = {"now": now, "head": {"uptime_s": uptime_s}, "names": ["r"], "routes": {}}
    history = {"now": now, "step_s": 10, "routes": {"r": columns}}
    return page.evaluate(
        f"""async ([state, history]) => {{
            const names = ["model", "spark", "chart"];
            const [model, spark, chart] = await Promise.all(names.map((name) => import(`/static/${{name}}.js`)));
            model.takeState(state);
            model.takeHistory(history, true);
            return {script};
        }}""",
        [state, history],
    )


@pytest.fixture
def page(browser: Browser, demo: Demo) -> Iterator[Page]:
    """A page that nobody has signed in to, so that nothing but the test tells it anything."""
    with open_page(browser, demo.admin) as person:
        person.page.goto(demo.admin)
        yield person.page


FIGURES = "[model.figuresOf().word, model.recent('r', 'legacy'), model.perMinute('r', 'legacy'), model.measured('r')]"


def test_all_figures_are_of_the_last_minute_that_is_over(page: Page) -> None:
    legacy = {START + at: {"requests": 3, "failures": 1, "p95": float(at)} for at in range(0, 200, 10)}
    # The slot at 190 is being filled, and would be half of what is measured.
    extracted = {START + 180: {"requests": 2}, START + 190: {"requests": 500}}

    found = told(page, FIGURES, now=START + 195, uptime_s=9_000, slots={"legacy": legacy, "extracted": extracted})

    assert found == ["minute", {"requests": 18, "failures": 6, "p95": 180}, 18, 1_000]


def test_a_proxy_that_was_started_just_now_tells_what_its_figures_are_of(page: Page) -> None:
    legacy = {START + at: {"requests": 5} for at in (0, 10, 20)}

    soon = told(page, FIGURES, now=START + 25, uptime_s=20, slots={"legacy": legacy})
    at_once = told(page, FIGURES, now=START + 25, uptime_s=4, slots={"legacy": {START + 20: {}}})

    # It was started at 5, so 15 seconds of it are over.
    assert soon == ["15 seconds", {"requests": 10, "failures": 0, "p95": 2}, 40, 0]
    assert at_once == ["0 seconds", {"requests": 0, "failures": 0, "p95": None}, None, None]


SMALL = """(() => {
    const marks = [{seq: 1, at: 1800000025, what: "trip", subject: "r", who: "guard", why: "5xx"}];
    const value = (bin) => (bin.requests ? 50 * bin.failures : null);
    const one = spark.spark({label: "Failures", value, least: 5, words: (value) => `${value} %`});
    one.draw(model.model.history.get("r"), marks, model.model.over, model.reach(60));
    return [one.node.getAttribute("aria-label"), one.node.querySelectorAll(".mark.trip").length];
})()"""
LARGE = """(() => {
    const value = (bin, width) => (bin.requests ? (bin.requests * 60) / width : null);
    const one = chart.chart({title: "Requests a minute", value, words: String, least: 1});
    one.draw(model.model.history.get("r"), [], model.model.over, model.reach(120));
    const [picture, readout] = ["svg", ".readout"].map((part) => one.node.querySelector(part));
    return [picture.ariaLabel, readout.textContent];
})()"""


def test_small_charts_leave_out_what_is_not_over_and_say_what_they_show(page: Page) -> None:
    slots = {START + at: {"requests": 2, "failures": failed} for at, failed in ((0, 0), (10, 1), (20, 2))}

    label, marks = told(page, SMALL, now=START + 25, uptime_s=500, slots={"legacy": slots})

    assert label.startswith("Failures in the last 10 minutes. Monolith 50 %, at most 50 %. Extracted none.")
    # What was done just now is shown all the same.
    assert marks == 1
    assert "1 mark, the latest: tripped at" in label


def test_large_charts_leave_out_what_is_not_over(page: Page) -> None:
    slots = {START + at: {"requests": requests} for at, requests in ((0, 10), (10, 20), (20, 7))}

    label, readout = told(page, LARGE, now=START + 25, uptime_s=500, slots={"legacy": slots})

    assert label.startswith("Requests a minute. Monolith: latest 120, at most 120. Extracted: nothing.")
    assert readout == "latest: Monolith 120 · Extracted –"


@pytest.mark.parametrize(("uptime_s", "word"), [(30, "10 minutes"), (900, "30 minutes"), (9_000, "hour")])
def test_charts_reach_as_far_back_as_there_is_something(page: Page, uptime_s: float, word: str) -> None:
    assert told(page, "model.reach(60).word", now=START + 5, uptime_s=uptime_s, slots={}) == word


@pytest.mark.parametrize("span", [600, 1_800, 3_600, 86_400])
@pytest.mark.parametrize("after", [0, 10, 307, 1_234])
def test_times_below_a_chart_are_whole_and_equally_far_apart(page: Page, span: int, after: int) -> None:
    found = page.evaluate(
        "async ([from, span]) => (await import('/static/series.js')).wholeTimes(from, span)", [START + after, span]
    )

    assert 3 <= len(found) <= 6
    assert START + after <= found[0] and found[-1] <= START + after + span
    (step,) = {later - earlier for earlier, later in itertools.pairwise(found)}
    assert found[0] % 60 == 0 and step % 60 == 0


def test_the_times_of_ten_minutes_are_every_second_minute(page: Page) -> None:
    drawn = page.evaluate(
        """async (over) => {
            const { chart } = await import("/static/chart.js");
            const made = chart({ title: "Requests", value: () => null, words: String, least: 1 });
            made.draw({}, [], over, { width: 10, bins: 60 });
            const texts = [...made.node.querySelectorAll(".grid text")].map((one) => one.textContent);
            return texts.filter((one) => one.includes(":")).map((one) => Number(one.slice(3)));
        }""",
        START + 900,
    )

    assert drawn == [6, 8, 10, 12, 14] or drawn == [5, 7, 9, 11, 13, 15], drawn
