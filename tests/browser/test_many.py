"""Two thousand routes: what matters comes first, all are found, and the page draws and keeps what is looked at."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.looking import until
from tests.browser.person import Person, open_page
from tests.browser.proxies import Proxy, proxying

MANY = 2_000
BUSY = 1_234
"""The one route that is asked."""


@pytest.fixture(scope="module")
def proxy(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    routes = "".join(
        f'  - {{name: area-{number}, match: {{path: "/api/area-{number}/{{id}}"}}, extracted: service, share: 0%}}\n'
        for number in range(MANY)
    )
    with proxying(tmp_path_factory.mktemp("many"), routes) as proxy, _asked(proxy):
        yield proxy


class _asked(threading.Thread):  # noqa: N801 (it is used as a context manager)
    """Somebody who asks for one route until the block ends."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self._proxy = proxy
        self._is_over = threading.Event()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        while not self._is_over.wait(0.05):
            with urlopen(f"{self._proxy.url}/api/area-{BUSY}/7") as answer:
                answer.read()


@pytest.fixture
def page(browser: Browser, proxy: Proxy) -> Iterator[Person]:
    def is_counted() -> bool:
        return f"area-{BUSY}" in proxy.ask("GET", "history")["routes"]

    until(is_counted, what="the busy route has a history")
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        expect(rows(person).first).to_contain_text(f"area-{BUSY}")
        yield person


def rows(person: Person) -> Locator:
    return person.page.get_by_role("list", name="Endpoints").get_by_role("listitem")


def known(person: Person) -> dict[str, Any]:
    """Return what the page keeps: routes with any history, those with their hour, and how many were told of."""
    script = """async () => {
      const { model } = await import("/static/model.js");
      return { history: [...model.history.keys()], hours: [...model.hours], routes: model.routes.size };
    }"""
    found: dict[str, Any] = person.page.evaluate(script)
    return found


def test_a_route_with_traffic_comes_first_and_as_many_rows_are_there_as_one_can_read(page: Person) -> None:
    expect(rows(page)).to_have_count(50)

    page.button("Show more").click()

    expect(rows(page)).to_have_count(150)
    expect(page.button("Show more")).to_contain_text("150 of 2,000 endpoints are shown")


def test_a_route_that_is_taken_back_goes_to_the_top_and_the_keyboard_stays_where_it_was(
    page: Person, proxy: Proxy
) -> None:
    expect(rows(page).nth(4)).to_contain_text("area-3")
    rows(page).nth(4).get_by_role("link").focus()

    for name in ("area-1999", "area-3"):
        proxy.ask("POST", f"guards/{name}/trip", {"reason": "for the test"})

    expect(rows(page).first).to_contain_text("area-3")
    expect(rows(page).nth(1)).to_contain_text("area-1999")
    expect(rows(page).first.get_by_role("link")).to_be_focused()
    page.page.get_by_label("Which endpoints").select_option("trouble")
    expect(rows(page)).to_have_count(2)
    for name in ("area-1999", "area-3"):
        proxy.ask("POST", f"guards/{name}/reset", {"reason": "for the test"})


def test_a_route_is_found_by_a_word_and_the_file_s_order_is_there_too(page: Person) -> None:
    page.page.get_by_label("Find an endpoint").fill("area-777")

    expect(rows(page)).to_have_count(1)
    page.page.get_by_label("Find an endpoint").fill("")
    page.page.get_by_label("In which order").select_option("file")
    expect(rows(page).first).to_contain_text("area-0")


def test_charts_are_drawn_and_an_hour_is_kept_only_of_what_is_looked_at(page: Person) -> None:
    page.page.get_by_label("In which order").select_option("file")
    last = rows(page).nth(49)
    charts = last.locator("svg.spark[aria-label]")
    expect(rows(page).first.locator("svg.spark[aria-label]")).to_have_count(2)
    expect(last).to_contain_text("area-49")
    until(lambda: "area-0" in known(page)["hours"], what="the hour of the first row is there")
    assert charts.count() == 0
    assert "area-49" not in known(page)["hours"]

    last.scroll_into_view_if_needed()

    expect(charts).to_have_count(2)
    until(lambda: "area-49" in known(page)["hours"], what="the hour of the last row is there")
    found = known(page)
    assert found["routes"] == MANY
    assert len(found["hours"]) < MANY / 10
    assert set(found["history"]) <= {*found["hours"], f"area-{BUSY}", ""}


def test_a_route_that_the_file_has_no_more_leaves_nothing_behind(page: Person) -> None:
    until(lambda: f"area-{BUSY}" in known(page)["history"], what="the busy route has a history")
    script = """async (name) => {
      const { model, takeState } = await import("/static/model.js");
      const names = model.names.filter((one) => one !== name);
      takeState({ now: Date.now() / 1000, head: model.head, routes: {}, names });
    }"""

    page.page.evaluate(script, f"area-{BUSY}")

    found = known(page)
    assert f"area-{BUSY}" not in {*found["history"], *found["hours"]}


def test_of_a_flag_with_hundreds_of_routes_it_is_said_how_many_are_looked_at(browser: Browser, tmp_path: Path) -> None:
    routes = "".join(
        f'  - {{name: area-{number}, match: {{path: "/api/area-{number}"}}, extracted: service, flag: all}}\n'
        for number in range(301)
    )
    with proxying(tmp_path, routes) as proxy, open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        person.go("#/route/area-7")
        person.page.get_by_label("Exactly").fill("5")

        expect(person.page.locator(".meaning")).to_contain_text(
            "The hour of 300 of its 301 routes is looked at, so there may have been more."
        )
