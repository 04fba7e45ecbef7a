"""Logs: one line an event, on standard error; JSON for machines, text for a terminal.

Every module logs with the standard library: `LOG.warning("event_name", extra={"fields": {...}})`. Control
characters never reach the line as they are, so no value can start a line of its own or drive a terminal.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from strangler.runtime.logwriter import LogWriter

_PLAIN = re.compile(r"[\w./:@%+,\[\]{}-]+", re.ASCII)


class LogFormat(StrEnum):
    """How a log line is written."""

    TEXT = "text"
    JSON = "json"


def setup(log_format: LogFormat | None, *, worker: int | None = None) -> LogFormat:
    """Send all logging to standard error in one format; text if that is a terminal and none was chosen."""
    if log_format is None:
        log_format = LogFormat.TEXT if sys.stderr.isatty() else LogFormat.JSON
    handler = LogWriter(sys.stderr.fileno())
    handler.setFormatter(JsonFormatter(worker) if log_format is LogFormat.JSON else TextFormatter(worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("strangler").setLevel(logging.INFO)
    # Because a fault in a line of the log must not end or flood the process that logs.
    logging.raiseExceptions = False
    return log_format


class JsonFormatter(logging.Formatter):
    """Writes one JSON object a line: time, level, event, then the event's own fields."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of ASCII JSON."""
        entry: dict[str, Any] = {
            "time": _instant(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        for name, value in _fields(self, record, self._worker).items():
            entry.setdefault(name, value)
        return json.dumps(entry, default=str)


class TextFormatter(logging.Formatter):
    """Writes time, level, event and `name=value` pairs."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line; a value with spaces or control characters is written as JSON."""
        parts = [
            f"{_instant(record).astimezone():%H:%M:%S}",
            f"{record.levelname.lower():<8}",
            _printable(record.getMessage()),
        ]
        fields = _fields(self, record, self._worker)
        parts += [f"{name}={_value(value)}" for name, value in fields.items()]
        return " ".join(parts)


def _instant(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(formatter: logging.Formatter, record: logging.LogRecord, worker: int | None) -> dict[str, Any]:
    fields: dict[str, Any] = dict(getattr(record, "fields", {}))
    if worker is not None:
        fields.setdefault("worker", worker)
    if not record.name.startswith("strangler"):
        fields["logger"] = record.name
    if record.exc_info:
        fields["traceback"] = formatter.formatException(record.exc_info)
    return fields


def _printable(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)


def _value(value: Any) -> str:
    text = str(value) if isinstance(value, str | int | float | None) else json.dumps(value, default=str)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
