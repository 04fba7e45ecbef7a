"""Divergences as shown: a write that is not on both sides, in short, without its secrets, and as it was sent."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from secrets import token_bytes
from typing import Any

from strangler.control.divergencetable import Stored
from strangler.core.divergence import Write
from strangler.core.document import dump_json
from strangler.core.jsonpath import parse_path
from strangler.core.learning import learn_message, read_body
from strangler.core.model import Route, Side
from strangler.core.redaction import Redaction, Redactor

MOST_LOOKED_THROUGH = 65_536
"""Bytes of a body that is looked through for secrets, a fifth of a second; of a larger one no more than its size is
shown."""
_SHOWN = 4_096
"""Characters of a body that is shown without its secrets."""

Fields = Sequence[tuple[bytes, bytes]]
Pairs = Sequence[tuple[str, str]]


def short(one: Stored) -> dict[str, Any]:
    """Return one in short."""
    listed = one.listed
    return {
        "id": listed.id,
        "at": listed.at,
        "route": listed.route,
        "kind": listed.kind.value,
        "why": listed.why.value,
        "answered_by": listed.primary.value,
        "lacking_on": (Side.EXTRACTED if listed.primary is Side.LEGACY else Side.LEGACY).value,
        "answered": listed.primary_status,
        "status": listed.status,
        "method": listed.method,
        "path": listed.path,
        "request_id": listed.request_id,
        "tries": one.tries,
        "has_content": one.has_content,
    }


def redacted(write: Write, route: Route | None) -> Mapping[str, Any]:
    """Return a write without what is secret in it, by the rules of its route."""
    paths = () if route is None or route.shadow is None else route.shadow.redact
    redactor = Redactor(Redaction(paths=tuple(map(parse_path, paths))), token_bytes(32))
    headers = _texts(write.headers)
    key, other_key = write.key.decode("latin-1"), write.other_key.decode("latin-1")
    named = None if route is None else route.idempotency
    header = "idempotency-key" if named is None else named.header
    # Because a form's values are written in escapes, they are looked at, and named by paths, without these.
    document, text = read_body(headers, write.body, MOST_LOOKED_THROUGH)
    target = write.target.decode("latin-1")
    redactor.learn_target(target)
    learn_message(redactor, headers, write.body if len(write.body) <= MOST_LOOKED_THROUGH else b"")
    if redactor.is_full or (document is None and text is None):
        body = f"({len(write.body)} bytes)"
    else:
        body = dump_json(redactor.json(document))[:_SHOWN] if text is None else redactor.text(text)[:_SHOWN]
    return {
        **_about(write),
        "target": redactor.target(target),
        "headers": redactor.headers(_without_key(headers, header, redactor)),
        "key": redactor.mark("key", key) if key else "",
        # Because after a fallback the other side's key is the client's own.
        "other_key": redactor.mark("key", key) if key and key == other_key else other_key,
        "body": body,
        "is_base64": False,
    }


def raw(write: Write) -> Mapping[str, Any]:
    """Return a write as it was sent."""
    try:
        body, is_base64 = write.body.decode("utf-8"), False
    except UnicodeDecodeError:
        body, is_base64 = b64encode(write.body).decode("ascii"), True
    return {
        **_about(write),
        "target": write.target.decode("latin-1"),
        "headers": _texts(write.headers),
        "key": write.key.decode("latin-1"),
        "body": body,
        "is_base64": is_base64,
    }


def _without_key(headers: Pairs, header: str, redactor: Redactor) -> Pairs:
    """Return header fields with what stands for the client's key, as `key` has it, in place of it."""
    keys = {header, "idempotency-key"}
    return tuple(
        (name, redactor.mark("key", value) if name.lower() in keys and value else value) for name, value in headers
    )


def _about(write: Write) -> dict[str, Any]:
    return {
        "host": write.host.decode("latin-1"),
        "other_key": write.other_key.decode("latin-1"),
        "trace": write.trace.decode("latin-1"),
        "has_body": write.has_body,
        "body_bytes": len(write.body),
    }


def _texts(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
