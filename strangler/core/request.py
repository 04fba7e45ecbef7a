"""Requests: what is accepted, and what is refused before any upstream sees a byte."""

from collections.abc import Sequence

from strangler.core.forward import origin_form
from strangler.core.headers import RequestHead, is_host, read_request
from strangler.core.model import ListenerLimits
from strangler.core.problem import Problem, RefusedError
from strangler.core.readings import is_bad

_NOT_SERVED = frozenset({b"CONNECT", b"TRACE"})
"""CONNECT would open a way to any address; TRACE would give a page's script the cookies that it must not read."""


def accept(
    method: bytes,
    target: bytes,
    version: str,
    headers: Sequence[tuple[bytes, bytes]],
    limits: ListenerLimits,
) -> tuple[bytes, RequestHead]:
    """Return the target in origin form and what the headers say; raise RefusedError for what is not served.

    The authority of an absolute target takes the place of Host (RFC 9112 section 3.2.2).
    """
    if version not in ("1.1", "1.0"):
        raise RefusedError(Problem.BAD_REQUEST if version == "0.9" else Problem.VERSION)
    if method in _NOT_SERVED:
        raise RefusedError(Problem.METHOD)
    if len(target) > limits.target_bytes:
        raise RefusedError(Problem.TARGET_TOO_LONG)
    if len(headers) > limits.header_count:
        raise RefusedError(Problem.HEADERS_TOO_LARGE)
    head = read_request(headers)
    if head.chunked and version == "1.0":
        # RFC 9112 section 6.1: faulty framing, even where it could be parsed.
        raise RefusedError(Problem.BAD_FRAMING)
    if (head.host is None and version == "1.1") or (head.host and not is_host(head.host)):
        raise RefusedError(Problem.BAD_HOST)
    if target[:1] != b"/" or b"#" in target:
        target = _unusual(method, target, head)
    if b"%" in target and is_bad(target):
        raise RefusedError(Problem.BAD_TARGET)
    if head.upgrade is not None and not _may_upgrade(head, version):
        head.upgrade = None
    return target, head


def _unusual(method: bytes, target: bytes, head: RequestHead) -> bytes:
    if b"#" in target or (target == b"*" and method != b"OPTIONS"):
        raise RefusedError(Problem.BAD_TARGET)
    try:
        target, authority = origin_form(target)
    except ValueError as error:
        raise RefusedError(Problem.BAD_TARGET) from error
    if authority is not None:
        line = b"Host: %b\r\n" % authority
        if head.host_line < 0:
            head.host_line = 0
            head.lines.insert(0, line)
        else:
            head.lines[head.host_line] = line
        head.host = authority
    return target


def _may_upgrade(head: RequestHead, version: str) -> bool:
    """Any protocol but none and h2c, which would carry requests past the routes, and only without a body."""
    protocols = {token.strip().lower() for token in (head.upgrade or b"").split(b",")}
    return version == "1.1" and not head.chunked and not head.length and protocols != {b""} and b"h2c" not in protocols
