"""The stream: what every open dashboard is told, as server-sent events (WHATWG HTML, section 9.2).

One pass over the state serves all who listen, once a second, and only while somebody does. It goes from route to route
in pieces, because guards judge on the same loop. Each listener has a short queue; one that does not keep up is let go,
and comes back by itself and is told everything anew.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from strangler.control.answers import ProblemError, problem
from strangler.control.history import HistoryDesk, as_mark
from strangler.control.journal import Headline
from strangler.control.pace import paced
from strangler.control.status import RouteStanding, Status
from strangler.core.history import HOUR
from strangler.errors import StoreError

MOST_LISTENERS = 32
"""Pages at a time; browsers allow six to a host over HTTP/1.1, and few teams have more than five people on call."""
MOST_OF_ONE = 8
"""Pages of one caller, so that nobody takes the places of all others: six in one browser, and two elsewhere."""
QUEUE = 8
"""Messages that wait for one listener; all listeners share their bytes."""
TICK_S = 1.0
"""As often as `top` with its shortest usual delay; a person reads no faster."""
MOST_TICK_S = 10.0
SPARE = 20
"""A pass takes at most one part in so many of the control process's time; with very many routes it comes less often."""
RETRY_MS = 2_000
"""How long a browser waits before it comes back."""
_COMMENT = b":\n\n"
"""A message that says nothing."""


