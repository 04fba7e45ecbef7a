"""Questions that are open while something else goes on: another's change, a restart, a worker that hangs."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.demos import fetch
from tests.browser.looking import until
from tests.browser.person import open_page
from tests.browser.proxies import Proxy, proxying

ROUTES = """\
  - {name: held, match: {methods: [GET], path: '/held/{id}'}, extracted: service, flag: held}
  - {name: open, match: {methods: [GET], path: '/open/{id}'}, extracted: service, share: 100%}
admin_access:
  identity: {header: X-Forwarded-User, trusted: [127.0.0.0/8], operators: [ann]}
"""


@pytest.fixture
def proxy(browser: Browser, tmp_path: Path) -> Iterator[Proxy]:
    with proxying(tmp_path, ROUTES) as proxy:
        proxy.ask("PUT", "flags/held", {"set": "1%", "reason": "begin", "create": True})
        yield proxy


def test_taking_traffic_back_is_not_refused_for_somebody_elses_change(browser: Browser, proxy: Proxy) -> None:
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        person.open_route("held")
        person.button("Take back now…").click()

        proxy.ask("PUT", "flags/held", {"set": "2%", "reason": "somebody else"})
        person.answer("Take back", "it looks wrong")

        expect(person.section("Guard")).to_contain_text("Tripped")


def test_a_question_that_is_open_over_a_restart_says_so_and_keeps_the_reason(browser: Browser, proxy: Proxy) -> None:
    with open_page(browser, proxy.admin) as person:
        person.expected.append(re.compile("Failed to load resource|ERR_|EventSource"))
        person.sign_in(proxy.token)
        person.open_route("held")
        person.page.get_by_label("Exactly").fill("5")
        person.button("Set share…").click()
        question = person.page.get_by_role("dialog")
        confirm = question.get_by_role("button", name="Set", exact=True)
        question.get_by_label("Reason").fill("more of them")

        proxy.stop()
        expect(question.get_by_role("alert")).to_contain_text("Not connected to the proxy")
        expect(confirm).to_be_disabled()
        proxy.start()
        expect(question.get_by_role("alert")).to_be_hidden()
        confirm.click()

        expect(question.get_by_role("alert")).to_contain_text("The proxy was restarted since you opened this")
        question.get_by_role("button", name="Cancel").click()
        person.page.get_by_label("Exactly").fill("5")
        person.button("Set share…").click()
        expect(question.get_by_label("Reason")).to_have_value("more of them")
        confirm.click()
        expect(question).to_have_count(0)
        assert proxy.ask("GET", "status")["routes"][0]["share_bp"] == 500


def test_a_notice_says_which_workers_have_taken_a_change_over(browser: Browser, proxy: Proxy) -> None:
    (worker,) = proxy.ask("GET", "generation")["workers"]
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        person.open_route("held")
        person.set_share("3", "all run")
        notices = person.page.get_by_label("Notices")
        expect(notices).to_contain_text("The flag held says 3% now, on every worker.")

        os.kill(worker["pid"], signal.SIGSTOP)
        try:
            person.set_share("4", "one hangs")
            expect(notices).to_contain_text("The flag held says 4% now, but 1 of 1 worker has not taken it over yet.")
        finally:
            os.kill(worker["pid"], signal.SIGCONT)


def test_the_kill_switch_does_not_call_what_is_not_counted_yet_nothing(browser: Browser, proxy: Proxy) -> None:
    proxy.stop()
    proxy.start()
    until(lambda: bool(fetch(f"{proxy.url}/open/1", "GET", None, {})), what="a request is answered")
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        fetch(f"{proxy.url}/open/2", "GET", None, {})
        person.button("Kill switch…").click()

        # After some fifteen seconds the requests are counted, which a busy machine may take to open the page.
        expect(person.page.get_by_role("dialog")).to_contain_text(
            re.compile(
                r"of how many requests is not known yet so soon after the start|about (?!0 )\S+ requests a minute"
            )
        )


def test_what_takes_a_restart_is_said_before_and_after_it_is_applied(browser: Browser, proxy: Proxy) -> None:
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        person.go("#/file")
        area = person.page.get_by_label("Text of the routes file")
        verdict = person.page.locator("#verdict")
        expect(verdict).to_have_text("This is the file as it is.")

        area.fill(area.input_value().replace("workers: 1\n", "workers: 2\n"))
        expect(verdict).to_have_text("No fault. Nothing is otherwise before a restart.")
        person.button("Apply…").click()
        expect(person.page.get_by_role("dialog")).to_contain_text("Only a restart takes over: workers")
        person.answer("Apply", "two cores")

        expect(person.page.get_by_label("Notices")).to_contain_text("but for what takes a restart: workers")


def test_whom_a_proxy_names_without_a_role_can_still_sign_in_with_a_token(browser: Browser, proxy: Proxy) -> None:
    with open_page(browser, proxy.admin) as person:
        person.expected.append(re.compile("status of 403"))
        person.page.set_extra_http_headers({"X-Forwarded-User": "eve"})
        person.page.goto(proxy.admin)
        expect(person.page.get_by_role("alert")).to_contain_text("user:eve")

        person.sign_in_again(proxy.token)

        expect(person.button("Sign out")).to_be_visible()


def test_whom_a_proxy_names_is_not_offered_to_sign_out_but_may_use_a_token(browser: Browser, proxy: Proxy) -> None:
    with open_page(browser, proxy.admin) as person:
        person.page.set_extra_http_headers({"X-Forwarded-User": "ann"})
        person.page.goto(proxy.admin)
        expect(person.page.get_by_text("user:ann, operator")).to_be_visible()
        expect(person.button("Sign out")).to_have_count(0)

        person.button("Use a token").click()
        person.sign_in_again(proxy.token)

        expect(person.page.get_by_text("admin-token, operator")).to_be_visible()
