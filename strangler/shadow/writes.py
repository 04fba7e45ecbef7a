"""Writes on both sides: what workers noted of answered writes is sent to the other side, in order, once.

The files that workers note in are the queue. So a comparer that dies loses nothing: the next one goes on from the same
files, and what may have left by then is told as something of which nobody knows. What is not on both sides in the end
is told to control, again and again until it is kept.
"""

import asyncio
import logging
from asyncio import Event
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from math import inf
from pathlib import Path
from time import monotonic, monotonic_ns, time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strangler.core import breaker
from strangler.core.breaker import Breaker
from strangler.core.divergence import Listed, Verdict, Why, Write
from strangler.core.lanes import Lanes
from strangler.core.model import Config, Route, Side
from strangler.core.normalise import normal
from strangler.core.shadowing import Credentials, Shadow
from strangler.core.writelog import FOLDER, SUFFIX, Begun, fields_of
from strangler.errors import VaultError
from strangler.shadow import leftovers
from strangler.shadow.listing import listed_of
from strangler.shadow.room import Room
from strangler.shadow.sender import Sender
from strangler.shadow.writefile import Entry, State, WriteFile
from strangler.vault.vault import Vault

LATE_S = 60.0
"""How long a write may wait for the other side. Because what happens there meanwhile may be newer, a write that comes
later than a service's restart takes does more harm than good."""
OLD_S = 600.0
"""How long ago it may have begun; by then the clock that `LATE_S` is told by may be another one."""
REPAIR_S = 60.0
"""A repair of a route that shadows no more; as the longest `timeout` of a shadow."""
AGAIN_S = 0.5
"""Before a side that could not be reached is tried again."""
TELL_AGAIN_S = 5.0
MOST_FILES = 4_096
"""Open at a time, two descriptors each. They stay while divergences cannot be stored: an hour's of eleven workers."""
TELL_BYTES = 4 * 1_048_576
"""Of divergences that are told at once."""
_SECRETS = 256
"""Workers whose credentials can be opened."""

Tell = Callable[[tuple[Listed, ...]], bool]
"""Passes divergences on; returns whether there was room."""
LOG = logging.getLogger(__name__)


