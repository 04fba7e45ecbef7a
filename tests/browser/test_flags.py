"""What flags say and what is served are told apart; what a change would mean is of one window; flags are deleted."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person, open_page
from tests.browser.proxies import Proxy, proxying

ROUTES = (
    '  - {name: pay, match: {path: "/pay"}, extracted: service, flag: first}\n'
    '  - {name: aside, match: {path: "/aside"}, extracted: service, flag: first}\n'
)
FIVE_MINUTES = """async (name) => {
  const { model, takeHistory } = await import("/static/model.js");
  const over = Math.floor(Date.now() / 10000) * 10;
  const columns = { at: [over - 200], requests: [50], failures: [0], p50_ms: [1], p95_ms: [1] };
  takeHistory({ now: over, step_s: 10, sums: model.sums, routes: { [name]: { legacy: columns } } });
  model.started = over - 3600;
  const exact = document.querySelector("input[type=number]");
  exact.value = "50";
  exact.dispatchEvent(new Event("input"));
  return document.querySelector(".meaning").textContent;
}"""
"""Have the page know of 50 requests of the monolith, three minutes ago, and return what it says of a share of 50 %."""


@pytest.fixture(scope="module")
def proxy(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxying(tmp_path_factory.mktemp("flags"), ROUTES) as proxy:
        set_flag(proxy, "first", "2%")
        set_flag(proxy, "left-over", "100%")
        yield proxy


@pytest.fixture
def page(browser: Browser, proxy: Proxy) -> Iterator[Person]:
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        yield person


def set_flag(proxy: Proxy, key: str, word: str) -> None:
    proxy.ask("PUT", f"flags/{key}", {"set": word, "create": True, "reason": "for the test"})


def keys(proxy: Proxy) -> set[str]:
    return {flag["key"] for flag in proxy.ask("GET", "flags")["flags"]}


def test_of_a_route_that_tripped_it_is_said_what_is_served_and_what_its_flag_says(page: Person, proxy: Proxy) -> None:
    row = page.page.get_by_role("list", name="Endpoints").get_by_role("listitem").filter(has_text="pay")
    page.open_route("pay")
    panel = page.section("How far it has come")
    expect(panel).to_contain_text("On: 2 % extracted.")
    proxy.ask("POST", "guards/pay/trip", {"reason": "a look at it"})
    try:
        expect(panel).to_contain_text("On, and says 2 %. Served: 0 % of pay (taken back); 2 % of aside.")
        why = page.page.locator(".subject .why")
        expect(why).to_have_text(re.compile("^flag first says 2 %; tripped .+: a look at it$"))
        page.page.get_by_role("link", name="first", exact=True).click()
        expect(page.section("Flag first")).to_contain_text("Served: 0 % of pay (taken back); 2 % of aside.")
        page.go("#/")
        expect(row.locator(".reach")).to_have_text("0 %")
        expect(row.locator(".why")).to_have_text(re.compile("^flag first says 2 %; tripped .+: a look at it$"))

        proxy.ask("POST", "kill", {"is_on": True, "reason": "a drill"})

        expect(row.locator(".why")).to_have_text("the kill switch is on, and it has tripped; flag first says 2 %")
        page.open_route("aside")
        expect(panel).to_contain_text("On, and says 2 %. Served: 0 % (the kill switch is on).")
    finally:
        proxy.ask("POST", "kill", {"is_on": False, "reason": "over"})
        proxy.ask("POST", "guards/pay/reset", {"reason": "seen"})


def test_a_share_that_is_set_while_its_route_is_taken_back_is_said_to_be_the_flag_s(page: Person, proxy: Proxy) -> None:
    proxy.ask("POST", "guards/pay/trip", {"reason": "a look at it"})
    try:
        page.open_route("pay")
        expect(page.section("How far it has come")).to_contain_text("Served: 0 % of pay (taken back)")
        page.set_share("3", "later")

        expect(page.page.get_by_label("Notices")).to_contain_text("The flag first says 3% now, on every worker.")
        expect(page.section("How far it has come")).to_contain_text("On, and says 3 %. Served: 0 % of pay (taken back)")
    finally:
        proxy.ask("POST", "guards/pay/reset", {"reason": "seen"})
        set_flag(proxy, "first", "2%")


def test_what_a_share_would_mean_is_told_by_the_five_minutes_that_a_dry_run_goes_by(page: Person) -> None:
    page.open_route("pay")
    expect(page.section("How far it has come")).to_contain_text("On: 2 % extracted.")

    told = page.page.evaluate(FIVE_MINUTES, "pay")

    assert told.startswith("About 5 of 10 requests a minute would be answered by the extracted side: 5 more than now")
    assert ", by the last five minutes." in told


def test_the_kill_switch_is_told_by_the_same_five_minutes(page: Person) -> None:
    page.open_route("pay")
    expect(page.section("How far it has come")).to_contain_text("On: 2 % extracted.")
    page.page.evaluate(FIVE_MINUTES, "pay")

    page.button("Kill switch…").click()

    expect(page.page.get_by_role("dialog")).to_contain_text(
        re.compile(r"about (< )?\d+ requests a minute by the last (five minutes|\d+ seconds)\.")
    )


def test_a_flag_that_no_route_names_is_found_and_deleted_with_a_reason(page: Person, proxy: Proxy) -> None:
    page.page.get_by_role("navigation", name="Views").get_by_role("link", name="Flags").click()
    row = page.page.get_by_role("row").filter(has_text="left-over")
    expect(row).to_contain_text("none")
    row.get_by_role("link").click()
    expect(page.section("Flag left-over")).to_contain_text("On, and says 100 %.")

    page.button("Delete the flag…").click()
    page.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("A reason is needed")
    page.answer("Delete", "its route has been gone for a month")

    expect(page.heading("Flags")).to_be_focused()
    expect(page.page.get_by_role("link", name="left-over")).to_have_count(0)
    expect(page.page.get_by_role("link", name="first")).to_have_count(1)
    assert keys(proxy) == {"first"}
    row_of_log = proxy.ask("GET", "audit?limit=1")["rows"][0]
    assert (row_of_log["subject"], row_of_log["why"]) == ("left-over", "delete: its route has been gone for a month")


def test_a_flag_that_a_route_names_is_not_deleted_and_the_page_says_which_route(page: Person, proxy: Proxy) -> None:
    page.expected.append(re.compile("status of 409"))
    page.go("#/flag/first")
    page.button("Delete the flag…").click()
    question = page.page.get_by_role("dialog")
    question.get_by_label("Reason").fill("tidying up")
    question.get_by_role("button", name="Delete", exact=True).click()

    expect(question.get_by_role("alert")).to_have_text(
        "The flag `first` decides for the routes `pay`, `aside`, and without it they would be the monolith's: "
        "take `flag: first` out of the routes file first."
    )
    assert "first" in keys(proxy)


def test_a_viewer_deletes_nothing(browser: Browser, proxy: Proxy) -> None:
    made = proxy.ask("POST", "tokens", {"name": "victor", "role": "viewer", "reason": "a test"})
    with open_page(browser, proxy.admin) as person:
        person.sign_in(made["secret"])
        person.go("#/flag/first")

        expect(person.button("Delete the flag…")).to_be_disabled()
