"""Notices: what workers have to say goes to the log, with the worker that said it.

A flag that is missing is met by every worker; it is logged once, until the flags change.
"""

import logging
from typing import Any

FLAG_PROBLEM = "flag_problem"

LEVELS = {
    FLAG_PROBLEM: logging.WARNING,
    "accept_paused": logging.ERROR,
    "certificate_doubtful": logging.WARNING,
    "certificate_rejected": logging.ERROR,
    "connection_refused": logging.WARNING,
    "crash": logging.ERROR,
    "drain_cut": logging.WARNING,
    "exchange_failed": logging.WARNING,
    "key_book_lost": logging.CRITICAL,
    "notices_dropped": logging.WARNING,
    "resolve_failed": logging.WARNING,
    "unlogged": logging.WARNING,
    "upstream_all_down": logging.ERROR,
    "upstream_ejected": logging.WARNING,
    "write_unlisted": logging.ERROR,
}
"""Events that are more than information."""

LOG = logging.getLogger(__name__)


class Notices:
    """Logs what workers say."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """Log a flag's problem anew when it is met again: the flags changed."""
        self._told.clear()

    def log(self, worker: int, event: str, fields: dict[str, Any]) -> None:
        """Log one notice at its event's level."""
        fields = dict(fields)
        level = LEVELS.get(event, logging.INFO)
        if event == FLAG_PROBLEM:
            problem = (str(fields.get("flag")), str(fields.get("reason")))
            if problem in self._told:
                return
            self._told.add(problem)
        else:
            fields["worker"] = worker
        LOG.log(level, event, extra={"fields": fields})