class Writes:
    """Owns the files, the order, and what is under way."""

    def __init__(self, tell: Tell, *, most_files: int = MOST_FILES) -> None:
        self._tell = tell
        self._most_files = most_files
        self._folder: Path | None = None
        self._vault: Vault | None = None
        self._sender = Sender()
        self._routes: dict[str, Route] = {}
        self._is_killed = False
        self._is_ending = False
        self._files: dict[Path, WriteFile] = {}
        self._unread: dict[Path, float] = {}
        """Files that cannot be read, or not all of them, and when to try again; never one damaged since it opened."""
        self._fresh: list[Entry] = []
        """Answered after the last look began."""
        self._lanes: Lanes[Entry] = Lanes()
        self._turn: deque[Entry] = deque()
        self._parked: deque[tuple[float, Entry]] = deque()
        self._has_turn = Event()
        self._room = Room()
        self._secrets: dict[str, AESGCM] = {}
        self._breakers: dict[str, Breaker] = {}
        self._untold: dict[str, tuple[Entry, float]] = {}
        """By id, and when it is told again."""
        self._carried_out: Counter[str] = Counter()

    def apply(self, config: Config, *, is_killed: bool) -> None:
        """Send by this configuration from now on."""
        state_dir = Path(config.state_dir)
        if self._folder is None:
            self._folder, self._vault = state_dir / FOLDER, Vault(state_dir)
            leftovers.clear(self._folder)
        self._is_killed = is_killed
        self._routes = {route.name: route for route in config.routes if route.extracted is not None}
        asked = {name for route in self._routes.values() for name in (route.legacy, route.extracted)}
        self._sender.apply(upstream for upstream in config.upstreams if upstream.name in asked)

    def take_secret(self, worker: str, secret: bytes) -> None:
        """Be able to open a worker's credentials."""
        known = {file.worker for file in self._files.values()}
        if len(self._secrets) >= _SECRETS:
            self._secrets = {name: cipher for name, cipher in self._secrets.items() if name in known}
        self._secrets[worker] = AESGCM(secret)

    def kept(self, ids: Sequence[str]) -> None:
        """Take note that control keeps these divergences."""
        for one in ids:
            if one in self._untold:
                entry, _ = self._untold[one]
                try:
                    entry.file.keep(entry)
                except OSError as error:
                    # Because it is listed once however often it is told, it is told again until this is marked.
                    LOG.error("write_not_marked", extra={"fields": {"write": one, "why": str(error)}})  # noqa: TRY400
                else:
                    del self._untold[one]

    def gauges(self) -> dict[str, int]:
        """Return how many of each bounded thing there are now."""
        return {
            "writes_waiting": len(self._lanes) + len(self._fresh),
            "writes_untold": len(self._untold),
            "writes_files": len(self._files),
            "writes_unreadable": len(self._unread),
            "writes_clients": self._sender.clients,
        }

    def take_counts(self) -> dict[str, int]:
        """Return by route how many writes have come to be on both sides since the last call."""
        counts, self._carried_out = +self._carried_out, Counter()
        return dict(counts)

    def look(self) -> None:
        """Take in what workers noted since, tell what is not on both sides, and delete what is over.

        A write that was begun after another one was answered is never sent before it, where they share a lane: the
        other one's answer is in its file by then, and only what was answered before this look began is taken in.
        """
        horizon = monotonic_ns()
        self._find()
        for path, file in tuple(self._files.items()):
            self._read(path, file)
        waiting = sorted(self._fresh, key=lambda entry: (_at(entry), entry.file.path.name, entry.number))
        self._fresh = []
        for number, entry in enumerate(waiting):
            if horizon < _at(entry) < horizon + int(OLD_S * 1e9):
                self._fresh.append(entry)
                continue
            try:
                lanes = tuple(_lanes_of(entry))
            except MemoryError:
                # Because none may overtake it, those after it wait as well.
                self._fresh += waiting[number:]
                break
            self._lanes.add(entry, lanes)
        now = monotonic()
        while self._parked and self._parked[0][0] <= now:
            self._turn.append(self._parked.popleft()[1])
        self._take_turns()
        self._tell_untold(now)

    async def work(self) -> None:
        """Send one write after the other, for ever; MOST_AT_ONCE of these run side by side."""
        while True:
            while not self._turn:
                self._has_turn.clear()
                await self._has_turn.wait()
            entry = self._turn.popleft()
            async with self._room.hold(entry.size):
                await self._handle(entry)
            # Because many that have to wait are handled without a pause, nobody else would have a turn.
            await asyncio.sleep(0)

    async def repair(self, write: Write, secrets: Sequence[tuple[bytes, bytes]]) -> Verdict | None:
        """Send a write that is not on both sides once more; return None if it was carried out, else why not."""
        route = self._routes.get(write.route)
        if route is None:
            return Verdict(why=Why.UNDECLARED)
        if self._is_killed and write.primary is Side.LEGACY:
            return Verdict(why=Why.KILLED)
        return await self._sender.send(_other(route, write.primary), write, route, secrets, _timeout_s(route))

    async def tidy(self) -> None:
        """Let go of clients of upstreams that have changed, once nothing is under way with them."""
        await self._sender.tidy()

    async def end(self) -> None:
        """Send nothing more; what was not sent stays in its file."""
        for file in self._files.values():
            file.close()
        await self._sender.close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be sent or told."""
        return not self._lanes and not self._fresh and not self._untold

    # --- inside

    def _find(self) -> None:
        folder, vault = self._folder, self._vault
        if folder is None or vault is None or not folder.is_dir():
            return
        self._unread = {path: again_at for path, again_at in self._unread.items() if path.exists()}
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path in self._files or self._unread.get(path, 0.0) > monotonic():
                continue
            if len(self._files) >= self._most_files:
                # Because the oldest come first, those that are open have to go before others matter.
                return
            try:
                self._files[path] = WriteFile(path, vault)
            except BlockingIOError:
                # Because a comparer that was replaced still holds it; it ends within seconds.
                continue
            except (OSError, VaultError, ValueError) as error:
                # Because nothing of it was taken in, it can be opened once there is room, or its key is back.
                self._give_up(path, error, monotonic() + TELL_AGAIN_S)
            else:
                self._unread.pop(path, None)

    def _read(self, path: Path, file: WriteFile) -> None:
        try:
            for entry in file.read():
                if entry.state is State.DIVERGED:
                    self._diverged(entry)
                else:
                    self._fresh.append(entry)
            if file.is_over():
                del self._files[path]
                file.remove()
        except (OSError, VaultError, ValueError) as error:
            self._files.pop(path, None)
            self._give_up(path, error, inf)

    def _give_up(self, path: Path, error: Exception, again_at: float) -> None:
        if path not in self._unread:
            LOG.error("writes_unreadable", extra={"fields": {"file": path.name, "why": str(error)}})
        self._unread[path] = again_at

    def _miss(self, entry: Entry, error: Exception) -> None:
        self._unread[entry.file.path] = inf
        LOG.error("write_unreadable", extra={"fields": {"write": entry.id, "why": str(error)}})

    def _take_turns(self) -> None:
        while (entry := self._lanes.take()) is not None:
            self._turn.append(entry)
        if self._turn:
            self._has_turn.set()

    async def _handle(self, entry: Entry) -> None:
        """Send a write, or park it until it can be sent."""
        try:
            verdict, is_over = await self._try(entry, entry.begun())
        except MemoryError:
            LOG.warning("write_short_of_memory", extra={"fields": {"write": entry.id}})
            if entry.state is not State.SENDING:
                # Because nothing has left, it waits.
                self._parked.append((monotonic() + AGAIN_S, entry))
                return
            verdict, is_over = Verdict(why=Why.BROKE_OFF), True
        except (OSError, VaultError, ValueError) as error:
            # Because what cannot be read any more must not be sent.
            self._miss(entry, error)
            self._lanes.done(entry)
            self._take_turns()
            return
        if not is_over or not self._end(entry, verdict):
            self._parked.append((monotonic() + AGAIN_S, entry))
            return
        self._lanes.done(entry)
        self._take_turns()

    def _end(self, entry: Entry, verdict: Verdict | None) -> bool:
        """Note what became of a write; return False where that has to wait for room on the disk."""
        if verdict is None:
            entry.file.settle(entry)
            return True
        try:
            entry.file.diverge(entry, verdict)
        except OSError as error:
            LOG.error("write_not_marked", extra={"fields": {"write": entry.id, "why": str(error)}})  # noqa: TRY400
            return False
        self._diverged(entry)
        return True

    async def _try(self, entry: Entry, begun: Begun) -> tuple[Verdict | None, bool]:
        """Return why a write is not on the other side, or None if it is; and whether that is the last word."""
        route = self._routes.get(begun.route)
        if route is None or route.shadow is None or not route.shadow.writes:
            return Verdict(why=Why.UNDECLARED), True
        primary = entry.primary(begun)
        if self._is_killed and primary is Side.LEGACY:
            return Verdict(why=Why.KILLED), True
        if _is_late(entry, begun):
            return Verdict(why=Why.CONNECT if entry.state is State.SENDING else Why.LATE), True
        secrets = self._opened(entry, begun, route.shadow)
        if secrets is None:
            # Because a worker that lives tells its secret as soon as it has found this process.
            return Verdict(why=Why.NO_CREDENTIALS), entry.file.is_final
        name = _other(route, primary)
        state = self._breakers.get(name, Breaker())
        if not breaker.may_ask(state, monotonic()):
            return None, False
        write = entry.write(begun)
        if entry.state is not State.SENDING:
            try:
                entry.file.sending(entry)
            except OSError as error:
                # Because nothing has left, and a full disk has room again some day, it waits.
                LOG.error("write_not_marked", extra={"fields": {"write": entry.id, "why": str(error)}})  # noqa: TRY400
                return None, False
        self._breakers[name] = breaker.asked(state)
        verdict = await self._sender.send(name, write, route, secrets, route.shadow.timeout_s)
        if verdict is None or verdict.why is Why.STATUS:
            self._breakers[name] = Breaker()
            self._carried_out[route.name] += verdict is None
            return verdict, True
        self._breakers[name] = breaker.failed(self._breakers[name], monotonic())
        return verdict, verdict.why is not Why.CONNECT

    def _opened(self, entry: Entry, begun: Begun, rules: Shadow) -> tuple[tuple[bytes, bytes], ...] | None:
        """Return the fields that are not stored; None while they cannot be opened."""
        if not begun.credentials or rules.credentials is Credentials.REMOVE:
            return ()
        cipher = self._secrets.get(entry.file.worker)
        if cipher is None:
            return None
        try:
            return fields_of(cipher.decrypt(begun.credentials[:12], begun.credentials[12:], None))
        except InvalidTag as error:
            raise ValueError("the credentials of a write were altered") from error

    def _diverged(self, entry: Entry) -> None:
        self._untold[entry.id] = (entry, 0.0)

    def _tell_untold(self, now: float) -> None:
        batch = tuple(self._batch(now))
        due = {listed.id: (self._untold[listed.id][0], now + TELL_AGAIN_S) for listed in batch}
        before = {one: self._untold[one] for one in due}
        # Before they are told, because the answer may come at once.
        self._untold.update(due)
        if batch and not self._tell(batch):
            self._untold.update(before)

    def _batch(self, now: float) -> Iterator[Listed]:
        size = 0
        for one, (entry, due) in self._untold.items():
            if due > now:
                continue
            try:
                listed = self._listed(one, entry)
            except (OSError, VaultError, ValueError, MemoryError) as error:
                if not isinstance(error, MemoryError):
                    self._miss(entry, error)
                self._untold[one] = (entry, now + TELL_AGAIN_S)
                return
            yield listed
            size += len(listed.sealed)
            if size >= TELL_BYTES:
                return

    def _listed(self, one: str, entry: Entry) -> Listed:
        begun, verdict = entry.begun(), entry.verdict
        assert verdict is not None and self._vault is not None
        return listed_of(one, entry.write(begun), verdict, self._vault)


def _lanes_of(entry: Entry) -> Iterator[Hashable]:
    """Return what a write shares with those that must not overtake it: connection, key, and what it changes.

    Because POST makes something new each time, those to one path do not wait for each other.
    """
    begun = entry.begun()
    yield ("connection", entry.file.worker, begun.connection)
    if begun.key:
        yield ("key", begun.route, begun.key)
    if begun.method != b"POST":
        yield ("path", normal(begun.target))


def _at(entry: Entry) -> int:
    return 0 if entry.answered is None else entry.answered.at_ns


def _is_late(entry: Entry, begun: Begun) -> bool:
    waited_s = (monotonic_ns() - _at(entry)) / 1e9
    return not 0 <= waited_s <= LATE_S or time() - begun.at > OLD_S


def _other(route: Route, primary: Side) -> str:
    """Return the upstream of the side that did not answer."""
    name = route.extracted if primary is Side.LEGACY else route.legacy
    assert name is not None
    return name


def _timeout_s(route: Route) -> float:
    """Return how long a repair may take; no longer than control waits for it, or it would be sent once more."""
    return min(route.timeouts.response_s, REPAIR_S) if route.shadow is None else route.shadow.timeout_s
