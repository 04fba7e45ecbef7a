"""Faults: errors, delays, hangs and resets on purpose, to watch what the proxy does about them.

They are off unless a service is started with `--faults`, which it only accepts on a loopback address. They touch the
API alone; `/healthz` and the control itself keep answering.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from enum import Enum
from typing import Annotated

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Meta

from extracted.problems import ProblemError, problem
from extracted.reading import read_body

PATH = "/_faults"
Rate = Annotated[float, Meta(ge=0, le=1)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which share of requests fails, and how; the shares add up to 1 at most."""

    error_rate: Rate = 0.0
    """Answered 500."""
    hang_rate: Rate = 0.0
    """Never answered."""
    reset_rate: Rate = 0.0
    """The connection is reset."""
    delay_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    """Before every answer, failed or not."""


class Fault(Enum):
    """What is done to one request."""

    ERROR = "error"
    HANG = "hang"
    RESET = "reset"


def choose(faults: Faults, point: float) -> Fault | None:
    """Return what is done to the request at `point`, which is evenly drawn from 0..1."""
    for fault, rate in (
        (Fault.RESET, faults.reset_rate),
        (Fault.HANG, faults.hang_rate),
        (Fault.ERROR, faults.error_rate),
    ):
        if point < rate:
            return fault
        point -= rate
    return None


class FaultControl:
    """Holds the faults that are on, and does them."""

    def __init__(self, dice: Callable[[], float] = random.random) -> None:
        self._dice = dice
        self._faults = Faults()
        self._stopping = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """Return the control's own endpoints."""
        return [
            web.get(PATH, self.read),
            web.put(PATH, self.replace),
            web.delete(PATH, self.clear),
        ]

    async def read(self, _: web.Request) -> web.Response:
        """Answer with the faults that are on."""
        return web.json_response(msgspec.to_builtins(self._faults))

    async def replace(self, request: web.Request) -> web.Response:
        """Put these faults in place of those before; what is left out is off."""
        faults = await read_body(request, Faults)
        if faults.error_rate + faults.hang_rate + faults.reset_rate > 1 + 1e-9:
            raise ProblemError(422, "invalid", "error_rate, hang_rate and reset_rate add up to more than 1.")
        self._faults = faults
        return web.json_response(msgspec.to_builtins(faults))

    async def clear(self, _: web.Request) -> web.Response:
        """Turn all faults off."""
        self._faults = Faults()
        return web.Response(status=204)

    async def stop(self, _: web.Application) -> None:
        """Let go of the requests that hang."""
        self._stopping.set()

    @web.middleware
    async def inject(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do to a request of the API what the dice say."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        faults = self._faults
        if faults.delay_ms:
            await self._wait(faults.delay_ms / 1000)
        match choose(faults, self._dice()):
            case None:
                return await handler(request)
            case Fault.ERROR:
                return problem(500, "injected", "This failure was asked for with PUT /_faults.")
            case Fault.HANG:
                await self._wait(None)
                return _reset(request)
            case Fault.RESET:
                return _reset(request)

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def _reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        # Lingering for 0 s makes the close an RST, as when a process dies with unread data.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=500)
