"""Outcomes: how one exchange ended, as counted, logged and judged."""

from enum import StrEnum

from strangler.errors import FailureKind


class Outcome(StrEnum):
    """How one exchange ended for the side that answered it. Counter, metric label and log field."""

    OK_2XX = "2xx"
    """Also 1xx that ends an exchange, i.e. a 101 upgrade."""
    REDIRECT_3XX = "3xx"
    CLIENT_ERROR_4XX = "4xx"
    SERVER_ERROR_5XX = "5xx"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    BAD_FRAMING = "bad_framing"
    CLIENT_GONE = "client_gone"
    """The client left first; not a failure of the side."""
    REFUSED = "refused"
    """A limit of the proxy's own was reached; not a failure of the side."""


OUTCOMES = tuple(Outcome)
"""Fixes each outcome's counter index."""

INDEX = {outcome: index for index, outcome in enumerate(OUTCOMES)}

FAILURES = frozenset({Outcome.SERVER_ERROR_5XX, Outcome.CONNECT, Outcome.TIMEOUT, Outcome.RESET, Outcome.BAD_FRAMING})
"""The outcomes that are the side's fault."""

ANSWERED = frozenset({Outcome.OK_2XX, Outcome.REDIRECT_3XX, Outcome.CLIENT_ERROR_4XX, Outcome.SERVER_ERROR_5XX})
"""The outcomes of a complete answer."""

_BY_CLASS = (
    Outcome.OK_2XX,
    Outcome.OK_2XX,
    Outcome.REDIRECT_3XX,
    Outcome.CLIENT_ERROR_4XX,
    Outcome.SERVER_ERROR_5XX,
)
_UNKNOWN_STATUS = Outcome.SERVER_ERROR_5XX
_BY_KIND = {
    FailureKind.CONNECT: Outcome.CONNECT,
    FailureKind.TIMEOUT: Outcome.TIMEOUT,
    FailureKind.RESET: Outcome.RESET,
    FailureKind.BAD_FRAMING: Outcome.BAD_FRAMING,
}


def of_status(status: int) -> Outcome:
    """Return the outcome of a complete answer; a status outside 100 to 599 counts as the server's error."""
    return _BY_CLASS[status // 100 - 1] if 100 <= status < 600 else _UNKNOWN_STATUS


def of_failure(kind: FailureKind) -> Outcome:
    """Return the outcome of an exchange that ended with an upstream error."""
    return _BY_KIND[kind]
