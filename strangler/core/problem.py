"""Problems: every answer that the proxy gives in place of an upstream (RFC 9457).

The body names the kind, the reason and the request id, and nothing of the request's own bytes.
"""

import json
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

from strangler.errors import FailureKind, StranglerError


@dataclass(frozen=True, slots=True)
class Kind:
    """What is fixed about a problem."""

    status: int
    code: str
    detail: str
    closes: bool = False
    """Whether the connection ends after it, because the next byte's meaning is in doubt."""


class Problem(Enum):
    """All problems the proxy itself answers with. A closed set."""

    BAD_REQUEST = Kind(400, "bad_request", "The request is not valid HTTP/1.1.", closes=True)
    BAD_HOST = Kind(400, "bad_host", "Exactly one valid Host is required.", closes=True)
    BAD_TARGET = Kind(400, "bad_target", "The request target is not valid.", closes=True)
    AMBIGUOUS_PATH = Kind(400, "ambiguous_path", "The path means different things to different servers.", closes=True)
    BAD_FRAMING = Kind(400, "bad_framing", "The length of the body is ambiguous.", closes=True)
    METHOD = Kind(405, "method_not_allowed", "CONNECT and TRACE are not served here.", closes=True)
    HEADER_TIMEOUT = Kind(408, "header_timeout", "The request's headers took too long.", closes=True)
    BODY_TIMEOUT = Kind(408, "body_timeout", "The request's body took too long.", closes=True)
    KEY_MISSING = Kind(400, "idempotency_key_missing", "This request needs an idempotency key.", closes=True)
    KEY_REPEATED = Kind(400, "idempotency_key_repeated", "There is more than one idempotency key.", closes=True)
    KEY_MALFORMED = Kind(
        400, "idempotency_key_malformed", "The idempotency key is neither a string nor a token.", closes=True
    )
    KEY_TOO_LONG = Kind(
        400, "idempotency_key_too_long", "The idempotency key has more than 255 characters.", closes=True
    )
    BODY_TOO_LARGE = Kind(413, "body_too_large", "The request's body is too large.", closes=True)
    TARGET_TOO_LONG = Kind(414, "target_too_long", "The request target is too long.", closes=True)
    EXPECTATION = Kind(417, "expectation_failed", "Only 100-continue can be expected.", closes=True)
    HEADERS_TOO_LARGE = Kind(431, "headers_too_large", "The headers are too many or too large.", closes=True)
    TRANSFER_CODING = Kind(501, "transfer_coding", "Only the chunked transfer coding is served.", closes=True)
    UPSTREAM_CONNECT = Kind(502, "connect", "The upstream could not be reached.")
    UPSTREAM_RESET = Kind(502, "reset", "The upstream ended the connection before its answer was complete.")
    UPSTREAM_FRAMING = Kind(502, "bad_framing", "The upstream's answer is not valid HTTP/1.1.")
    UPSTREAM_TIMEOUT = Kind(504, "timeout", "The upstream did not answer in time.")
    KEPT_SIDE = Kind(
        503,
        "kept_side",
        "This repeats a request whose first try went to a side that does not serve now; nobody else may carry it out.",
    )
    KEY_BOOK = Kind(503, "key_book", "It cannot be told whether this repeats a request; nobody was asked.")
    OVERLOADED = Kind(503, "overloaded", "Too many requests wait for this upstream.")
    INTERNAL = Kind(500, "internal", "The proxy failed.", closes=True)
    VERSION = Kind(505, "version", "Only HTTP/1.0 and HTTP/1.1 are served.", closes=True)


class RefusedError(StranglerError):
    """A message whose meaning is in doubt; its sender is at fault, and `problem` says what the client is told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value.code)
        self.problem = problem


OF_FAILURE = {
    FailureKind.CONNECT: Problem.UPSTREAM_CONNECT,
    FailureKind.TIMEOUT: Problem.UPSTREAM_TIMEOUT,
    FailureKind.RESET: Problem.UPSTREAM_RESET,
    FailureKind.BAD_FRAMING: Problem.UPSTREAM_FRAMING,
}
"""The problem that tells a client of an upstream's failure."""


def answer(problem: Problem, request_id: str, *, close: bool, head_only: bool = False) -> bytes:
    """Return the whole HTTP/1.1 answer for a problem.

    `close` adds `Connection: close`; `head_only` leaves the body out, as an answer to HEAD must.
    """
    kind = problem.value
    title = HTTPStatus(kind.status).phrase
    body = json.dumps(
        {
            "type": f"urn:strangler:problem:{kind.code}",
            "title": title,
            "status": kind.status,
            "detail": kind.detail,
            "reason": kind.code,
            "request_id": request_id,
        }
    ).encode()
    head = (
        f"HTTP/1.1 {kind.status} {title}\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\nX-Request-Id: {request_id}\r\n"
        + ("Retry-After: 1\r\n" if kind.status == 503 else "")
        + ("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" if kind.status == 405 else "")
        + ("Connection: close\r\n\r\n" if close else "\r\n")
    )
    return head.encode("ascii") + (b"" if head_only else body)
