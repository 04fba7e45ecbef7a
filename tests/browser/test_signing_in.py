"""Who may look, and who may change."""

import contextlib
import json
import re
import urllib.request

from playwright.sync_api import Browser, expect

from strangler.control.stream import MOST_OF_ONE
from tests.browser.demos import Demo
from tests.browser.person import open_page


def test_a_wrong_token_opens_nothing_and_says_so(browser: Browser, demo: Demo) -> None:
    with open_page(browser, demo.admin) as person:
        person.page.goto(demo.admin)
        person.page.get_by_label("Token").fill("not-a-token")
        person.button("Sign in").click()

        expect(person.page.get_by_role("alert")).to_contain_text("not known")
        expect(person.page.get_by_role("navigation", name="Views")).to_be_hidden()


def test_a_session_is_nothing_that_a_script_could_take_along(browser: Browser, demo: Demo) -> None:
    with open_page(browser, demo.admin) as person:
        person.sign_in(demo.token)

        (cookie,) = person.page.context.cookies()

        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        kept = person.page.evaluate("JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")
        assert json.loads(kept) == ["", {}, {}]


def test_who_signs_out_sees_nothing_more_until_they_sign_in_again(browser: Browser, demo: Demo) -> None:
    with open_page(browser, demo.admin) as person:
        person.sign_in(demo.token)

        person.button("Sign out").click()

        expect(person.heading("Sign in")).to_be_visible()
        person.go("#/audit")
        person.page.reload()
        expect(person.heading("Sign in")).to_be_visible()
        expect(person.page.get_by_text("payments")).to_have_count(0)


def test_a_viewer_sees_everything_and_is_told_why_nothing_can_be_changed(browser: Browser, demo: Demo) -> None:
    token = demo.new_token("victor", "viewer")
    with open_page(browser, demo.admin) as person:
        person.sign_in(token)
        expect(person.page.get_by_text("victor, viewer")).to_be_visible()
        expect(person.button("Kill switch…")).to_be_disabled()

        person.open_route("payments.read")

        for name in ("Set share…", "Turn the flag off…", "Take back now…"):
            expect(person.button(name)).to_be_disabled()
        expect(person.page.get_by_label("Exactly")).to_be_disabled()
        expect(person.section("How far it has come")).to_contain_text("You are signed in as a viewer")
        expect(person.section("Guard")).to_contain_text("Failed connections in a row")


def test_a_token_that_is_revoked_ends_what_it_opened(browser: Browser, demo: Demo) -> None:
    token = demo.new_token("rita", "viewer")
    with open_page(browser, demo.admin) as person:
        person.sign_in(token)
        expect(person.page.get_by_text("Live", exact=True)).to_be_visible()

        demo.ask("POST", "tokens/rita/revoke", {"reason": "she has left"})

        expect(person.heading("Sign in")).to_be_visible()
        expect(person.page.get_by_role("alert")).to_contain_text(
            "Your session has ended. The token `rita` was revoked at"
        )
        person.page.get_by_label("Token").fill(token)
        person.button("Sign in").click()
        expect(person.page.get_by_role("alert")).to_contain_text(re.compile("^The token `rita` was revoked at"))


def test_who_signs_out_is_signed_out_of_every_page(browser: Browser, demo: Demo) -> None:
    with open_page(browser, demo.admin) as person:
        person.sign_in(demo.token)
        other = person.page.context.new_page()
        other.goto(demo.admin)
        expect(other.get_by_text("Live", exact=True)).to_be_visible()

        person.button("Sign out").click()

        expect(person.heading("Sign in")).to_be_visible()
        expect(person.page.get_by_role("alert")).to_be_hidden()
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(other.get_by_role("alert")).to_contain_text("Your session has ended.")
        other.close()


def test_a_page_too_many_says_so_and_comes_in_once_there_is_room(browser: Browser, demo: Demo) -> None:
    token = demo.new_token("max", "viewer")
    headers = {"Authorization": f"Bearer {token}"}
    with contextlib.ExitStack() as pages, open_page(browser, demo.admin) as person:
        person.expected.append(re.compile("status of 429"))
        for _ in range(MOST_OF_ONE):
            request = urllib.request.Request(f"{demo.admin}/api/v1/stream", headers=headers)
            pages.enter_context(urllib.request.urlopen(request)).readline()
        person.page.goto(demo.admin)
        person.page.get_by_label("Token").fill(token)
        person.button("Sign in").click()
        expect(person.page.get_by_role("status").filter(has_text="are open already; close one of them")).to_be_visible()
        expect(person.heading("Not connected")).to_be_visible()

        pages.close()

        expect(person.heading("Where requests are answered")).to_be_visible()
        expect(person.page.get_by_text("Live", exact=True)).to_be_visible()


def test_what_everybody_should_know_is_told_again_to_who_signs_in_again(browser: Browser, demo: Demo) -> None:
    demo.ask("POST", "kill", {"is_on": True, "reason": "for the test"})
    with open_page(browser, demo.admin) as person:
        person.sign_in(demo.token)
        expect(person.page.locator("#banners")).to_contain_text("The kill switch is on")
        person.button("Sign out").click()
        expect(person.heading("Sign in")).to_be_visible()

        person.sign_in_again(demo.token)

        expect(person.page.locator("#banners")).to_contain_text("The kill switch is on")
    demo.ask("POST", "kill", {"is_on": False, "reason": "for the test"})


def test_a_question_that_is_open_when_the_session_ends_does_not_stand_before_the_sign_in(
    browser: Browser, demo: Demo
) -> None:
    token = demo.new_token("olga", "operator")
    with open_page(browser, demo.admin) as person:
        person.sign_in(token)
        person.button("Kill switch…").click()
        expect(person.page.get_by_role("dialog")).to_be_visible()

        demo.ask("POST", "tokens/olga/revoke", {"reason": "she has left"})

        expect(person.heading("Sign in")).to_be_visible()
        expect(person.page.get_by_role("dialog")).to_have_count(0)
        expect(person.page.get_by_role("alert")).to_contain_text("The token `olga` was revoked at")
        expect(person.page.get_by_label("Token")).to_be_focused()
