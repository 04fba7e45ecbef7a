"""One demo and one browser for all tests of this folder; without Debian's Chromium they are skipped, in one line."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.demos import Demo, running
from tests.browser.person import Person, open_page

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as Debian packages it; nothing is downloaded."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no browser: install the Debian package `chromium`")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The whole demo with its traffic; it asks for the browser first, so that without one nothing is started."""
    with running(tmp_path_factory.mktemp("demo"), _shadowed) as demo:
        yield demo


@pytest.fixture
def person(browser: Browser, demo: Demo) -> Iterator[Person]:
    """An operator who has signed in; at the end the page must have had no error and asked no other host."""
    with open_page(browser, demo.admin) as person:
        person.sign_in(demo.token)
        yield person


@pytest.fixture
def shots() -> Path:
    """Where pictures are kept."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


def _shadowed(text: str) -> str:
    """Have one route's reads compared, so that there is a difference to read."""
    return text.replace("  - name: users.read\n", "  - name: users.read\n    shadow: {mode: shadow, noise: 20%}\n")
