"""The routes file edited in place, with a fault and without; a route added for an endpoint that was seen."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.demos import Demo
from tests.browser.looking import until
from tests.browser.person import Person

AS_IT_IS = "This is the file as it is."


def test_the_routes_file_is_edited_with_a_fault_and_then_without(person: Person, demo: Demo) -> None:
    # Because only what the monolith answers is compared in this mode, most of it must be the monolith's.
    demo.ask("PUT", "flags/payments", {"set": "2%", "reason": "for the test"})
    person.go("#/file")
    area = person.page.get_by_label("Text of the routes file")
    expect(person.page.locator("#verdict")).to_have_text("This is the file as it is.")
    before = area.input_value()
    assert before == demo.routes.read_text()

    area.fill(before.replace("  - name: payments.read\n", "  - name: payments.read\n    shadow: shadwo\n"))

    faults = person.page.get_by_role("list", name="Faults").get_by_role("listitem")
    expect(faults).to_contain_text("Did you mean `shadow`?")
    expect(person.button("Apply…")).to_be_disabled()
    line = int(faults.get_by_role("button").inner_text().removeprefix("Line "))
    assert area.input_value().split("\n")[line - 1] == "    shadow: shadwo"
    assert demo.routes.read_text() == before

    area.fill(before.replace("  - name: payments.read\n", "  - name: payments.read\n    shadow: shadow\n"))

    expect(person.page.locator("#verdict")).to_have_text("No fault. It changes the route payments.read.")
    expect(person.page.get_by_role("table", name="What would become of the last hour's requests")).to_contain_text(
        "are compared"
    )
    person.button("Apply…").click()
    person.answer("Apply", "payments are to be compared")

    expect(person.page.locator("#verdict")).to_have_text("This is the file as it is.")
    until(lambda: demo.route("payments.read")["shadow"] is not None, what="payments.read is shadowed")
    rows = demo.ask("GET", "audit?what=config&limit=1")["rows"]
    assert [(row["who"], row["why"]) for row in rows] == [("admin-token", "payments are to be compared")]


def test_what_somebody_else_wrote_meanwhile_is_not_written_over(person: Person, demo: Demo) -> None:
    person.go("#/file")
    area = person.page.get_by_label("Text of the routes file")
    expect(person.page.locator("#verdict")).to_have_text("This is the file as it is.")
    area.fill(f"{area.input_value()}# mine\n")
    expect(person.button("Apply…")).to_be_enabled()

    demo.routes.write_text(f"{demo.routes.read_text()}# theirs\n")

    expect(person.page.get_by_text("The file on the disk is another one by now.")).to_be_visible()
    with person.page.expect_response(re.compile("/config/proposals")):
        area.fill(f"{area.input_value()}# more\n")
    expect(person.page.locator("#verdict")).to_contain_text("No fault.")
    expect(person.button("Apply…")).to_be_disabled()
    person.button("Load it, and drop what is typed here").click()
    expect(area).to_have_value(re.compile("# theirs\n$"))


def test_an_endpoint_without_a_route_gets_one_at_a_click(person: Person, demo: Demo) -> None:
    def is_seen() -> bool:
        return any(one["template"] == "/api/login" for one in demo.ask("GET", "discovery")["endpoints"])

    until(is_seen, what="POST /api/login is seen")
    person.go("#/left")

    row = person.page.get_by_role("row").filter(has_text="/api/login")
    row.get_by_role("button", name="Add a route…").click()
    question = person.page.get_by_role("dialog")
    expect(question.locator("pre")).to_contain_text('path: "/api/login"')
    person.answer("Add the route", "the next one")

    expect(row).to_contain_text("on the monolith")
    assert "/api/login" in demo.routes.read_text()


def test_a_difference_that_is_meant_becomes_a_rule_of_the_file(person: Person, demo: Demo) -> None:
    def is_found() -> bool:
        return any(one["place"] == "$.permissions" for one in demo.ask("GET", "shadow/users.read")["groups"])

    until(is_found, what="permissions differ")
    person.open_route("users.read")
    group = person.section("Differences between both sides").locator("li").filter(has_text="$.permissions").first

    group.locator("summary").click()
    group.get_by_role("button", name="Accept as intended…").click()
    expect(person.page.get_by_role("dialog")).to_contain_text("What was found of users.read is forgotten with it")
    person.answer("Accept", "the order never mattered")

    until(lambda: "$.permissions" in demo.routes.read_text(), what="the rule is in the file")


@pytest.fixture
def file(demo: Demo) -> Iterator[Path]:
    kept = demo.routes.read_bytes()
    yield demo.routes
    demo.routes.write_bytes(kept)
    until(lambda: demo.ask("GET", "config")["status"]["state"] == "current", what="the file is served")


def test_what_is_typed_is_there_again_after_a_look_at_another_view(person: Person, file: Path) -> None:
    person.go("#/file")
    area = person.page.get_by_label("Text of the routes file")
    expect(person.page.locator("#verdict")).to_have_text(AS_IT_IS)
    typed = f"{area.input_value()}# mine\n"
    area.fill(typed)
    person.page.get_by_role("link", name="Audit log").click()
    expect(person.heading("Audit log")).to_be_visible()

    person.page.get_by_role("link", name="Routes file").click()

    expect(area).to_have_value(typed)
    expect(person.button("Apply…")).to_be_enabled()
    person.go("#/audit")
    file.write_text(f"{file.read_text()}# theirs\n")
    person.go("#/file")
    expect(area).to_have_value(typed)
    expect(person.page.get_by_text("The file on the disk is another one by now.")).to_be_visible()
    expect(person.button("Apply…")).to_be_disabled()
    person.button("Load it, and drop what is typed here").click()
    expect(area).to_have_value(re.compile("# theirs\n$"))
    person.go("#/audit")
    person.go("#/file")
    expect(area).to_have_value(re.compile("# theirs\n$"))


def test_a_page_with_text_that_is_not_applied_asks_before_it_is_left(person: Person) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    person.page.on("dialog", answer)
    person.go("#/file")
    area = person.page.get_by_label("Text of the routes file")
    expect(person.page.locator("#verdict")).to_have_text(AS_IT_IS)
    person.page.reload()
    expect(person.page.locator("#verdict")).to_have_text(AS_IT_IS)
    assert asked == []

    area.press_sequentially("#")
    person.page.reload()

    expect(person.page.locator("#verdict")).to_have_text(AS_IT_IS)
    assert asked == ["beforeunload"]


def test_who_signs_out_is_asked_first_and_leaves_nothing_that_was_typed_behind(person: Person, demo: Demo) -> None:
    asked: list[Dialog] = []
    answers = iter((False, True))

    def answer(dialog: Dialog) -> None:
        asked.append(dialog)
        dialog.accept() if next(answers) else dialog.dismiss()

    person.page.on("dialog", answer)
    person.go("#/file")
    area = person.page.get_by_label("Text of the routes file")
    expect(person.page.locator("#verdict")).to_have_text(AS_IT_IS)
    before = area.input_value()
    area.fill(f"{before}# mine\n")

    person.button("Sign out").click()
    expect(area).to_have_value(f"{before}# mine\n")
    person.button("Sign out").click()

    expect(person.heading("Sign in")).to_be_visible()
    assert [one.type for one in asked] == ["confirm", "confirm"]
    person.page.get_by_label("Token").fill(demo.token)
    person.button("Sign in").click()
    expect(area).to_have_value(before)


def test_the_editor_follows_the_file_into_a_fault_and_out_of_it(person: Person, demo: Demo, file: Path) -> None:
    person.go("#/file")
    area = person.page.get_by_label("Text of the routes file")
    verdict = person.page.locator("#verdict")
    expect(verdict).to_have_text(AS_IT_IS)
    sound = file.read_text()

    def write(text: str) -> None:
        """Write the file, and return once control has read it: what is gone before that is nothing to follow."""
        file.write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        until(lambda: demo.ask("GET", "config")["status"]["disk_digest"] == digest, what="the file is read")

    write(f"{sound}rutes: []\n")
    expect(verdict).to_have_text("1 fault: nothing of this can be applied.")
    expect(area).to_have_value(f"{sound}rutes: []\n")
    write(f"{sound}rutes: []\n# The same fault.\n")
    expect(area).to_have_value(f"{sound}rutes: []\n# The same fault.\n")
    write(sound)
    expect(area).to_have_value(sound)
    expect(verdict).to_have_text(AS_IT_IS)

    area.fill(f"{sound}# mine\n")
    expect(person.button("Apply…")).to_be_enabled()
    write(f"{sound}rutes: []\n")
    notice = person.page.get_by_text("The file on the disk is another one by now.")
    expect(notice).to_be_visible()
    expect(person.button("Apply…")).to_be_disabled()
    expect(area).to_have_value(f"{sound}# mine\n")
    write(sound)
    expect(notice).to_be_hidden()
    expect(person.button("Apply…")).to_be_enabled()
    write(f"{sound}rutes: []\n")
    expect(notice).to_be_visible()
    person.button("Back to the file").click()
    expect(area).to_have_value(f"{sound}rutes: []\n")
    expect(notice).to_be_hidden()
