"""What an operator does with the dashboard, one task after the other, while the demo's traffic goes on."""

import re

from playwright.sync_api import expect

from tests.browser.demos import Demo
from tests.browser.looking import until
from tests.browser.person import Person


def moves(demo: Demo, route: str, side: str) -> None:
    """Wait until this side answers requests that come from now on."""
    before = demo.answered(route, side)
    until(lambda: demo.answered(route, side) > before, what=f"{side} answers {route}")


def is_everywhere(demo: Demo) -> bool:
    """Return whether every worker serves what is to be served."""
    found = demo.ask("GET", "generation")
    return all(worker["generation"] == found["generation"] for worker in found["workers"])


def test_a_flag_is_turned_off_and_on_and_the_traffic_follows(person: Person, demo: Demo) -> None:
    person.open_route("notifications.list")
    told = person.section("How far it has come").get_by_role("status")
    # Because in the first seconds after a start no minute can be told of.
    expect(told).to_contain_text("requests a minute")

    person.button("Turn the flag off…").click()
    question = person.page.get_by_role("dialog")
    expect(question).to_contain_text(
        re.compile(r"About 0 of [\d,]+ requests a minute would be answered by the extracted side")
    )
    expect(question).to_contain_text("notifications.list, notifications.send, notifications.stream")
    person.answer("Turn", "a look at what happens")

    expect(person.section("How far it has come")).to_contain_text("Off: 0 % extracted")
    until(lambda: demo.route("notifications.list")["share_bp"] == 0, what="the flag is off")
    until(lambda: is_everywhere(demo), what="every worker serves that")
    # Because a worker tells of what it did before a moment later.
    moves(demo, "notifications.list", "legacy")
    before = demo.answered("notifications.list", "extracted")
    moves(demo, "notifications.list", "legacy")
    # Because requests that had begun before may have ended after it, two are let pass.
    assert demo.answered("notifications.list", "extracted") <= before + 2

    person.button("Turn the flag on…").click()
    person.answer("Turn", "seen")

    expect(person.section("How far it has come")).to_contain_text("On: 50 % extracted")
    moves(demo, "notifications.list", "extracted")


def test_a_share_is_slid_and_its_consequence_is_said_before(person: Person, demo: Demo) -> None:
    person.open_route("users.read")
    slider = person.page.get_by_label("Share, in steps")
    panel = person.section("How far it has come")
    expect(panel.get_by_role("status")).to_contain_text("requests a minute would be answered by the extracted side")

    slider.focus()
    while slider.get_attribute("aria-valuetext") != "40 %":
        slider.press("ArrowRight")

    expect(panel.get_by_role("status")).to_contain_text("more than now")
    person.button("Set share…").click()
    question = person.page.get_by_role("dialog")
    expect(question).to_contain_text("users.read, users.update, users.kyc")
    question.get_by_role("button", name="Set", exact=True).click()
    expect(question.get_by_role("alert")).to_contain_text("A reason is needed")
    person.answer("Set", "four in ten")

    until(lambda: demo.route("users.read")["share_bp"] == 4_000, what="40 % is served")
    # Against what holds now, not against the minutes before, when it was another share.
    expect(panel.get_by_role("status")).to_contain_text("as many as now")
    row = demo.ask("GET", "audit?limit=1")["rows"][0]
    assert (row["what"], row["subject"], row["who"]) == ("flag", "users", "admin-token")
    assert "four in ten" in row["why"]


def test_the_slider_has_marks_and_is_moved_by_the_keyboard_from_step_to_step_and_from_mark_to_mark(
    person: Person,
) -> None:
    person.open_route("users.read")
    slider = person.page.get_by_label("Share, in steps")
    slider.focus()

    def at() -> str | None:
        return slider.get_attribute("aria-valuetext")

    expect(person.section("How far it has come").get_by_role("status")).to_contain_text("requests a minute")
    slider.press("Home")
    marks = [at()]
    for _ in range(5):
        slider.press("PageUp")
        marks.append(at())
    assert marks == ["0 %", "1 %", "5 %", "25 %", "50 %", "100 %"]
    slider.press("PageUp")
    assert at() == "100 %"
    slider.press("PageDown")
    slider.press("ArrowLeft")
    assert at() == "40 %"
    slider.press("PageDown")
    assert at() == "25 %"

    # Each mark stands where the thumb does, and means as many requests as it says.
    shown = person.page.locator(".scale span")
    assert shown.all_inner_texts() == ["0", "1", "5", "25", "50", "100 %"]
    track = slider.bounding_box()
    mark = shown.nth(3).bounding_box()
    assert track is not None and mark is not None
    value, most = (int(slider.evaluate(f"(one) => one.{name}")) for name in ("value", "max"))
    thumb = track["x"] + 8 + (track["width"] - 16) * value / most
    assert abs(mark["x"] + mark["width"] / 2 - thumb) < 2
    told = person.section("How far it has come").get_by_role("status").inner_text()
    found = re.search(r"About ([\d,]+) of ([\d,]+) requests a minute", told)
    assert found is not None, told
    some, every = (int(number.replace(",", "")) for number in found.groups())
    assert abs(some - every / 4) <= 1


