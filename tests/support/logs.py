"""What was logged, as whole values."""

from collections.abc import Iterable
from logging import LogRecord
from typing import Any


def said(records: Iterable[LogRecord]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return level, event and fields of what our own code logged."""
    return [
        (record.levelname.lower(), record.getMessage(), dict(getattr(record, "fields", {})))
        for record in records
        if record.name.startswith("strangler")
    ]
