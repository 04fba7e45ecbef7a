"""What control and the comparer say to each other, over a link like the workers'."""

import asyncio
import socket
from collections.abc import Callable
from typing import TypeVar

import msgspec

from strangler.core.divergence import Listed, Verdict, Write
from strangler.core.findings import Findings
from strangler.core.model import Config
from strangler.core.selection import Kept
from strangler.runtime.link import Link
from strangler.shadow.recorder import Picked

Received = TypeVar("Received")


class Watch(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: the configuration that is served now."""

    config: Config
    is_killed: bool = False
    """Whether nothing is sent to the extracted side."""


class Avoid(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: upstream and address of everything that cannot serve now; all else counts as healthy."""

    unhealthy: tuple[tuple[str, str], ...]


class Recall(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: what was found of a route before its start; it goes on from there."""

    findings: Findings


class Forget(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: begin anew with a route."""

    route: str


class Salted(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: record from now on, with this secret to make ids."""

    salt: bytes


class Remember(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: these are the recordings of a route."""

    route: str
    epoch: int
    kept: tuple[Kept, ...]


class Stored(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: these divergences are in the state store."""

    ids: tuple[str, ...]


class Repair(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: send a write once more."""

    id: str
    write: Write
    secrets: tuple[tuple[bytes, bytes], ...]
    """Header fields that are not stored."""


class Listening(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: workers may offer."""


class Found(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: all that was found of a route with news."""

    findings: Findings


class Gauges(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: how many of each bounded thing there are now; twice a second, as a sign of life."""

    gauges: dict[str, int]


class Recorded(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: what is to be kept of a route's reads, and what is to go."""

    picked: Picked


class Diverged(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: writes that are not on both sides, to be kept; told again until they are."""

    listed: tuple[Listed, ...]


class CarriedOut(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: by route, how many writes more are on both sides."""

    counts: dict[str, int]


class Repaired(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To control: how a repair went; no verdict means that the write was carried out."""

    id: str
    verdict: Verdict | None


ToComparer = Watch | Avoid | Recall | Forget | Salted | Remember | Stored | Repair
FromComparer = Listening | Found | Gauges | Recorded | Diverged | CarriedOut | Repaired


async def open_to_comparer(
    end: socket.socket, *, on_message: Callable[[FromComparer], None], on_lost: Callable[[], None]
) -> Link[FromComparer]:
    """Return control's end of a link over `end`."""
    decoder: msgspec.msgpack.Decoder[FromComparer] = msgspec.msgpack.Decoder(FromComparer)
    return await _open(end, decoder, on_message, on_lost)


async def open_from_comparer(
    end: socket.socket, *, on_message: Callable[[ToComparer], None], on_lost: Callable[[], None]
) -> Link[ToComparer]:
    """Return the comparer's end of a link over `end`."""
    decoder: msgspec.msgpack.Decoder[ToComparer] = msgspec.msgpack.Decoder(ToComparer)
    return await _open(end, decoder, on_message, on_lost)


async def _open(
    end: socket.socket,
    decoder: msgspec.msgpack.Decoder[Received],
    on_message: Callable[[Received], None],
    on_lost: Callable[[], None],
) -> Link[Received]:
    link = Link(decoder, on_message=on_message, on_room=lambda: None, on_lost=on_lost)
    await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=end)
    return link
