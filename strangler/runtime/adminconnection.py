"""One connection to the admin port: aiohttp's, told apart by what it waits for, and refusing in our own words."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_server import Server

from strangler.control.answers import HEADERS, as_problem, problem, wired
from strangler.control.binding import CALLER
from strangler.control.operations import NOBODY, Caller, Problem, Role

LOG = logging.getLogger(__name__)

_LATE = problem(408, "head_timeout", "The request's head did not come in whole in time.")
_TOO_LARGE = problem(431, "head_too_large", "A line of the request's head is longer than this port takes.")
_NO_HTTP = problem(
    400, "bad_request", "This is no HTTP/1.1 request that can be read, or its head has more lines than this port takes."
)
_FAILED = problem(500, "internal", "The request failed; see the log.")


class Connection(web.RequestHandler):
    """Serves requests one after the other.

    Because aiohttp has no time limit for a head or for an unread answer, and answers what is no HTTP by itself and in
    its own name, its handler is extended here.
    """

    __slots__ = (
        "_answered_at",
        "_closed_at",
        "_head_at",
        "_on_end",
        "_request",
        "_wire",
        "is_known",
        "opening",
        "since",
    )

    def __init__(self, server: Server, *, on_end: Callable[["Connection"], None], **options: Any) -> None:
        """`on_end` is called once it is over."""
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, **options)
        self._on_end = on_end
        self._wire: asyncio.Transport | None = None
        self._request: web.BaseRequest | None = None
        self._head_at: float | None = None
        self._answered_at: float | None = None
        self._closed_at: float | None = None
        self.since = loop.time()
        """When it was opened, or its latest request was answered."""
        self.is_known = False
        """Whether its latest request was of somebody with a role."""
        self.opening: asyncio.Task[None] | None = None
        """What opens it; None once it is open."""

    # --- what the door asks

    @property
    def may_go(self) -> bool:
        """Whether another one may have its place: it is between requests, or answers nobody with a role."""
        return self._request is None or not _is_known(self._request)

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Where it stands among those that may go: first strangers, of them those that keep us waiting, for a request,
        for a body or for their answer to be read, and of these the one that has done so longest."""
        request = self._request
        is_ours = request is not None and request.content.is_eof() and self._answered_at is None
        return self.is_known, is_ours, self.since

    def is_late(self, now: float, head_s: float) -> bool:
        """Return whether a head has taken too long; a new connection has begun one by being there."""
        return self._head_at is not None and now - self._head_at >= head_s

    def is_stuck(self, now: float, write_s: float) -> bool:
        """Return whether an answer, or the end, has waited too long to be read."""
        if self._wire is not None and self._wire.is_closing() and self._closed_at is None:
            self._closed_at = now
        began = self._closed_at or self._answered_at
        return began is not None and now - began >= write_s

    def end(self, *, is_late: bool) -> None:
        """End it now; whoever is late with a request's head is told."""
        if self.opening is not None:
            self.opening.cancel()
        wire = self._wire
        if wire is None:
            return
        if is_late and not wire.is_closing():
            wire.write(wired(_LATE))
            if not wire.get_write_buffer_size():
                self.force_close()
                return
        wire.abort()

    # --- what aiohttp calls

    def begin(self, request: web.BaseRequest) -> None:
        """Note that a request's head is whole."""
        self._request = request
        self._head_at = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = self.transport
        self._head_at = self._loop.time()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._request is None and self._head_at is None:
            self._head_at = self._loop.time()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        self._answered_at = self._loop.time()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.is_known = _is_known(request)
            self._request = self._answered_at = None
            self.since = self._loop.time()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no operation does; nothing of what was sent is repeated, because it may be a token."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent already")
        response = as_problem(self._problem_of(status, exc), headers=HEADERS)
        response.force_close()
        return response

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._on_end(self)

    def _problem_of(self, status: int, error: BaseException | None) -> Problem:
        if isinstance(error, LineTooLong):
            return _TOO_LARGE
        if status == 400:
            return _NO_HTTP
        LOG.error("admin_answer_failed", exc_info=error)
        return _FAILED


def _is_known(request: web.BaseRequest) -> bool:
    caller: Caller = request.get(CALLER, NOBODY)
    return caller.role > Role.NOBODY
