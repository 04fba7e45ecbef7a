"""How every view looks and reads: at three widths, light and dark, with nothing too wide and nothing that axe finds."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import axe
from tests.browser.demos import Demo
from tests.browser.person import Person, open_page

VIEWS = {
    "endpoints": ("", "Where requests are answered"),
    "route": ("#/route/users.read", "/api/users/{id}"),
    "left": ("#/left", "Monolith left"),
    "flags": ("#/flags", "Flags"),
    "flag": ("#/flag/users", "Flag users"),
    "file": ("#/file", "Routes file"),
    "audit": ("#/audit", "Audit log"),
}
WIDTHS = (1280, 768, 360)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def show(person: Person, view: str) -> None:
    address, heading = VIEWS[view]
    person.go(address)
    expect(person.page.get_by_role("heading", level=1)).to_contain_text(heading)
    expect(person.page.locator("[aria-busy]")).to_have_count(0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_view_is_wider_than_the_screen(
    browser: Browser, demo: Demo, shots: Path, width: int, scheme: Scheme
) -> None:
    with open_page(browser, demo.admin, width=width, scheme=scheme) as person:
        person.page.goto(demo.admin)
        expect(person.heading("Sign in")).to_be_visible()
        person.picture(shots / f"signin-{width}-{scheme}.png")
        person.sign_in(demo.token)
        for view in VIEWS:
            show(person, view)
            person.picture(shots / f"{view}-{width}-{scheme}.png", whole=True)

            wide = person.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{view} takes {wide} pixels"


CUT = """() => {
    const shown = (one) => one.checkVisibility({visibilityProperty: true}) && !one.closest(".unseen, svg, dialog");
    const found = [];
    for (const one of document.querySelectorAll("body *")) {
        if (!shown(one)) continue;
        const style = getComputedStyle(one);
        const hides = (way) => ["hidden", "clip"].includes(way);
        if (hides(style.overflowX) && one.scrollWidth > one.clientWidth + 1 && one.textContent.trim()) {
            found.push(`${one.className || one.tagName}: ${one.textContent.slice(0, 60)}`);
        }
        if (style.webkitLineClamp !== "none" && one.scrollHeight > one.clientHeight + 1) found.push(one.className);
        if (one.placeholder && !one.value && one.tagName === "INPUT") {
            const pen = document.createElement("canvas").getContext("2d");
            pen.font = style.font;
            const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            if (pen.measureText(one.placeholder).width > room) found.push(`${one.placeholder}: ${room} pixels`);
        }
    }
    for (const one of document.querySelectorAll("td .chip")) {
        const end = one.closest(".scroll").getBoundingClientRect().right;
        if (shown(one) && one.getBoundingClientRect().right > end + 1) found.push(`chip ${one.textContent}`);
    }
    return found;
}"""
"""What is there to be read and cannot be, because it is cut off or has to be scrolled to."""


@pytest.mark.parametrize("width", (1280, 768, 390, 360))
def test_no_text_is_cut_off(browser: Browser, demo: Demo, width: int) -> None:
    demo.ask("POST", "guards/payments.read/trip", {"reason": "a rather long reason, " * 6})
    try:
        with open_page(browser, demo.admin, width=width) as person:
            person.sign_in(demo.token)
            found = {}
            for view in VIEWS:
                show(person, view)
                found[view] = person.page.evaluate(CUT)

        assert {view: cut for view, cut in found.items() if cut} == {}
    finally:
        demo.ask("POST", "guards/payments.read/reset", {"reason": "seen"})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(browser: Browser, demo: Demo, scheme: Scheme) -> None:
    script = axe.source()
    with open_page(browser, demo.admin, scheme=scheme) as person:
        person.page.goto(demo.admin)
        expect(person.heading("Sign in")).to_be_visible()
        found = {"signin": violations(person, script)}
        person.sign_in(demo.token)
        for view in VIEWS:
            show(person, view)
            found[view] = violations(person, script)
        # Tripped, with what was done open to be read.
        demo.ask("POST", "guards/payments.read/trip", {"reason": "for the test"})
        person.go("#/route/payments.read")
        expect(person.section("Guard")).to_contain_text("Tripped")
        found["tripped"] = violations(person, script)
        demo.ask("POST", "guards/payments.read/reset", {"reason": "seen"})
        show(person, "audit")
        person.page.locator("main summary").first.click()
        found["entry"] = violations(person, script)
        person.button("Kill switch…").click()
        found["question"] = violations(person, script)

    assert {view: faults for view, faults in found.items() if faults} == {}


def violations(person: Person, script: str) -> list[str]:
    """Return what axe finds on the page as it is, each with the first place."""
    # Because the page's own policy lets nobody add a script, axe is evaluated as the driver's.
    person.page.evaluate(script)
    found = person.page.evaluate("(tags) => axe.run(document, {runOnly: tags})", RULES)
    return [
        f"{one['id']}: {one['nodes'][0]['target']} {one['nodes'][0]['failureSummary']}" for one in found["violations"]
    ]


COVERED = """() => {
    const one = document.activeElement;
    const head = document.querySelector("header");
    if (one === document.body || one.id === "skip" || head.contains(one)) return "";
    if (getComputedStyle(head).position !== "sticky") return "";
    const {top, height} = one.getBoundingClientRect();
    const under = head.getBoundingClientRect().bottom;
    return top < under - 1 && height < innerHeight - under ? `${one.textContent.slice(0, 40)} begins at ${top}` : "";
}"""
"""What has the focus and begins behind the header (WCAG 2.2, 2.4.11 and 2.4.12)."""


@pytest.mark.parametrize("width", (1280, 1050, 800))
def test_what_has_the_focus_is_never_behind_the_header(browser: Browser, demo: Demo, width: int) -> None:
    with open_page(browser, demo.admin, width=width) as person:
        person.page.set_viewport_size({"width": width, "height": 420})
        person.sign_in(demo.token)
        for view in ("left", "route"):
            show(person, view)
            # Backwards from the end, because what the keyboard comes to is then scrolled to from below.
            person.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            person.page.locator("main a, main button, main summary").last.focus()
            for _ in range(60):
                person.page.keyboard.press("Shift+Tab")

                assert person.page.evaluate(COVERED) == "", view


def test_signs_are_still_there_in_forced_colours(browser: Browser, demo: Demo) -> None:
    with open_page(browser, demo.admin) as person:
        person.page.emulate_media(forced_colors="active")
        person.sign_in(demo.token)
        sign = person.page.locator(".sample.mark.trip").first
        colours = (
            "(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one.closest('.card')).backgroundColor]"
        )
        ours, ground = sign.evaluate(colours)
        assert ours != ground

        show(person, "route")
        look = "(one) => [getComputedStyle(one).borderStyle, getComputedStyle(one).textDecorationLine].join()"
        assert person.button("Hour").evaluate(look) != person.button("Day").evaluate(look)
        here, there = (person.page.locator(f"#views a[href='{one}']") for one in ("#/", "#/audit"))
        assert here.evaluate(look) != there.evaluate(look)
