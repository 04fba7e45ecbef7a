"""The link: messages between control and one worker, over a socket pair.

Each message is a length and a msgpack body. Nobody waits on the other side: who writes asks `is_full` first
and keeps its news, so what is written late is the newest state, not a queue of old ones.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec

from strangler.core.model import Config
from strangler.core.shapes import Shape
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.tally import Tally
from strangler.errors import LinkError
from strangler.flags.data import FlagData

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Ten thousand routes and as many flags take under 20 MiB; more than this is a broken stream."""
HIGH_WATER_BYTES = 256 * 1024
"""Written but not yet taken by the kernel; beyond it the link is full."""
_LENGTH_BYTES = 4

LOG = logging.getLogger(__name__)


class Blueprint(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To a worker: the truth of one generation; None means as before."""

    generation: int
    config: Config | None
    flags: FlagData | None
    overrides: Overrides = NO_OVERRIDES


class Health(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To a worker: upstream and address of everything that cannot serve now; all else counts as healthy."""

    unhealthy: tuple[tuple[str, str], ...]


class Drain(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To a worker: take no more connections, finish what runs within the deadline, end."""

    deadline_s: float


class Applied(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: this generation is what the worker serves now."""

    generation: int


class Report(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: what was counted since the report before, and gauges and counters as they are now."""

    tallies: tuple[Tally, ...]
    gauges: dict[str, int]
    counters: dict[str, int]
    """Counts beside the tallies, by the names of `core.tally.COUNTERS`, since the worker's start."""
    seen: int = 0
    """Requests that ended since the report before."""
    shapes: tuple[Shape, ...] = ()
    """Of some of them."""


class Notice(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: something for the log."""

    event: str
    fields: dict[str, Any]


class Draining(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: the worker takes no more connections; a replacement may start."""


ToWorker = Blueprint | Health | Drain
ToControl = Applied | Report | Notice | Draining
Received = TypeVar("Received")


class Link(asyncio.Protocol, Generic[Received]):
    """One end of a link; made by `open_to_control` or `open_to_worker`."""

    def __init__(
        self,
        decoder: msgspec.msgpack.Decoder[Received],
        *,
        on_message: Callable[[Received], None],
        on_room: Callable[[], None],
        on_lost: Callable[[], None],
        high_water: int = HIGH_WATER_BYTES,
    ) -> None:
        self._high_water = high_water
        self._decoder = decoder
        self._on_message = on_message
        self._on_room = on_room
        self._on_lost = on_lost
        self._encoder = msgspec.msgpack.Encoder()
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._lost = asyncio.Event()
        self.is_full = True
        """Whether a message would only be kept in memory; `on_room` is called when that ends."""

    def send(self, message: msgspec.Struct) -> None:
        """Hand one message over without waiting; after the link is lost, it goes nowhere.

        Raises LinkError if the message is too large.
        """
        if self._transport is None or self._transport.is_closing():
            return
        body = self._encoder.encode(message)
        if len(body) > MAX_MESSAGE_BYTES:
            raise LinkError(f"a message of {len(body)} bytes is over the link's {MAX_MESSAGE_BYTES}")
        self._transport.writelines((len(body).to_bytes(_LENGTH_BYTES, "big"), body))

    async def close(self, deadline_s: float) -> None:
        """Write out what was sent, then end the link; what is not taken by the deadline is dropped."""
        if self._transport is None:
            return
        self._transport.close()
        try:
            async with asyncio.timeout(deadline_s):
                await self._lost.wait()
        except TimeoutError:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport (asyncio.Protocol)."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.set_write_buffer_limits(high=self._high_water)
        self.is_full = False

    def data_received(self, data: bytes) -> None:
        """Hand each whole message on (asyncio.Protocol)."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH_BYTES:
            length = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
            end = _LENGTH_BYTES + length
            if length > MAX_MESSAGE_BYTES:
                self._break(f"a message of {length} bytes is announced")
                return
            if len(self._buffer) < end:
                return
            try:
                # Because a message may be large, it is read where it is.
                with memoryview(self._buffer) as view, view[_LENGTH_BYTES:end] as body:
                    message = self._decoder.decode(body)
                del self._buffer[:end]
            except msgspec.DecodeError as error:
                self._break(str(error))
                return
            self._on_message(message)

    def pause_writing(self) -> None:
        """Note that the other side is slow (asyncio.Protocol)."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Note that the other side caught up (asyncio.Protocol)."""
        self.is_full = False
        self._on_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner once (asyncio.Protocol)."""
        self.is_full = True
        self._lost.set()
        self._on_lost()

    def _break(self, why: str) -> None:
        LOG.error("link_broken", extra={"fields": {"why": why}})
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()


async def open_to_worker(
    end: socket.socket,
    *,
    on_message: Callable[[ToControl], None],
    on_room: Callable[[], None],
    on_lost: Callable[[], None],
) -> Link[ToControl]:
    """Return control's end of a link over `end`."""
    decoder: msgspec.msgpack.Decoder[ToControl] = msgspec.msgpack.Decoder(ToControl)
    link = Link(decoder, on_message=on_message, on_room=on_room, on_lost=on_lost)
    await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=end)
    return link


async def open_to_control(
    end: socket.socket,
    *,
    on_message: Callable[[ToWorker], None],
    on_room: Callable[[], None],
    on_lost: Callable[[], None],
) -> Link[ToWorker]:
    """Return the worker's end of a link over `end`."""
    decoder: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
    link = Link(decoder, on_message=on_message, on_room=on_room, on_lost=on_lost)
    await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=end)
    return link
