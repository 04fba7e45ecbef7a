"""Numbers as the page says them, by its own module in the browser."""

from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser

import strangler.control.page
from strangler.core.histogram import BOUNDS_S, SURE_S

FORMAT = Path(strangler.control.page.__file__).parent / "static" / "format.js"


def test_what_took_longer_than_is_told_apart_is_no_number_of_ours(browser: Browser) -> None:
    last_ms = BOUNDS_S[-1] * 1e3
    module = f"data:text/javascript,{quote(FORMAT.read_text())}"
    page = browser.new_page()

    said = page.evaluate(
        "async ([module, values]) => values.map((await import(module)).latency)",
        [module, [last_ms, 101_000, 5.5, None]],
    )
    page.close()

    assert said == [f"over {int(SURE_S)} s", "101 s", "5.5 ms", "–"]
