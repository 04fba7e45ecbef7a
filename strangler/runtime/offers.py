"""Offers on their way: from each worker straight to the comparer, over a Unix socket in the state directory.

A worker never waits: what the socket does not take at once is kept up to a bound, then dropped and counted; a comparer
that is not there costs a count and nothing else.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from strangler.core.offer import Drop, Offer
from strangler.proxy.capture import Place as AnyPlace
from strangler.runtime.arena import Arena, Place
from strangler.runtime.handover import short
from strangler.runtime.link import Link

if TYPE_CHECKING:
    from strangler.proxy.writelog import WriteLog

SOCKET = "comparer.sock"
HIGH_WATER_BYTES = 4 * 1_048_576
"""Written and not yet taken by the comparer, per worker; beyond it offers are dropped."""
RETRY_S = 0.5
BATCH_S = 0.02
"""How long an offer may wait for others: each write wakes the comparer, which costs a worker more than the offer does.

Nobody waits for a comparison, so the time is as long as a hundred offers take at 5,000 requests a second."""
BATCH_BYTES = 65_536
"""What waits is written at once beyond this many bytes of bodies."""

LOG = logging.getLogger(__name__)


class Offered(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: one exchange to be asked and compared."""

    offer: Offer
    at: int = 0
    size: int = 0
    """Where in the arena the answer's body is, and its length; 0 if the offer has it itself."""


