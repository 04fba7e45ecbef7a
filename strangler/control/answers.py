"""Answers of the admin API: JSON, and problems in JSON."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web

Body = TypeVar("Body")


async def read_body(request: web.Request, kind: type[Body]) -> Body:
    """Return a request's body as this kind; raises msgspec.MsgspecError with what does not fit."""
    return msgspec.json.decode(await request.read(), type=kind)


def as_json(value: Any, *, status: int = 200) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, headers=_headers("application/json"))


def as_problem(status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a problem (RFC 9457)."""
    body = {"type": f"urn:strangler:problem:{code}", "title": code, "status": status, "detail": detail}
    return web.Response(
        body=json.dumps(body).encode(),
        status=status,
        headers={**_headers("application/problem+json"), **(headers or {})},
    )


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
