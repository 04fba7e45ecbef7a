"""A person before the dashboard: finds things by what they say, as a screen reader does, and notes what goes wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

WAIT_MS = 60_000
"""What takes a second may take much longer on a busy machine."""
_SIGNED_OUT = re.compile(r"Failed to load resource: the server responded with a status of 401")
"""Asking who is signed in is how the page knows that nobody is."""


class Person:
    """One page, and what it complained of."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.expected: list[re.Pattern[str]] = [_SIGNED_OUT]
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.on("request", self._asked)

    def sign_in(self, token: str) -> None:
        self.page.goto(self.origin)
        self.sign_in_again(token)

    def sign_in_again(self, token: str) -> None:
        """On the sign-in page, sign in."""
        self.page.get_by_label("Token").fill(token)
        self.button("Sign in").click()
        expect(self.heading("Where requests are answered")).to_be_visible()

    def go(self, view: str) -> None:
        """Follow a link by the address's last part, as `#/audit`."""
        self.page.goto(f"{self.origin}/{view}")

    def open_route(self, name: str) -> None:
        self.go(f"#/route/{name}")
        expect(self.page.get_by_role("navigation", name="Where you are")).to_contain_text(name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name)

    def section(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name, exact=True)

    def answer(self, verb: str, reason: str) -> None:
        """Give the open question a reason, and confirm it."""
        question = self.page.get_by_role("dialog")
        question.get_by_label("Reason").fill(reason)
        question.get_by_role("button", name=verb, exact=True).click()
        expect(question).to_have_count(0)

    def set_share(self, percent: str, reason: str) -> None:
        """On a route's page, set its flag's share."""
        self.page.get_by_label("Exactly").fill(percent)
        self.button("Set share…").click()
        self.answer("Set", reason)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Take a picture from the top, once the notices are closed."""
        self.page.evaluate(
            "document.querySelectorAll('#notices button').forEach((one) => one.click()); window.scrollTo(0, 0)"
        )
        self.page.screenshot(path=path, full_page=whole, animations="disabled")

    def check(self) -> None:
        """Fail if the page had an error, or asked another host."""
        assert [error for error in self.errors if not any(one.search(error) for one in self.expected)] == []
        assert self.strangers == []

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.origin).netloc and not request.url.startswith("data:"):
            self.strangers.append(request.url)


@contextmanager
def open_page(
    browser: Browser, origin: str, *, width: int = 1280, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Person]:
    """Open a page with a memory of its own until the block ends."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    try:
        person = Person(context.new_page(), origin)
        yield person
        person.check()
    finally:
        context.close()