class Shared(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: where a worker's arena can be opened."""

    pid: int
    fd: int


class Dropped(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: exchanges that were to be shadowed and were not."""

    route: str
    why: Drop
    count: int


class Credentials(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the comparer: what opens the credentials of a worker's writes; it is never in a file."""

    worker: str
    secret: bytes


class Pace(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To workers: what would be offered in vain just now, so that it is not even copied."""

    resting: tuple[str, ...] = ()
    """Upstreams that failed too often and are left alone."""
    is_behind: bool = False
    """Whether the comparer has enough to do."""


class Opened(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To a worker: its arena is read from now on."""


class Taken(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To a worker: what was at this place of its arena is read, and the place free."""

    at: int


ToComparer = Offered | Dropped | Shared | Credentials
ToSender = Pace | Opened | Taken
UNHINDERED = Pace()
Received = TypeVar("Received")


class OfferSender:
    """A worker's end (proxy.capture.Offers)."""

    def __init__(self, path: Path, log: Callable[[], "WriteLog | None"] = lambda: None) -> None:
        """`log` returns the worker's write log, once it has one."""
        self.held = 0
        self._log = log
        self._told: Link[ToSender] | None = None
        """The link over which the log's secret was told."""
        self._path = path
        self._link: Link[ToSender] | None = None
        self._arena: Arena | None = None
        """Of this connection, once the comparer has opened it."""
        self._shared: Arena | None = None
        """The same before that."""
        self.places: dict[int, Place] = {}
        """What the comparer has not read yet, by where it is."""
        self._pace = UNHINDERED
        self._dropped: dict[tuple[str, Drop], int] = {}
        self._waiting: list[tuple[Offer, Place | None]] = []
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def refusal(self, upstream: str) -> Drop | None:
        """Return why nothing that asks this upstream can be sent just now; None if something can."""
        if upstream in self._pace.resting:
            return Drop.BREAKER
        return Drop.QUEUE_FULL if self._pace.is_behind else self._no_room()

    def place(self, size: int) -> Place | Drop | None:
        """Return a place in the arena; why there is none just now; None if there is no arena."""
        if self._arena is None:
            return None
        return self._arena.take(size) or Drop.BUDGET

    def put(self, offer: Offer, place: AnyPlace | None = None) -> None:
        """Send an offer, if there is room."""
        ours = place if isinstance(place, Place) and place.is_in(self._arena) else None
        if (why := self._no_room()) is not None or ours is not place:
            self._let_go(offer, place, why or Drop.NO_COMPARER)
        else:
            self._waiting.append((offer, ours))
            self._waiting_bytes += len(offer.body) + len(offer.answer.body) + (0 if ours is None else ours.size)
            if self._waiting_bytes >= BATCH_BYTES:
                self._flush()
            elif self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(BATCH_S, self._flush)

    def drop(self, route: str, why: Drop) -> None:
        """Count one; it is told with the next offer, or by the sweep."""
        self._dropped[route, why] = self._dropped.get((route, why), 0) + 1

    async def run(self) -> None:
        """Keep a connection to the comparer, for ever."""
        while True:
            lost = asyncio.Event()
            link: Link[ToSender] = _link(ToSender, on_message=self._receive, on_lost=lost.set)
            try:
                with short(self._path) as path:
                    await asyncio.get_running_loop().create_unix_connection(lambda: link, path)  # noqa: B023
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            self._link = link
            self._shared = _share(link)
            try:
                while not lost.is_set():
                    self._tell_secret(link)
                    self._tell_dropped(link)
                    try:
                        async with asyncio.timeout(RETRY_S):
                            await lost.wait()
                    except TimeoutError:
                        pass
            finally:
                if lost.is_set():
                    self._link = None
                self._flush()
                self._link, self._pace = None, UNHINDERED
                # Because the next comparer gets another one, nothing that this one may still read is written over.
                self._arena, self.places = None, {}
                self._hide()
                await link.close(0.1)

    def _receive(self, message: ToSender) -> None:
        match message:
            case Pace():
                self._pace = message
            case Opened():
                self._arena = self._shared
                self._hide()
            case Taken(at=at):
                if (place := self.places.pop(at, None)) is not None:
                    place.release()

    def _hide(self) -> None:
        if self._shared is not None:
            self._shared.hide()
            self._shared = None

    def _let_go(self, offer: Offer, place: AnyPlace | None, why: Drop) -> None:
        if place is not None:
            place.release()
        self.drop(offer.route, why)

    def _no_room(self) -> Drop | None:
        if self._link is None:
            return Drop.NO_COMPARER
        return Drop.QUEUE_FULL if self._link.is_full else None

    def _flush(self) -> None:
        """Send what waits, as far as there is room."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for offer, place in waiting:
            if (why := self._no_room()) is not None:
                self._let_go(offer, place, why)
            elif self._link is not None and place is not None:
                self.places[place.at] = place
                self._link.send(Offered(offer=offer, at=place.at, size=place.size))
            elif self._link is not None:
                self._link.send(Offered(offer=offer))
        if self._link is not None:
            self._tell_dropped(self._link)

    def _tell_secret(self, link: Link[ToSender]) -> None:
        if self._told is not link and (log := self._log()) is not None:
            link.send(Credentials(worker=log.worker, secret=log.secret))
            self._told = link

    def _tell_dropped(self, link: Link[ToSender]) -> None:
        if self._dropped and not link.is_full:
            dropped, self._dropped = self._dropped, {}
            for (route, why), number in dropped.items():
                link.send(Dropped(route=route, why=why, count=number))


class OfferServer:
    """The comparer's end: takes what any worker of this user offers."""

    def __init__(self, path: Path, on_message: Callable[[ToComparer], None]) -> None:
        self._on_message = on_message
        self._path = path
        self._links: dict[Link[ToComparer], Pace] = {}
        """With what each worker was told last."""
        self._arenas: dict[Link[ToComparer], int] = {}
        """Descriptors of the arenas that were opened."""
        self._server: asyncio.AbstractServer | None = None
        self._inode = 0

    async def start(self) -> None:
        """Listen; raises OSError."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with short(self._path) as path:
                listener.bind(path)
            self._path.chmod(0o600)
            self._inode = self._path.stat().st_ino
            self._server = await asyncio.get_running_loop().create_unix_server(self._accept, sock=listener)
        except BaseException:
            listener.close()
            raise

    def tell(self, pace: Pace) -> None:
        """Tell each worker that does not know it what not to offer."""
        for link, told in self._links.items():
            if told != pace and not link.is_full:
                link.send(pace)
                self._links[link] = pace

    async def close(self) -> None:
        """Listen no more, and end what is connected."""
        # Because after a crash of control the next comparer may listen already, only what is ours is removed, and
        # while it is open: then its number is nobody else's.
        if self._server is not None and self._is_ours():
            self._path.unlink()
        if self._server is not None:
            self._server.close()
        for link in tuple(self._links):
            await link.close(0.1)

    def _is_ours(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _accept(self) -> Link[ToComparer]:
        link: Link[ToComparer] = _link(
            ToComparer, on_message=lambda message: self._receive(message, link), on_lost=lambda: self._forget(link)
        )
        self._links[link] = UNHINDERED
        return link

    def _forget(self, link: Link[ToComparer]) -> None:
        self._links.pop(link, None)
        if (fd := self._arenas.pop(link, None)) is not None:
            os.close(fd)

    def _receive(self, message: ToComparer, link: Link[ToComparer]) -> None:
        match message:
            case Shared(pid=pid, fd=fd):
                self._open(link, f"/proc/{pid}/fd/{fd}")
            case Offered(offer=offer, at=at, size=size) if size:
                try:
                    body = os.pread(self._arenas[link], size, at)
                except MemoryError:
                    self._on_message(Dropped(route=offer.route, why=Drop.BUDGET, count=1))
                    return
                finally:
                    link.send(Taken(at=at))
                self._on_message(Offered(offer=replace(offer, answer=replace(offer.answer, body=body))))
            case _:
                self._on_message(message)

    def _open(self, link: Link[ToComparer], path: str) -> None:
        try:
            self._arenas[link] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            # Because some systems keep the descriptors of one process from another, large bodies are sent there.
            LOG.warning("arena_not_opened", extra={"fields": {"why": str(error)}})
        else:
            link.send(Opened())


def _share(link: Link[ToSender]) -> Arena | None:
    """Return an arena that the comparer has been told of; None where the system has none to give."""
    try:
        arena = Arena()
    except OSError:
        return None
    link.send(Shared(pid=os.getpid(), fd=arena.fd))
    return arena


def _link(kind: Any, *, on_message: Callable[[Received], None], on_lost: Callable[[], None]) -> Link[Received]:
    decoder: msgspec.msgpack.Decoder[Received] = msgspec.msgpack.Decoder(kind)
    return Link(decoder, on_message=on_message, on_room=lambda: None, on_lost=on_lost, high_water=HIGH_WATER_BYTES)
