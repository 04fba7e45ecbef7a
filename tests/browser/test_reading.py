"""Who reads, or goes by the keyboard, keeps their place while everything else moves on."""

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person, open_page
from tests.browser.proxies import Proxy, proxying

COHORT = 12
ROUTES = (
    '  - {name: area.more, match: {path: "/area/more"}, extracted: service, flag: first}\n'
    '  - {name: area, match: {path: "/area/{id}"}, extracted: service, flag: first}\n'
    '  - {name: plain, match: {path: "/plain"}, extracted: service, flag: first}\n'
) + "".join(
    f'  - {{name: herd-{number}, match: {{path: "/herd-{number}"}}, extracted: service, share: 5%, cohort: herd}}\n'
    for number in range(COHORT)
)
NEXT_PICTURE = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
NEXT_STATE = """async () => {
  const { model } = await import("/static/model.js");
  const { head } = model;
  while (model.head === head) await new Promise(requestAnimationFrame);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


@pytest.fixture(scope="module")
def proxy(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxying(tmp_path_factory.mktemp("reading"), ROUTES) as proxy:
        _set(proxy, "first", "5%")
        yield proxy


@pytest.fixture
def page(browser: Browser, proxy: Proxy) -> Iterator[Person]:
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        yield person


def _set(proxy: Proxy, flag: str, word: str) -> None:
    proxy.ask("PUT", f"flags/{flag}", {"set": word, "reason": "for the test"})


def test_what_was_done_is_not_written_anew_while_it_is_read(page: Person, proxy: Proxy) -> None:
    page.open_route("area")
    deed = page.page.locator(".deeds li").first.element_handle()

    page.page.evaluate(NEXT_STATE)

    assert deed.evaluate("(node) => node.isConnected")


def test_the_table_has_what_the_charts_show(page: Person, proxy: Proxy) -> None:
    at = int(time.time() // 300) * 300 - 600
    columns = {"at": [at], "requests": [12_345], "failures": [0], "p50_ms": [1], "p95_ms": [2]}
    answer = json.dumps({"routes": {"area": {"legacy": columns}}})
    page.page.route("**/api/v1/history?span=day*", lambda route: route.fulfill(body=answer))
    page.open_route("area")
    page.page.get_by_text("The same as a table").click()

    page.button("Day").click()

    expect(page.section("The latest slots of both sides")).to_contain_text("12345")


def test_a_route_that_the_file_has_otherwise_is_shown_as_it_is_now(page: Person, proxy: Proxy) -> None:
    page.open_route("plain")
    expect(page.page.get_by_text("by the flag first")).to_be_visible()
    found = proxy.ask("GET", "config")
    text = found["text"].replace(
        '"/plain"}, extracted: service, flag: first', '"/plain"}, extracted: service, flag: second'
    )

    proxy.ask("PUT", "config", {"text": text, "digest": found["digest"], "reason": "for the test"})

    expect(page.page.get_by_text("by the flag second")).to_be_visible()


def test_a_cohort_that_trips_is_one_notice(page: Person, proxy: Proxy) -> None:
    expect(page.page.get_by_text("Live", exact=True)).to_be_visible()
    page.page.evaluate(
        """() => {
          window.told = [];
          const note = (all) => window.told.push(...all.flatMap((one) => [...one.addedNodes]));
          new MutationObserver(note).observe(document.getElementById("notices"), { childList: true });
        }"""
    )

    proxy.ask("POST", "guards/herd-0/trip", {"reason": "for the test"})

    expect(page.page.locator("#notices")).to_contain_text("herd-0")
    expect(page.page.locator("#banners")).to_contain_text("and 8 more")
    assert page.page.evaluate("window.told.length") == 1
    # Why it tripped is on the route's page.
    assert page.page.evaluate("window.told[0].firstChild.textContent") == (
        "herd-0: tripped by admin-token. And 11 changes more."
    )
    proxy.ask("POST", "guards/herd-0/reset", {"reason": "for the test"})


def test_a_notice_is_told_politely_and_closed_by_the_keyboard_from_wherever_it_is(page: Person) -> None:
    notices = page.page.get_by_label("Notices")
    expect(notices).to_have_attribute("aria-live", "polite")
    search = page.page.get_by_label("Find an endpoint")
    search.focus()
    for word in ("one", "two", "three"):
        page.page.evaluate('async (word) => (await import("/static/ui.js")).notify(word, "alert")', word)
    expect(notices.locator(".notice")).to_have_count(3)

    page.page.keyboard.press("Escape")
    expect(notices.locator(".notice p")).to_have_text(["one", "two"])
    expect(search).to_be_focused()
    close = notices.get_by_role("button", name="Close this notice")
    close.first.focus()
    page.page.keyboard.press("Enter")
    expect(close).to_be_focused()
    page.page.keyboard.press("Enter")

    expect(notices.locator(".notice")).to_have_count(0)
    expect(search).to_be_focused()


def test_escape_closes_a_question_before_any_notice_behind_it(page: Person) -> None:
    page.page.evaluate('async () => (await import("/static/ui.js")).notify("one", "alert")')
    page.button("Kill switch…").click()
    expect(page.page.get_by_role("dialog")).to_be_visible()

    page.page.keyboard.press("Escape")

    expect(page.page.get_by_role("dialog")).to_have_count(0)
    expect(page.page.locator("#notices .notice")).to_have_count(1)


def test_a_notice_stays_while_the_keyboard_is_at_it(page: Person) -> None:
    page.page.clock.install()
    page.page.evaluate('async () => (await import("/static/ui.js")).notify("one", "warning")')
    notice = page.page.locator("#notices .notice")
    notice.get_by_role("button").focus()

    page.page.clock.run_for(60_000)
    expect(notice).to_have_count(1)
    page.page.get_by_label("Find an endpoint").focus()
    page.page.clock.run_for(20_000)

    expect(notice).to_have_count(0)


def test_the_routes_file_opens_at_the_route_and_not_at_one_whose_name_begins_so(page: Person) -> None:
    page.go("#/file/area")
    area = page.page.get_by_label("Text of the routes file")

    expect(area).to_be_focused()
    line = area.evaluate("(node) => node.value.slice(node.selectionStart).split('\\n')[0]")
    assert line == ROUTES.splitlines()[1]


def test_another_text_on_the_disk_takes_the_keyboard_nowhere(page: Person, proxy: Proxy) -> None:
    page.go("#/file/area")
    expect(page.page.get_by_label("Text of the routes file")).to_be_focused()
    page.button("Sign out").focus()
    found = proxy.ask("GET", "config")

    proxy.ask(
        "PUT", "config", {"text": f"{found['text']}# more\n", "digest": found["digest"], "reason": "for the test"}
    )

    expect(page.page.get_by_label("Text of the routes file")).to_have_value(f"{found['text']}# more\n")
    page.page.evaluate(NEXT_PICTURE)
    expect(page.button("Sign out")).to_be_focused()


def test_older_entries_come_without_the_keyboard_losing_its_place(page: Person, proxy: Proxy) -> None:
    for number in range(110):
        _set(proxy, "first", f"{number % 7}%")
    page.go("#/audit")
    entries = page.page.locator("ol.log > li")
    expect(entries).to_have_count(50)
    page.button("Older entries").focus()

    page.page.keyboard.press("Enter")

    expect(entries).to_have_count(100)
    page.page.evaluate(NEXT_PICTURE)
    expect(page.button("Older entries")).to_be_focused()


def test_after_a_share_is_set_the_keyboard_is_at_its_slider(page: Person, proxy: Proxy) -> None:
    page.open_route("area")
    page.page.get_by_label("Exactly").fill("7")
    page.button("Set share…").focus()
    page.page.keyboard.press("Enter")

    page.answer("Set", "for the test")

    expect(page.section("How far it has come")).to_contain_text("On: 7 %")
    expect(page.page.get_by_label("Share, in steps")).to_be_focused()


def test_what_a_share_means_is_read_aloud_when_it_is_moved_and_not_whenever_traffic_changes(page: Person) -> None:
    page.open_route("area")
    meaning = page.section("How far it has come").locator(".meaning")
    expect(meaning).to_have_attribute("aria-live", "off")

    page.page.get_by_label("Share, in steps").press("PageUp")

    expect(meaning).to_have_attribute("aria-live", "polite")


def test_the_value_that_arrow_keys_point_at_is_read_aloud(page: Person) -> None:
    page.open_route("area")
    chart = page.page.get_by_role("img", name="Requests a minute.")
    chart.press("ArrowLeft")

    readout = page.page.locator(".readout").first
    expect(readout).to_have_attribute("aria-live", "polite")
    chart.blur()
    expect(readout).not_to_have_attribute("aria-live", "polite")