class Listener:
    """One open page."""

    def __init__(self, who: str = "") -> None:
        self.who = who
        """The caller's name."""
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE)
        self.is_slow = False
        """Whether it was let go because it did not keep up."""

    def tell(self, message: bytes) -> bool:
        """Queue a message, and return whether there was room."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.is_slow = True
            self.end()
        return not self.is_slow

    def end(self, last: bytes | None = None) -> None:
        """Let it go: what waits is not sent any more, except a last word."""
        while not self._queue.empty():
            self._queue.get_nowait()
        if last is not None:
            self._queue.put_nowait(last)
        self._queue.put_nowait(None)

    async def wait_message(self) -> bytes | None:
        """Return the next message; None once it is let go."""
        return await self._queue.get()


class Stream:
    """Tells all listeners of the state, of what was counted and of what was done."""

    def __init__(
        self,
        read: Callable[[], Status],
        standings: Callable[[], Iterable[RouteStanding]],
        history: HistoryDesk,
        *,
        tag: Callable[[], str],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        """Listeners that did not keep up."""
        self._read = read
        """The state without routes."""
        self._standings = standings
        self._tag = tag
        self._history = history
        self._now = now
        self._clock = clock
        self._boot = secrets.token_hex(4)
        """Another one after each start, so that a page that was left open can say that there was one."""
        self._listeners: set[Listener] = set()
        self._fresh: dict[Listener, str] = {}
        """Those who were told nothing yet, with the event that each saw last."""
        self._marks: list[bytes] = []
        """What was done and is not told yet."""
        self._passing = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._is_closed = False
        self._names: tuple[str, ...] = ()
        self._routes: dict[str, bytes] = {}
        """What was last told of each route."""
        self._is_known = False
        """Whether that is what those who listen know."""
        self._slot = 0

    async def run(self) -> None:
        """Tell whoever listens, until cancelled."""
        while True:
            await self._wanted.wait()
            began = self._clock()
            await self.tick()
            spent_s = self._clock() - began
            await asyncio.sleep(min(max(TICK_S, spent_s * SPARE), MOST_TICK_S))

    def check_room(self, who: str) -> None:
        """Raise ProblemError if this caller can have no page more just now."""
        if self._is_closed:
            raise ProblemError(problem(503, "stopping", "The proxy is stopping; come back later."))
        if sum(one.who == who for one in (*self._listeners, *self._fresh)) >= MOST_OF_ONE:
            detail = f"{MOST_OF_ONE} pages of {who} are open already, as many as one may have; close one of them."
            raise ProblemError(problem(429, "too_many_pages", detail))
        if self.listeners >= MOST_LISTENERS:
            detail = f"{MOST_LISTENERS} pages are open already, as many as there may be; have one of them closed."
            raise ProblemError(problem(503, "too_many_pages", detail))

    async def open(self, last_id: str = "", *, who: str = "") -> Listener:
        """Return a new listener that is told everything first, and what was done since the event that it saw last.

        Raises ProblemError if there is no room for it.
        """
        self.check_room(who)
        listener = Listener(who)
        if self._is_known:
            self._greet(listener, last_id, self._read())
        else:
            self._fresh[listener] = last_id
            try:
                async with self._passing:
                    # Because who waited for another one's pass was told by that.
                    if listener in self._fresh:
                        await self._pass()
            finally:
                # Because whoever has left meanwhile is told nothing.
                self._fresh.pop(listener, None)
        self._wanted.set()
        return listener

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners) + len(self._fresh)

    def forget(self, listener: Listener) -> None:
        """Tell this one no more."""
        self._listeners.discard(listener)
        self._fresh.pop(listener, None)
        if not self._listeners:
            self._is_known, self._names, self._routes = False, (), {}
        if not self.listeners:
            self._wanted.clear()

    async def tick(self) -> None:
        """Tell what changed since the last time."""
        async with self._passing:
            await self._pass()

    def follow(self, one: Headline) -> None:
        """Tell of something that was done, at once; what is done in one go is told as one message.

        Because a cohort of a hundred routes trips in one go, a message for each would be more than may wait for a page.
        """
        if not self._listeners:
            return
        if not self._marks:
            asyncio.get_running_loop().call_soon(self._tell_marks)
        self._marks.append(self._mark(one))

    def ask_again(self) -> None:
        """Have it looked at of everybody, at once, whether they may still listen."""
        self._tell(_COMMENT)

    def close(self) -> None:
        """Let all listeners go, and take no more."""
        self._is_closed = True
        for listener in (*self._listeners, *self._fresh):
            listener.end(_event("bye", {"why": "the proxy is stopping", "is_out": False}))
            self.forget(listener)

    # --- inside

    async def _pass(self) -> None:
        found = {one.name: msgspec.json.encode(one) async for one in paced(self._standings())}
        slot, grown = int(self._now() // HOUR.step_s), b""
        if slot != self._slot and self._listeners:
            # Because those from the last one told on are over only now, they are told once more, whole; with thousands
            # of routes a pass may come so late that they are two.
            told = await self._history.grown(min(self._slot, slot - 1) * HOUR.step_s)
            grown = _event("history", msgspec.Raw(told))
        status, names = self._read(), tuple(found)
        # Because there is no wait from here on, nobody misses a change and nobody is told it twice.
        if self._listeners:
            changed = {name: told for name, told in found.items() if self._routes.get(name) != told}
            self._tell(self._state(status, changed, names if names != self._names else None) + grown)
        fresh, self._fresh = self._fresh, {}
        self._routes, self._names, self._slot = found, names, slot
        for listener, last_id in fresh.items():
            self._greet(listener, last_id, status)
        self._is_known = bool(self._listeners)

    def _tell_marks(self) -> None:
        marks, self._marks = self._marks, []
        self._tell(b"".join(marks))

    def _tell(self, message: bytes) -> None:
        for listener in tuple(self._listeners):
            if not listener.tell(message):
                self.dropped += 1
                self.forget(listener)

    def _greet(self, listener: Listener, last_id: str, status: Status) -> None:
        """Tell one everything that the others know; from then on it is told what they are."""
        hello = {"boot": self._boot, "version": status.version, "now": self._now(), "latest_s": MOST_TICK_S}
        hello |= {"who": listener.who}
        everything = self._state(status, self._routes, self._names)
        listener.tell(_event("hello", hello, retry=True) + everything + self._missed(last_id))
        self._listeners.add(listener)

    def _state(self, status: Status, routes: Mapping[str, bytes], names: tuple[str, ...] | None) -> bytes:
        """Return the message of the state, with some routes, and with the list of all if it is another one."""
        head = msgspec.to_builtins(status)
        del head["routes"]
        told = {name: msgspec.Raw(found) for name, found in routes.items()}
        state: dict[str, Any] = {"now": self._now(), "tag": self._tag(), "head": head, "routes": told}
        return _event("state", state if names is None else {**state, "names": names})

    def _missed(self, last_id: str) -> bytes:
        """Return what was done since an event; the audit log's numbers go on over restarts."""
        _, _, seq = last_id.partition("-")
        if not seq.isascii() or not seq.isdigit() or len(seq) > 18:
            return b""
        try:
            marks = self._history.marks(after=int(seq))
        except StoreError:
            # Because a store that cannot be read is in the state that was told, the page does without.
            return b""
        return b"".join(_event("mark", mark, number=f"{self._boot}-{mark.seq}") for mark in marks)

    def _mark(self, one: Headline) -> bytes:
        return _event("mark", as_mark(one), number=f"{self._boot}-{one.seq}")


def farewell(why: str) -> bytes:
    """Return the last word to somebody who may listen no more."""
    return _event("bye", {"why": why, "is_out": True})


def _event(name: str, data: Any, *, number: str = "", retry: bool = False) -> bytes:
    """Return one event; JSON has no line breaks of its own."""
    lines = [f"event: {name}".encode(), b"data: " + msgspec.json.encode(data)]
    if number:
        lines.insert(0, f"id: {number}".encode())
    if retry:
        lines.insert(0, f"retry: {RETRY_MS}".encode())
    return b"\n".join(lines) + b"\n\n"
