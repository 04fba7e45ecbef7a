"""The routes file is edited in a browser, and every byte that nobody touched stays as it is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.demos import Demo
from tests.browser.looking import until
from tests.browser.person import Person

BEFORE, AFTER = "# Who is asking?", "# Who asks?\n  # Nobody knows."
"""A line of the file in place of which there are two."""


def windows(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def mixed(text: str) -> bytes:
    """Return a file that several editors have had, and the last one left no line end at its end."""
    lines = text.removesuffix("\n").split("\n")
    ends = ["\r\n" if index % 3 else "\n" for index in range(len(lines) - 1)]
    return "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True)).encode()


@pytest.fixture
def file(demo: Demo) -> Iterator[Path]:
    kept = demo.routes.read_bytes()
    yield demo.routes
    demo.routes.write_bytes(kept)


@pytest.mark.parametrize(("written", "end"), [(windows, b"\r\n"), (mixed, b"")])
def test_only_what_was_edited_is_written_otherwise(
    person: Person, demo: Demo, file: Path, written: Callable[[str], bytes], end: bytes
) -> None:
    before = written(file.read_text())
    file.write_bytes(before)
    until(lambda: demo.ask("GET", "config")["status"]["state"] == "current", what="the file is served")
    person.go("#/file")
    area = person.page.get_by_label("Text of the routes file")
    expect(person.page.locator("#verdict")).to_have_text("This is the file as it is.")
    expect(person.button("Back to the file")).to_be_disabled()

    area.fill(area.input_value().replace(BEFORE, AFTER))
    expect(person.button("Apply…")).to_be_enabled()
    person.button("Apply…").click()
    person.answer("Apply", "a question less")

    expect(person.page.locator("#verdict")).to_have_text("This is the file as it is.")
    at = before.index(BEFORE.encode())
    # Because the new line ends as the one before it did, in a mixed file that is what stood there.
    own = end or (b"\r\n" if before[:at].endswith(b"\r\n  ") else b"\n")
    assert file.read_bytes() == before.replace(BEFORE.encode(), AFTER.encode().replace(b"\n", own))


def test_a_file_that_is_not_utf_8_is_shown_and_not_edited(person: Person, file: Path) -> None:
    file.write_bytes(file.read_bytes() + "# café\n".encode("latin-1"))
    person.go("#/file")

    expect(person.page.locator("#verdict")).to_contain_text("The routes file is not UTF-8: the byte 0xE9 in line")
    expect(person.page.get_by_label("Text of the routes file")).not_to_be_editable()
    expect(person.button("Apply…")).to_be_disabled()
