"""A page that is left open, and values that would rather be markup."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.demos import Demo, fetch
from tests.browser.looking import until
from tests.browser.person import open_page
from tests.browser.proxies import HOSTILE, Proxy, proxying

ROUTES = """\
  - {name: hostile, match: {methods: [GET], path: '/x/{id}'}, extracted: service, share: 0%,
     shadow: {mode: shadow, noise: 0%}}
"""


@pytest.fixture
def proxy(browser: Browser, tmp_path: Path) -> Iterator[Proxy]:
    with proxying(tmp_path, ROUTES) as proxy:
        yield proxy


def test_a_page_that_was_left_open_over_a_restart_says_so_and_goes_on(browser: Browser, proxy: Proxy) -> None:
    with open_page(browser, proxy.admin) as person:
        person.expected.append(re.compile("Failed to load resource|ERR_|EventSource"))
        person.sign_in(proxy.token)
        expect(person.page.get_by_text("Live", exact=True)).to_be_visible()

        proxy.stop()
        expect(person.page.get_by_label("What everybody should know")).to_contain_text("Not connected since")
        expect(person.button("Kill switch…")).to_be_disabled()
        proxy.start()

        expect(person.page.get_by_label("Notices")).to_contain_text("The proxy's control process was restarted.")
        expect(person.page.get_by_text("Live", exact=True)).to_be_visible()
        expect(person.page.get_by_label("What everybody should know")).not_to_contain_text("Not connected")
        expect(person.button("Kill switch…")).to_be_enabled()


def test_what_comes_with_traffic_is_shown_as_text_and_never_becomes_markup(browser: Browser, proxy: Proxy) -> None:
    def groups() -> int:
        fetch(f"{proxy.url}/x/%3Cimg%20src=x%3E", "GET", None, {})
        return len(proxy.ask("GET", "shadow/hostile")["groups"])

    until(lambda: groups() > 0, what="a difference is found")
    proxy.ask("POST", "guards/hostile/trip", {"reason": HOSTILE})
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        expect(person.page.get_by_label("What everybody should know")).to_contain_text("<img src=x")
        person.go("#/route/hostile")
        panel = person.section("Differences between both sides")
        panel.locator("summary").first.click()
        expect(panel.locator("pre").first).to_contain_text("<img src=x")
        person.go(f"#/route/{HOSTILE}")
        expect(person.heading("No such endpoint")).to_be_visible()
        person.go("#/audit")
        expect(person.section("Audit log").locator("li").first).to_contain_text("<script>")

        assert person.page.locator("main img, #banners img, #notices img, main script").count() == 0
        assert "taken" not in person.page.title()


def test_the_demo_has_a_page(demo: Demo) -> None:
    assert "dashboard  http://127.0.0.1:" in "".join(demo.output)
