"""The first migration of docs/first-migration.md, from the dashboard alone; its pictures are made here."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.demos import Demo
from tests.browser.looking import until
from tests.browser.person import Person

ROUTE = "payments.transactions"


def test_the_first_migration_is_done_from_the_dashboard_alone(person: Person, demo: Demo, shots: Path) -> None:
    # Compared before it is moved.
    person.open_route(ROUTE)
    person.set_share("0", "begin on the monolith")
    person.go(f"#/file/{ROUTE}")
    area = person.page.get_by_label("Text of the routes file")
    expect(person.page.locator("#verdict")).to_have_text("This is the file as it is.")
    named = f"  - name: {ROUTE}\n"
    area.fill(area.input_value().replace(named, f"{named}    shadow: {{mode: shadow, noise: 20%}}\n"))
    expect(person.page.locator("#verdict")).to_contain_text("No fault.")
    person.button("Apply…").click()
    person.answer("Apply", "compare before anything moves")
    until(lambda: (demo.route(ROUTE)["shadow"] or {"compared": 0})["compared"] > 20, what="answers are compared")
    person.open_route(ROUTE)
    expect(person.section("Differences between both sides")).to_contain_text("Compared")
    person.picture(shots / "migration-1-shadow.png", whole=True)

    # 2 %, then 25 %.
    for percent in ("2", "25"):
        person.set_share(percent, f"{percent} % of the users")
        expect(person.section("How far it has come")).to_contain_text(f"On: {percent} % extracted")
    until(lambda: demo.route(ROUTE)["share_bp"] == 2_500, what="25 % is served")

    # The service fails, and the route goes back by itself.
    demo.fail("payments", 1.0)
    expect(person.section("Guard")).to_contain_text("Tripped: the monolith answers until a person resets it.")
    person.picture(shots / "migration-2-tripped.png", whole=True)
    person.go("")
    expect(person.page.get_by_text("Tripped").first).to_be_visible()
    person.picture(shots / "migration-3-endpoints.png")

    # Mended, proven anew, reset, and moved for good.
    demo.fail("payments", 0.0)
    person.open_route(ROUTE)
    began = demo.ask("GET", f"shadow/{ROUTE}")["since"]
    person.button("Begin anew…").click()
    person.answer("Forget", "what was found is of the incident")
    # The demo's sides do not copy each other's payments, so that some answers differ from the first moment.
    until(lambda: (demo.ask("GET", f"shadow/{ROUTE}")["since"] or 0) > began, what="the incident is forgotten")
    person.button("Reset…").click()
    person.answer("Reset", "the service is mended")
    expect(person.section("Guard")).to_contain_text("Closed: the route follows its flag.")
    person.set_share("100", "all users")
    until(lambda: demo.route(ROUTE)["share_bp"] == 10_000, what="100 % is served")
    expect(person.page.locator(".subject")).to_contain_text("Extracted")
    person.picture(shots / "migration-4-extracted.png")