def test_a_change_of_what_has_changed_meanwhile_is_refused_and_says_so(person: Person, demo: Demo) -> None:
    person.open_route("users.read")
    person.page.get_by_label("Exactly").fill("35")
    person.button("Set share…").click()
    demo.ask("PUT", "flags/users", {"set": "30%", "reason": "somebody else was faster"})

    question = person.page.get_by_role("dialog")
    question.get_by_label("Reason").fill("five less")
    question.get_by_role("button", name="Set", exact=True).click()

    expect(question.get_by_role("alert")).to_contain_text("Something else was changed since you opened this")
    assert demo.route("users.read")["share_bp"] == 3_000
    person.expected.append(re.compile("status of 412"))


def test_a_share_that_is_too_fine_is_refused_beside_its_field(person: Person, demo: Demo) -> None:
    person.open_route("users.read")
    panel = person.section("How far it has come")
    expect(panel.get_by_role("status")).to_contain_text("would be answered")

    person.page.get_by_label("Exactly").fill("2.555")

    expect(panel.get_by_role("status")).to_have_text("A share is no finer than 0.01 %.")
    expect(person.button("Set share…")).to_be_disabled()
    person.page.get_by_label("Exactly").fill("2.55")
    expect(person.button("Set share…")).to_be_enabled()


def test_a_route_trips_shows_why_and_is_reset(person: Person, demo: Demo) -> None:
    demo.ask("PUT", "flags/payments", {"set": "50%", "reason": "for the test"})
    person.open_route("payments.read")

    demo.fail("payments", 1.0)
    expect(person.section("Guard")).to_contain_text("Tripped: the monolith answers until a person resets it.")

    expect(person.page.get_by_label("What everybody should know")).to_contain_text("Taken back: payments.create")
    expect(person.page.locator(".subject")).to_contain_text("0 %")
    guard = person.section("Guard")
    said = guard.get_by_role("table", name=re.compile(r"^What each rule( of [\w.]+)? said when it tripped$"))
    expect(said.get_by_role("row").filter(has_text="it tripped")).to_have_count(1)
    expect(said.get_by_role("row").filter(has_text="it tripped")).to_contain_text("breach")
    expect(guard).not_to_contain_text("What each rule measures now")
    expect(said.get_by_role("columnheader")).to_have_text(["Rule", "Says", "Measured", "Limit", "Monolith", "Rests on"])
    regression = said.get_by_role("row").filter(has_text="Fails more often than the monolith").get_by_role("cell")
    expect(regression.nth(1)).to_have_text(re.compile(r"^evidence -?[\d.]+$"))
    expect(regression.last).to_have_text(re.compile(r"^\d+ failures?$"))
    before = demo.ask("GET", "guards/payments.read")["trips"]
    expect(guard.get_by_role("term").filter(has_text="Trips so far").locator("xpath=..")).to_contain_text(str(before))
    person.page.get_by_label("About").select_option("the route payments.read")
    expect(person.section("Who changed what").locator(".chip.mark-trip")).to_have_count(before)
    expect(person.page.locator(".deeds")).to_contain_text("tripped")
    demo.fail("payments", 0.0)
    person.button("Reset…").click()
    expect(person.page.get_by_role("dialog")).to_contain_text("with it payments.create, payments.transactions")
    person.answer("Reset", "mended")

    expect(guard).to_contain_text("Closed: the route follows its flag.")
    expect(person.section("Who changed what")).to_contain_text("mended")
    until(lambda: demo.route("payments.read")["guard"]["phase"] == "closed", what="it is reset")
    # The small charts of all endpoints have a mark for each.
    person.go("")
    listed = person.page.get_by_role("listitem").filter(has=person.page.get_by_text(re.compile("^payments.read")))
    for mark in ("trip", "reset"):
        expect(listed.locator(f".spark .mark.{mark}").first).to_be_attached()
    expect(listed.get_by_role("img", name=re.compile("Failures .* the latest: reset at"))).to_have_count(1)


def test_a_route_is_taken_back_by_hand_with_its_cohort(person: Person, demo: Demo) -> None:
    person.open_route("users.update")

    person.button("Take back now…").click()
    expect(person.page.get_by_role("dialog")).to_contain_text("users.read, users.kyc")
    person.answer("Take back", "it looks wrong")

    expect(person.section("Guard")).to_contain_text("it looks wrong")
    assert {demo.route(name)["guard"]["phase"] for name in ("users.read", "users.update", "users.kyc")} == {"tripped"}
    # The keyboard goes on from the button that took the other one's place.
    expect(person.button("Reset…")).to_be_focused()
    person.button("Reset…").click()
    person.answer("Reset", "it was not")
    expect(person.section("Guard")).to_contain_text("Closed")
    expect(person.button("Take back now…")).to_be_focused()


