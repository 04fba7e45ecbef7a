"""Answers of the admin API: JSON, and problems in JSON."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from strangler.config.reading import alike, nearest, shorten
from strangler.control.operations import Problem
from strangler.errors import StranglerError

MOST_NEAR = 3
WRITE_S = 10.0
"""How long one piece of an answer may take to be sent; who reads nothing for so long is let go."""

HEADERS = {
    "Server": "strangler",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}
"""On every answer (OWASP's HTTP headers cheat sheet): no script but this port's own files, no frame, no referrer."""


class ProblemError(StranglerError):
    """The request is answered with a problem."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or {}


def problem(status: int, code: str, detail: str, **more: Any) -> Problem:
    """Return a problem (RFC 9457)."""
    return Problem(type=f"urn:strangler:problem:{code}", title=code, status=status, detail=detail, **more)


def missing(what: str, name: str, known: Sequence[str], *, code: str, lacks: str = "is known") -> ProblemError:
    """Return the 404 of a name that there is not, with the nearest ones that there are."""
    # Because what is asked for may be as long as a line of HTTP, and looking for the nearest takes the square of it.
    word = shorten(name)
    near = alike(word, known, most=MOST_NEAR)
    return ProblemError(problem(404, code, f"no {what} `{word}` {lacks}. {nearest(word, tuple(known))}", nearest=near))


def as_json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a value as JSON."""
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        headers={"Content-Type": "application/json", **(headers or {})},
    )


@dataclass(frozen=True, slots=True)
class InPieces:
    """A value as JSON that is too large to be written out in one go: guards judge on the same loop."""

    pieces: AsyncIterator[bytes]

    async def send(self, request: web.Request, *, headers: Mapping[str, str]) -> web.StreamResponse:
        """Send it piece by piece, none before the one before it was taken. Raises what its first piece does."""
        # Because an answer that has begun can be no problem any more, what may fail fails before.
        first = await anext(self.pieces)
        response = web.StreamResponse(headers={"Content-Type": "application/json", **headers})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        try:
            await _write(response, first)
            async for piece in self.pieces:
                await _write(response, piece)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                # Because an end in good order would wait for what is not read, and would look like the whole.
                request.transport.abort()
        return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(WRITE_S):
        await response.write(piece)


def as_problem(found: Problem, *, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a problem as its answer."""
    return web.Response(
        body=msgspec.json.encode(found),
        status=found.status,
        headers={"Content-Type": "application/problem+json", **(headers or {})},
    )


def wired(found: Problem, *, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a problem as bytes, for a connection that no request is read from; it ends with them."""
    body = msgspec.json.encode(found)
    fields = {
        **HEADERS,
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    lines = [f"HTTP/1.1 {found.status} {HTTPStatus(found.status).phrase}", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
