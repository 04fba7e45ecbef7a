"""What the page says of a route is what is served of it, in the same words everywhere."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from strangler.control.store import Store
from strangler.core.progress import Day
from strangler.core.traffic import DAY_S
from tests.browser.demos import Demo, fetch
from tests.browser.looking import until
from tests.browser.person import Person, open_page
from tests.browser.proxies import Proxy, proxying

ROUTES = """\
  - {name: staged, match: {methods: [GET], path: '/staged'}, extracted: service, flag: move,
     identity: [header X-User-Id], shadow: {mode: stage, noise: 0%}}
"""


@pytest.fixture
def proxy(browser: Browser, tmp_path: Path) -> Iterator[Proxy]:
    with proxying(tmp_path, ROUTES) as proxy:
        yield proxy


def row(person: Person, name: str) -> Locator:
    endpoints = person.page.get_by_role("list", name="Endpoints").get_by_role("listitem")
    return endpoints.filter(has=person.page.locator(".about", has_text=re.compile(rf"^{re.escape(name)}\b")))


def test_a_row_shows_both_sides_over_time_and_says_of_which_time(person: Person) -> None:
    found = row(person, "users.read")

    for label in ("Failures", "95th percentile"):
        small = found.get_by_role(
            "img", name=re.compile(rf"^{label} in the last (\d+ minutes|hour)\. Monolith .+\. Ext")
        )
        expect(small).to_have_count(1)
    expect(person.section("Endpoints")).to_contain_text(
        re.compile(
            r"Figures are of the last (minute|\d+ seconds), monolith / extracted\. "
            r"Small charts show the last (\d+ minutes|hour)\."
        )
    )
    expect(found.locator(".why")).to_contain_text("flag users")
    expect(person.page.locator(".picture .lead")).to_contain_text(
        re.compile(r"requests (since the start|in the last hour)$")
    )


def test_what_is_held_back_is_said_and_counted(person: Person, demo: Demo) -> None:
    demo.ask("PUT", "flags/notifications", {"set": "100%", "reason": "for the test"})
    try:
        found = row(person, "notifications.list")
        expect(found.locator(".reach")).to_have_text("99 %")
        expect(found.locator(".why")).to_contain_text("1 % held back to compare with")
        expect(
            found.get_by_role("img", name=re.compile("^Extracted: 99 % extracted, 1 % held back, its flag says 100 %"))
        )

        person.go("#/left")
        facts = person.section("Monolith left")
        held = demo.ask("GET", "progress")["left"]["held"]
        assert held >= 1
        expect(facts.get_by_role("term").filter(has_text="held back").locator("xpath=..")).to_contain_text(str(held))
        endpoint = (
            person.page.get_by_role("row").filter(has_text="/api/notifications").filter(has_text="notifications.list")
        )
        expect(endpoint).to_contain_text("extracted 99 %, 1 % held back")

        person.open_route("notifications.list")
        panel = person.section("How far it has come")
        expect(panel).to_contain_text("On, and says 100 %. Served: 99 % (1 % held back)")
        expect(panel.get_by_role("status")).to_contain_text("as many as now")
        expect(panel.get_by_role("status")).to_contain_text("1 % of the keys stay on the monolith")
    finally:
        demo.ask("PUT", "flags/notifications", {"set": "50%", "reason": "as before"})


def test_a_route_that_probes_shows_what_it_may_have_and_not_what_its_flag_says(person: Person, demo: Demo) -> None:
    found = row(person, "status.read")
    expect(found.locator(".reach")).to_have_text("100 %")
    demo.fail("status", 1.0)
    expect(found.locator(".chip")).to_have_text("Cooling")
    expect(found.locator(".reach")).to_have_text("0 %")
    demo.fail("status", 0.0)

    expect(found.locator(".chip")).to_have_text("Probing")

    banner = person.page.get_by_label("What everybody should know")
    expect(banner).to_contain_text("Tries a few keys after a trip: status.read.")
    expect(banner).not_to_contain_text("Taken back: status.read")
    expect(found.locator(".reach")).to_have_text("≤ 10 %")
    expect(found.locator(".why")).to_contain_text("at most 10 %")
    expect(found.locator(".why")).to_contain_text("routes.yaml says 100 %")
    person.open_route("status.read")
    guard = person.section("Guard")
    # What tripped it and what is measured now are told apart while it probes.
    expect(guard.get_by_role("table", name="What each rule said when it tripped")).to_contain_text("it tripped")
    expect(guard.get_by_role("table", name="What each rule measures now")).not_to_contain_text("it tripped")
    demo.ask("POST", "guards/status.read/reset", {"reason": "seen"})
    # It has no flag, but a share of its own.
    expect(guard).to_contain_text("Closed: the route follows routes.yaml.")


def test_who_changed_what_has_all_that_could_have_moved_the_route(person: Person, demo: Demo) -> None:
    flag = demo.ask("GET", "flags/notifications")["flag"]
    demo.ask("PUT", "flags/europe", {"set": "on", "create": True, "reason": "the one that is asked first"})
    asking = {**flag, "prerequisites": [{"key": "europe", "variation": 1}]}
    demo.ask("PUT", "flags/notifications", {"flag": asking, "reason": "europe goes first"})
    person.open_route("notifications.list")
    log = person.section("Who changed what")
    demo.ask("PUT", "flags/europe", {"set": "off", "reason": "not there yet"})
    expect(log.locator("li").filter(has_text="not there yet")).to_be_visible()
    demo.ask("POST", "guards/notifications.list/trip", {"reason": "a look at it"})
    demo.ask("POST", "guards/notifications.list/reset", {"reason": "looked at"})
    demo.ask("PUT", "flags/status-page", {"set": "2%", "create": True, "reason": "another's business"})
    demo.routes.write_text(f"{demo.routes.read_text()}# a note\n")
    demo.ask("POST", "kill", {"is_on": True, "reason": "a drill"})
    demo.ask("POST", "kill", {"is_on": False, "reason": "the drill is over"})

    for reason in (
        *("europe goes first", "a look at it", "looked at"),
        *("the file changed", "a drill", "the drill is over"),
    ):
        expect(log.locator("li").filter(has_text=reason).first).to_be_visible()
    expect(log).not_to_contain_text("another's business")
    person.page.get_by_label("About").select_option("the flag europe")
    expect(log.locator("li").filter(has_text="a drill")).to_have_count(0)
    expect(log.locator("li").filter(has_text="not there yet")).to_have_count(1)
    # The charts mark the same things.
    expect(person.section("Both sides").locator(".deeds")).to_contain_text("the drill is over")
    demo.ask("PUT", "flags/notifications", {"flag": flag, "reason": "as before"})


def test_an_accepted_difference_is_among_them(person: Person, demo: Demo) -> None:
    demo.ask("POST", "shadow/users.read/accept", {"path": "$.created_at", "reason": "the time of day is nobody's"})

    person.open_route("users.read")

    expect(
        person.section("Who changed what").locator("li").filter(has_text="the time of day is nobody's")
    ).to_be_visible()


def test_a_stage_is_set_and_shown(browser: Browser, proxy: Proxy) -> None:
    proxy.ask("PUT", "flags/move", {"set": "shadow", "reason": "begin"})
    for number in range(20):
        fetch(f"{proxy.url}/staged", "GET", None, {"X-User-Id": str(number)})
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        found = row(person, "staged")
        expect(found.locator(".why")).to_contain_text("stage shadow")
        expect(found.locator(".reach")).to_have_text("0 %")
        person.open_route("staged")

        person.page.get_by_label("Stage", exact=True).select_option("live")
        person.button("Set stage…").click()
        question = person.page.get_by_role("dialog")
        expect(question).to_contain_text("the extracted side answers, the monolith is compared")
        expect(question).to_contain_text(
            re.compile(r"About \d+ of \d+ requests (a minute|since the start[^.]*) would be answered by")
        )
        expect(question).to_contain_text("staged")
        person.answer("Set", "the sides agree")

        expect(person.section("How far it has come")).to_contain_text("live 100 %")
        until(lambda: proxy.ask("GET", "status")["routes"][0]["stages"] == {"live": 10_000}, what="live is served")
        person.go("")
        expect(found.locator(".why")).to_contain_text("stage live")
        expect(found.locator(".reach")).to_have_text("99 %")


def test_the_burn_down_is_drawn_over_the_days_and_told_as_a_table(
    browser: Browser, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.stop()
    store = Store(tmp_path / "state")
    today = int(time.time() // DAY_S)
    store.discovery.write(
        (),
        (),
        (
            Day(day=today - 40, legacy=9, extracted=0, endpoints=9, left=9),
            Day(day=today - 2, legacy=90, extracted=10, endpoints=9, left=9),
            Day(day=today - 1, legacy=1, extracted=3),
        ),
    )
    store.close()
    proxy.start()
    with open_page(browser, proxy.admin) as person:
        person.sign_in(proxy.token)
        person.go("#/left")
        section = person.section("Monolith left")

        expect(
            section.get_by_role(
                "img", name=re.compile("^The monolith's part of the requests, and the endpoints left, from 20")
            )
        ).to_be_visible()
        # Days stand where they are in time, and no line goes over those of which nothing is known.
        path = section.locator("path.burnt").get_attribute("d") or ""
        assert [path.count("M"), path.count("L")] == [2, 1]
        far, near, last = (float(x) for x in re.findall(r"[ML]([\d.]+) ", path))
        assert last - near < (near - far) / 20
        section.get_by_text("The same as a table").click()

        rows = section.get_by_role("table", name="Day by day").get_by_role("row")
        expect(rows.nth(1)).to_contain_text("25.0 %")
        expect(rows.nth(2)).to_contain_text("90.0 %")


def test_every_view_works_while_no_other_host_can_be_reached(browser: Browser, demo: Demo) -> None:
    with open_page(browser, demo.admin) as person:
        origin = re.escape(demo.admin)
        person.page.route(re.compile(rf"^(?!{origin})"), lambda route: route.abort("internetdisconnected"))
        person.sign_in(demo.token)
        for view in ("#/route/users.read", "#/left", "#/file", "#/audit", "#/"):
            person.go(view)
            expect(person.page.get_by_role("heading", level=1)).to_be_visible()

        loaded = person.page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
        assert loaded and all(one.startswith(demo.admin) for one in loaded), json.dumps(loaded)