def test_the_kill_switch_is_pulled_and_released(person: Person, demo: Demo) -> None:
    person.button("Kill switch…").click()
    expect(person.page.get_by_role("dialog")).to_contain_text(re.compile(r"about [\d,]+ requests a minute"))
    # Because routes may trip while a reason is typed, what has changed meanwhile holds nobody up.
    share = demo.route("users.read")["share_bp"] / 100
    demo.ask("PUT", "flags/users", {"set": f"{share + 1}%", "reason": "somebody else"})
    person.answer("Send everything to the monolith", "incident 7")

    banner = person.page.get_by_label("What everybody should know")
    expect(banner).to_contain_text("The kill switch is on: the monolith answers everything.")
    assert demo.ask("GET", "status")["is_killed"] is True
    person.open_route("users.read")
    person.page.get_by_label("Exactly").fill("77")
    expect(person.section("How far it has come").get_by_role("status")).to_have_text(
        "The kill switch is on, so nothing moves until it is released."
    )
    person.button("Release kill switch…").click()
    person.answer("Release", "over")

    expect(banner).not_to_contain_text("The kill switch is on")
    deeds = person.section("Both sides").locator(".deeds li")
    expect(deeds.filter(has_text="kill switch off by admin-token: over").locator(".mark.reset")).to_have_count(1)
    expect(deeds.filter(has_text="incident 7").locator(".mark.trip")).to_have_count(1)
    assert demo.ask("GET", "status")["is_killed"] is False


def test_a_difference_is_read_with_both_values_side_by_side(person: Person, demo: Demo) -> None:
    def is_found() -> bool:
        places = {group["place"] for group in demo.ask("GET", "shadow/users.read")["groups"]}
        return "$.display_name" in places or "$.name" in places or bool(places)

    until(is_found, what="a difference is found")
    person.open_route("users.read")

    panel = person.section("Differences between both sides")
    panel.locator("summary").first.click()

    example = panel.locator(".example").first
    expect(example.get_by_role("heading", name="Answered")).to_be_visible()
    expect(example.get_by_role("heading", name="Shadow")).to_be_visible()
    expect(example).to_contain_text("GET /api/users/")
    # More is compared all the time: the figures follow by themselves, and what is read stays open.
    compared = panel.get_by_role("term").filter(has_text="Compared").locator("xpath=following-sibling::dd")
    expect(compared).not_to_have_text(compared.inner_text(), timeout=20_000)
    expect(example).to_be_visible()


def test_a_comparison_is_begun_anew_once_it_was_said_what_is_forgotten(person: Person, demo: Demo) -> None:
    until(lambda: demo.route("users.read")["shadow"]["different"] > 0, what="a difference is found")
    person.open_route("users.read")

    person.button("Begin anew…").click()
    expect(person.page.get_by_role("dialog")).to_contain_text(
        "Counts, differences and examples of this route are deleted, and comparing begins anew."
    )
    person.answer("Forget", "a new build of the service")

    expect(person.page.get_by_label("Notices")).to_contain_text("Comparing users.read begins anew.")
    person.page.get_by_label("About").select_option("the route users.read")
    expect(person.section("Who changed what").locator("li").first).to_contain_text("a new build of the service")


def test_the_audit_log_is_followed_while_others_change_things(person: Person, demo: Demo) -> None:
    person.go("#/audit")
    log = person.section("Audit log")
    expect(log.locator("li").first).to_be_visible()

    demo.ask("PUT", "flags/status-page", {"set": "1%", "create": True, "reason": "somebody else's change"})

    person.button("Show 1 new entry").click()
    newest = log.locator("li").first
    expect(newest).to_contain_text("somebody else's change")
    newest.locator("summary").click()
    expect(newest.locator("pre").first).to_contain_text('"key": "status-page"')
    # What comes back by itself is a trip too.
    demo.ask("POST", "guards/status.read/trip", {"reason": "a short one"})
    person.page.get_by_label("What", exact=True).select_option("trips")
    expect(log.locator("li").first).to_contain_text("a short one")
    expect(log.locator("li").filter(has_text="somebody else's change")).to_have_count(0)
    demo.ask("POST", "guards/status.read/reset", {"reason": "seen"})
    person.page.get_by_label("What", exact=True).select_option("flags")
    person.page.get_by_label("By", exact=True).fill("nobody of this name")
    person.page.get_by_label("By", exact=True).press("Enter")
    expect(log).to_contain_text("Nothing of this is on record.")


def test_an_endpoint_is_found_by_what_one_types_and_opened_by_the_keyboard_alone(person: Person) -> None:
    person.page.get_by_label("Find an endpoint").fill("payments.read")
    endpoints = person.page.get_by_role("list", name="Endpoints").get_by_role("listitem")
    expect(endpoints).to_have_count(1)

    link = endpoints.get_by_role("link")
    link.focus()
    link.press("Enter")

    expect(person.page.get_by_role("heading", level=1)).to_contain_text("/api/payments/{id}")
    expect(person.page.get_by_role("heading", level=1)).to_be_focused()


def test_routes_of_the_file_and_endpoints_of_live_traffic_are_told_apart(person: Person, demo: Demo) -> None:
    routes = len(demo.ask("GET", "status")["routes"])

    expect(person.page.locator(".lead")).to_contain_text(f"{routes} routes · ")
    expect(person.page.get_by_role("link", name="Monolith left:")).to_contain_text("of live traffic")
