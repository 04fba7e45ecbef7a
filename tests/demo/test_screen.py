"""What the demo shows, as values and as a terminal gets it."""

import io

import pytest
from msgspec import structs

from demo.admin import Flags, Guard, Route, Routes, Side, Sides, Status
from demo.advice import TOKEN_SHOWN_S, commands, signing_in, still_shown
from demo.children import ROOT
from demo.ports import read_layout
from demo.screen import Line, Terminal
from demo.summary import Recent, notes, table

CLOSED = Guard(phase="closed", since=0.0, why="", is_alone=False)
TRIPPED = Guard(phase="tripped", since=1.0, why="95.0% of 20 requests failed (limit 25.0%)", is_alone=False)


def _status(
    uptime_s: float, *, requests: int, failed: int = 0, guard: Guard = CLOSED, is_killed: bool = False
) -> Status:
    legacy = Side(requests=requests, failures={}, p95_ms=2.0)
    extracted = Side(requests=requests, failures={"5xx": failed}, p95_ms=1234.5)
    route = Route(
        name="payments.read",
        flag="payments",
        share_bp=250,
        note="",
        sides=Sides(legacy=legacy, extracted=extracted),
        guard=guard,
    )
    return Status(
        uptime_s=uptime_s,
        generation=1,
        config=Routes(file="/somewhere/routes.yaml", state="current", faults=()),
        flags=Flags(source="embedded"),
        workers=(),
        routes=(route,),
        unrouted=legacy,
        is_killed=is_killed,
    )


def _recent(*statuses: Status) -> Recent:
    recent = Recent()
    for status in statuses:
        recent.add(status)
    return recent


@pytest.mark.parametrize("width", [80, 120])
def test_every_title_stands_over_its_columns_and_every_line_fits(width: int) -> None:
    status = _status(5.0, requests=12_345, failed=7)

    titles, heads, *rows = (line.text for line in table(status, _recent(status), width))

    first = heads.index("requests")
    assert titles[first : first + len("requests  failed  p95 ms")].strip("─ ") == "monolith"
    assert titles[heads.index("requests", first + 1) :].strip("─ ") == "extracted"
    assert (" share " in titles) is (width == 120)
    assert max(len(line) for line in (titles, heads, *rows)) <= width


def test_a_route_is_an_alert_while_it_fails_and_not_long_after() -> None:
    before, failing = _status(0.0, requests=1, failed=0), _status(5.0, requests=2, failed=1)
    later, last = _status(12.0, requests=3, failed=1), _status(17.0, requests=4, failed=1)

    now = table(failing, _recent(before, failing), 120)
    then = table(last, _recent(before, failing, later, last), 120)

    assert [line.is_alert for line in now] == [False, False, True, False]
    assert [line.is_alert for line in then] == [False, False, False, False]


def test_a_tripped_route_is_an_alert_with_a_share_of_nothing_and_its_reason() -> None:
    status = _status(5.0, requests=1, guard=TRIPPED)

    row = table(status, _recent(status), 120)[2]
    told = list(notes(status))

    assert row.is_alert
    assert row.text.split()[:3] == ["payments.read", "payments", "0%"]
    assert row.text.endswith("tripped, flag says 2.5%")
    assert all(line.is_alert and len(line.text) <= 80 for line in told)
    text = " ".join(" ".join(line.text.split()) for line in told)
    assert text.startswith("TRIPPED payments.read: back on the monolith until `strangler reset`, since ")
    assert text.endswith("95.0% of 20 requests failed (limit 25.0%)")


def test_the_routes_of_a_cohort_are_told_together_with_the_first_cause() -> None:
    status = _status(5.0, requests=1, guard=TRIPPED)
    other = structs.replace(
        status.routes[0],
        name="payments.create",
        guard=structs.replace(TRIPPED, why=f"with payments.read: {TRIPPED.why}"),
    )

    text = " ".join(line.text.strip() for line in notes(structs.replace(status, routes=(other, *status.routes))))

    assert text.startswith("TRIPPED   payments.create, payments.read: back")
    assert "with payments.read" not in text


def test_the_kill_switch_takes_every_share_to_nothing_and_says_so() -> None:
    status = _status(5.0, requests=1, is_killed=True)

    row = table(status, _recent(status), 120)[2]

    assert (row.is_alert, row.text.split()[2]) == (True, "0%")
    assert [line.text for line in notes(status)] == ["KILLED    the kill switch is on: the monolith answers everything"]


def test_a_route_that_is_alone_is_told_and_no_alert() -> None:
    status = _status(5.0, requests=1, guard=structs.replace(CLOSED, is_alone=True))

    told = list(notes(status))

    assert told[0].text.startswith("alone     payments.read: nothing left on the monolith to compare with")
    assert not any(line.is_alert for line in (*told, *table(status, _recent(status), 120)))


@pytest.mark.parametrize(
    ("status", "first"),
    [
        (None, "flags set payments 25% --reason demo"),
        (_status(1.0, requests=1), "flags set payments 25% --reason demo"),
        (_status(1.0, requests=1, is_killed=True), 'kill off --reason "enough seen"'),
    ],
)
def test_what_to_try_first_fits_what_runs(status: Status | None, first: str) -> None:
    layout = read_layout(ROOT / "routes.yaml")

    shown = list(commands(layout, status))

    assert shown[0] == f".venv/bin/strangler {first}"
    assert any("/_faults" in command for command in shown)
    assert all(len(line) <= 78 for command in shown for line in command.splitlines())


def test_a_tripped_route_is_mended_and_reset_by_what_is_shown() -> None:
    layout = read_layout(ROOT / "routes.yaml")

    shown = list(commands(layout, _status(1.0, requests=1, guard=TRIPPED)))

    assert shown == [
        "curl -X DELETE http://127.0.0.1:8104/_faults",
        '.venv/bin/strangler reset payments.read --reason "mended"',
        ".venv/bin/strangler audit list",
    ]


def test_a_terminal_gets_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    terminal = Terminal(out)
    terminal.show([Line("one"), Line("two")])
    out.seek(0)
    out.truncate()

    terminal.show([Line("one"), Line("two", is_alert=True)])

    assert out.getvalue() == "\x1b[2;1H\x1b[1;31mtwo\x1b[0m\x1b[K"


def test_whoever_wants_no_colour_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()

    Terminal(out).show([Line("one", is_heading=True), Line("two", is_alert=True)])

    assert "\x1b[1" not in out.getvalue().replace("\x1b[1;1H", "")
    assert "two" in out.getvalue()


def test_a_token_is_shown_while_it_is_new_and_good() -> None:
    assert still_shown("strangler_x", TOKEN_SHOWN_S - 1, is_valid=True) == "strangler_x"
    assert still_shown("strangler_x", TOKEN_SHOWN_S, is_valid=True) == ""
    assert still_shown("strangler_x", 1, is_valid=False) == ""


@pytest.mark.parametrize("token", ["", "strangler_0123456789ab_" + "x" * 43])
@pytest.mark.parametrize("file", ["routes.yaml", "demo/shadow.yaml"])
def test_where_the_dashboard_is_fits_80_columns(file: str, token: str) -> None:
    layout = read_layout(ROOT / file)

    assert [line for line in signing_in(layout, token) if len(line) > 80] == []
