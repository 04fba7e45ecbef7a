"""Looking: what the dashboard takes in Chromium, by the browser's own counters."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import CDPSession, Page, sync_playwright

from bench.operator.world import World

_WAIT_MS = 120_000
_WATCH = """
window.long = [];
new PerformanceObserver((list) => window.long.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
"""
_TYPED = "area-77"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One thing that was seen, in its unit."""

    what: str
    value: float
    unit: str


def look(world: World, chromium: str, seconds: float) -> Iterator[Sight]:
    """Return what the page takes: to be there, to be kept current, to be searched, and to be typed into."""
    host, port = world.address
    origin = f"http://{host}:{port}"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--enable-precise-memory-info"],
        )
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(_WAIT_MS)
        context.add_init_script(_WATCH)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        page.goto(origin)
        page.get_by_label("Token").fill(world.token)
        page.get_by_role("button", name="Sign in").click()
        page.locator(".endpoint").first.wait_for()
        yield from _first(page, session)
        yield from _kept(page, session, seconds)
        yield from _searched(page, session)
        yield from _edited(page, session, origin)
        browser.close()


def _first(page: Page, session: CDPSession) -> Iterator[Sight]:
    page.reload()
    page.locator(".endpoint").first.wait_for()
    took = page.evaluate("performance.now()")
    page.wait_for_timeout(1_500)
    yield Sight(what="first picture", value=took, unit="ms")
    # Because the browser counts anew for each page, there is nothing before it.
    yield Sight(what="first picture, the page's CPU", value=_script_s(session) * 1e3, unit="ms")
    yield Sight(what="first picture, longest task", value=_longest(page), unit="ms")
    yield Sight(what="nodes", value=page.evaluate("document.querySelectorAll('*').length"), unit="")


def _kept(page: Page, session: CDPSession, seconds: float) -> Iterator[Sight]:
    heap = _heap(session)
    page.evaluate("window.long = []")
    before = _script_s(session)
    page.wait_for_timeout(seconds * 1_000)
    yield Sight(what="kept current, CPU a second", value=(_script_s(session) - before) / seconds * 1e3, unit="ms")
    yield Sight(what="kept current, longest task", value=_longest(page), unit="ms")
    yield Sight(what="kept current, tasks over 50 ms", value=page.evaluate("window.long.length"), unit="")
    yield Sight(what="heap", value=heap / 2**20, unit="MiB")
    yield Sight(what="heap's growth a minute", value=(_heap(session) - heap) / 2**20 * 60 / seconds, unit="MiB")


def _searched(page: Page, session: CDPSession) -> Iterator[Sight]:
    page.evaluate("window.long = []")
    before = _script_s(session)
    page.get_by_label("Find an endpoint").press_sequentially(_TYPED)
    page.wait_for_timeout(300)
    yield Sight(what="search, CPU a key", value=(_script_s(session) - before) / len(_TYPED) * 1e3, unit="ms")
    yield Sight(what="search, longest task", value=_longest(page), unit="ms")


def _edited(page: Page, session: CDPSession, origin: str) -> Iterator[Sight]:
    page.goto(f"{origin}/#/file")
    began = time.perf_counter()
    verdict = page.locator("#verdict")
    verdict.get_by_text("This is the file as it is.").wait_for()
    yield Sight(what="editor, until it is checked", value=(time.perf_counter() - began) * 1e3, unit="ms")
    page.evaluate("window.long = []")
    # Because the first line is `version: 1`, what is typed goes below it.
    page.locator("#routes").evaluate("(area) => { area.focus(); area.setSelectionRange(10, 10); }")
    before = _script_s(session)
    word = "# a comment"
    page.keyboard.press("Enter")
    page.get_by_label("Text of the routes file").press_sequentially(word)
    page.wait_for_timeout(300)
    yield Sight(what="editor, CPU a key", value=(_script_s(session) - before) / len(word) * 1e3, unit="ms")
    yield Sight(what="editor, longest task", value=_longest(page), unit="ms")
    began = time.perf_counter()
    verdict.get_by_text("No fault.").wait_for()
    yield Sight(what="editor, typed to checked", value=(time.perf_counter() - began) * 1e3, unit="ms")


def _longest(page: Page) -> float:
    longest: float = page.evaluate("Math.max(0, ...window.long)")
    return longest


def _script_s(session: CDPSession) -> float:
    """Return the seconds that the page's main thread has worked."""
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def _heap(session: CDPSession) -> float:
    """Return the bytes that are in use once what is not has gone."""
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])
