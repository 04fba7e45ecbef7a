"""What the demo shows, as values and as a terminal gets it."""

import io

import pytest

from demo.admin import Flags, Route, Routes, Side, Sides, Status
from demo.screen import Line, Terminal
from demo.summary import Recent, table


def _status(uptime_s: float, *, requests: int, failed: int) -> Status:
    legacy = Side(requests=requests, failures={}, p95_ms=2.0)
    extracted = Side(requests=requests, failures={"5xx": failed}, p95_ms=1234.5)
    route = Route(
        name="payments.read", flag="payments", share_bp=250, note="", sides=Sides(legacy=legacy, extracted=extracted)
    )
    return Status(
        uptime_s=uptime_s,
        generation=1,
        config=Routes(file="/somewhere/routes.yaml", state="current", faults=()),
        flags=Flags(source="embedded"),
        workers=(),
        routes=(route,),
        unrouted=legacy,
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
