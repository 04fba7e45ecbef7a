"""Log lines."""

import json
import logging
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strangler.runtime.logs import JsonFormatter, TextFormatter


def record(event: str, fields: dict[str, Any]) -> logging.LogRecord:
    made = logging.LogRecord("strangler.test", logging.WARNING, __file__, 1, event, None, None)
    made.created = 1_700_000_000.25
    made.__dict__["fields"] = fields
    return made


def test_a_json_line_holds_time_level_event_and_fields() -> None:
    line = JsonFormatter(worker=3).format(record("worker_died", {"pid": 7}))

    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "warning",
        "event": "worker_died",
        "pid": 7,
        "worker": 3,
    }


def test_a_field_cannot_replace_the_event() -> None:
    line = JsonFormatter().format(record("started", {"event": "stopped", "level": "debug"}))

    assert (json.loads(line)["event"], json.loads(line)["level"]) == ("started", "warning")


@given(st.text(), st.text())
def test_no_value_writes_a_control_character_or_a_line_of_its_own(event: str, value: str) -> None:
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(record(event.replace("%", ""), {"path": value}))

        assert line.isprintable()


def test_a_traceback_stays_on_its_line() -> None:
    try:
        raise ValueError("one\ntwo")
    except ValueError as error:
        made = record("failed", {})
        made.exc_info = (type(error), error, error.__traceback__)

    assert "\n" not in TextFormatter().format(made)
    assert "ValueError" in json.loads(JsonFormatter().format(made))["traceback"]
