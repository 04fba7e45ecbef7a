"""Numbers as the page says them, by its own module in the browser."""

from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser

import strangler.control.page
from strangler.core.audit import OF_KIND
from strangler.core.histogram import BOUNDS_S, SURE_S

STATIC = Path(strangler.control.page.__file__).parent / "static"


def test_what_took_longer_than_is_told_apart_is_no_number_of_ours(browser: Browser) -> None:
    last_ms = BOUNDS_S[-1] * 1e3
    module = f"data:text/javascript,{quote((STATIC / 'format.js').read_text())}"
    page = browser.new_page()

    said = page.evaluate(
        "async ([module, values]) => values.map((await import(module)).latency)",
        [module, [last_ms, 101_000, 5.5, None]],
    )
    page.close()

    assert said == [f"over {int(SURE_S)} s", "101 s", "5.5 ms", "–"]


def test_the_page_knows_what_is_of_each_kind_as_the_audit_log_does(browser: Browser) -> None:
    module = f"data:text/javascript,{quote((STATIC / 'series.js').read_text())}"
    page = browser.new_page()

    said = page.evaluate(
        "async ([module, all]) => { const { isOfKind } = await import(module);"
        " return all.map(([kind, what]) => isOfKind({ what }, kind)); }",
        [module, pairs := [[kind.value, what.value] for kind in OF_KIND for of in OF_KIND.values() for what in of]],
    )
    page.close()

    wanted = {(kind.value, what.value) for kind, of in OF_KIND.items() for what in of}
    assert {tuple(pair) for pair, is_it in zip(pairs, said, strict=True) if is_it} == wanted
