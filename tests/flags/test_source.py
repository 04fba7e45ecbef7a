"""How a source's standing is told."""

import logging

import pytest

from strangler.flags.source import SourceState, SourceStatus, Standing
from tests.support.logs import said


def test_a_standing_is_logged_when_its_state_changes_and_not_before(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    standing = Standing("somewhere", now=lambda: 0.0)

    for detail in ("no connection", "no connection", "HTTP 503", "no connection"):
        standing.tell(SourceState.UNREACHABLE, detail)
    standing.tell(SourceState.READY)

    assert said(caplog.records) == [
        ("warning", "flags_state", {"source": "somewhere", "state": "unreachable", "detail": "no connection"}),
        ("info", "flags_state", {"source": "somewhere", "state": "ready", "detail": ""}),
    ]


def test_each_new_fault_in_a_file_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    standing = Standing("a file", now=lambda: 0.0)

    for detail in ("line 1", "line 1", "line 2"):
        standing.tell(SourceState.INVALID, detail)

    assert [fields["detail"] for _, _, fields in said(caplog.records)] == ["line 1", "line 2"]


def test_a_status_is_since_its_state_began() -> None:
    times = iter([1.0, 2.0, 3.0])
    standing = Standing("somewhere", now=lambda: next(times))

    standing.tell(SourceState.STALE, "first")
    standing.tell(SourceState.STALE, "second")

    assert standing.status == SourceStatus(state=SourceState.STALE, detail="second", since=2.0)
