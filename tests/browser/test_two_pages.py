"""Two pages of one browser share its session: neither does anything under another name than it shows."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person, open_page
from tests.browser.proxies import Proxy, proxying

ROUTES = '  - {name: pay, match: {path: "/pay"}, extracted: service, flag: first}\n'
DEAF = "window.BroadcastChannel = class { addEventListener() {} postMessage() {} }"
"""A page that hears nothing of the others."""


@pytest.fixture(scope="module")
def proxy(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxying(tmp_path_factory.mktemp("pages"), ROUTES) as proxy:
        proxy.ask("PUT", "flags/first", {"set": "5%", "reason": "for the test"})
        yield proxy


@pytest.fixture
def ann(browser: Browser, proxy: Proxy) -> Iterator[Person]:
    with open_page(browser, proxy.admin) as person:
        yield person


@pytest.fixture(scope="module")
def tokens(proxy: Proxy) -> dict[str, str]:
    made = {}
    for name, role in (("ann", "operator"), ("bob", "operator"), ("eve", "operator"), ("victor", "viewer")):
        made[name] = proxy.ask("POST", "tokens", {"name": name, "role": role, "reason": "a test"})["secret"]
    return made


def replaced(person: Person, token: str) -> None:
    """Let the browser be somebody else's, of whom its pages hear nothing; a sign-in beside them would end theirs."""
    browser = person.page.context.browser
    assert browser is not None
    elsewhere = browser.new_context()
    elsewhere.request.post(
        f"{person.origin}/api/v1/session", data={"token": token}, headers={"X-Strangler-Request": "1"}
    )
    cookies = elsewhere.cookies()
    elsewhere.close()
    person.page.context.add_cookies([{**cookie, "sameSite": "Strict"} for cookie in cookies])  # type: ignore[typeddict-item]


def beside(person: Person) -> Person:
    """Open another page of the same browser, at its sign-in."""
    other = Person(person.page.context.new_page(), person.origin)
    other.page.goto(person.origin)
    expect(other.heading("Sign in")).to_be_visible()
    return other


def test_a_page_says_at_once_who_it_is_when_another_one_signs_in_as_somebody_else(
    ann: Person, proxy: Proxy, tokens: dict[str, str]
) -> None:
    other = beside(ann)
    ann.sign_in(tokens["ann"])
    ann.open_route("pay")
    ann.page.get_by_label("Exactly").fill("9")
    ann.button("Set share…").click()
    ann.page.get_by_role("dialog").get_by_label("Reason").fill("of ann")

    other.sign_in_again(tokens["victor"])

    expect(ann.page.locator(".me")).to_have_text("token:victor, viewer")
    expect(ann.page.get_by_role("dialog")).to_have_count(0)
    expect(ann.page.get_by_role("alert")).to_contain_text("This browser was signed in as token:victor (viewer)")
    expect(ann.button("Set share…")).to_be_disabled()
    assert proxy.ask("GET", "flags")["flags"][0]["served_bp"] == 500
    other.check()


def test_a_change_of_a_page_that_noticed_nothing_is_refused_and_asked_anew(
    ann: Person, proxy: Proxy, tokens: dict[str, str]
) -> None:
    ann.expected.append(re.compile("status of 403"))
    ann.page.add_init_script(DEAF)
    ann.sign_in(tokens["ann"])
    ann.open_route("pay")
    ann.page.get_by_label("Exactly").fill("9")
    replaced(ann, tokens["bob"])
    expect(ann.page.locator(".me")).to_have_text("token:ann, operator")
    ann.button("Set share…").click()
    question = ann.page.get_by_role("dialog")
    question.get_by_label("Reason").fill("of ann")

    question.get_by_role("button", name="Set", exact=True).click()

    expect(ann.page.locator(".me")).to_have_text("token:bob, operator")
    expect(ann.page.get_by_role("alert")).to_contain_text("What was begun here as token:ann was not done.")
    expect(question).to_have_count(0)
    assert proxy.ask("GET", "flags")["flags"][0]["served_bp"] == 500
    # Asked anew, it is done under the name that is shown.
    ann.set_share("6", "of bob")
    row = proxy.ask("GET", "audit?limit=1")["rows"][0]
    assert (row["who"], row["why"]) == ("token:bob", "set 6%: of bob")
    proxy.ask("PUT", "flags/first", {"set": "5%", "reason": "as before"})


def test_a_page_whose_own_session_ends_is_that_of_whoever_signed_in_since(
    ann: Person, proxy: Proxy, tokens: dict[str, str]
) -> None:
    ann.page.add_init_script(DEAF)
    other = beside(ann)
    ann.sign_in(tokens["eve"])
    other.sign_in_again(tokens["bob"])
    expect(ann.page.locator(".me")).to_have_text("token:eve, operator")

    proxy.ask("POST", "tokens/eve/revoke", {"reason": "she has left"})

    expect(ann.page.locator(".me")).to_have_text("token:bob, operator")
    expect(ann.page.get_by_role("alert")).to_contain_text("so this page is token:bob's now")
    other.check()


def test_who_signs_out_for_somebody_else_is_told_so_and_nobody_is_signed_out(
    ann: Person, proxy: Proxy, tokens: dict[str, str]
) -> None:
    ann.expected.append(re.compile("status of 403"))
    ann.page.add_init_script(DEAF)
    other = beside(ann)
    ann.sign_in(tokens["ann"])
    replaced(ann, tokens["bob"])
    other.page.reload()
    expect(other.page.locator(".me")).to_have_text("token:bob, operator")

    ann.button("Sign out").click()

    expect(ann.page.locator(".me")).to_have_text("token:bob, operator")
    expect(other.page.locator(".me")).to_have_text("token:bob, operator")
    expect(other.page.get_by_text("Live", exact=True)).to_be_visible()
    other.check()


def test_a_page_that_signs_in_again_as_the_same_one_disturbs_no_other(
    ann: Person, proxy: Proxy, tokens: dict[str, str]
) -> None:
    given = tokens["ann"]
    other = beside(ann)
    ann.sign_in(given)
    ann.open_route("pay")
    ann.button("Set share…").focus()

    other.sign_in_again(given)

    expect(other.page.get_by_text("Live", exact=True)).to_be_visible()
    expect(ann.page.locator(".crumbs")).to_contain_text("pay")
    expect(ann.page.locator("#notices .notice")).to_have_count(0)
    other.check()
