"""The clients: each asks one kind of thing again and again, and checks that the answer is its own."""

import asyncio
import hashlib
import itertools
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

from bench.soak.ledger import Ledger
from bench.soak.origin import BIG_CHUNKS, EVENTS, Origin, pattern
from bench.soak.wire import Answer, CutError, Wire

KILLED = "on a connection of a killed worker"
IDLE = "kept connection closed at the same moment, nothing carried out, asked again"
RESTARTED = "the extracted side was restarting"
FAULTS = {b"framing": {502}, b"gone": {502}, b"hang": {504}, b"slow": {200}, b"refused": {502}}
"""What the documentation says a client sees of each fault, without fallback."""
_CUT = b"reset"


@dataclass(slots=True)
class Clients:
    """All clients of one run."""

    port: int
    ledger: Ledger
    origins: Sequence[Origin]
    dice: random.Random
    is_over: asyncio.Event
    answered: set[bytes]
    """Tokens of the writes whose answer came."""
    _numbers: "itertools.count[int]"

    @classmethod
    def of(cls, port: int, ledger: Ledger, origins: Sequence[Origin], seed: int) -> "Clients":
        """Return clients of the proxy on this port."""
        return cls(port, ledger, origins, random.Random(seed), asyncio.Event(), set(), itertools.count())

    def all(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        """Return every client as it is started."""
        return [
            *[self.reads] * 6,
            *[self.fresh_reads] * 2,
            *[self.writes] * 4,
            *[self.payments] * 2,
            *[self.uploads] * 2,
            *[self.downloads] * 2,
            *[self.event_streams] * 2,
            *[self.tunnels] * 2,
            *[self.slow] * 2,
            *[self.leavers] * 2,
            *[self.faulty] * 2,
            *[self.covered] * 2,
            *[self.failed_writes] * 2,
        ]

    async def reads(self) -> None:
        await self._again("read", lambda: self._request(b"GET", b"/items/echo"))

    async def fresh_reads(self) -> None:
        await self._again("fresh read", lambda: self._request(b"GET", b"/items/echo"), keeps=False)

    async def writes(self) -> None:
        await self._again("write", lambda: self._request(b"POST", b"/writes/echo", self.dice.randbytes(2_000)))

    async def payments(self) -> None:
        await self._again("payment", lambda: self._request(b"POST", b"/payments/echo", self.dice.randbytes(300)))

    async def uploads(self) -> None:
        def chunked() -> "Request":
            return self._request(b"POST", b"/writes/echo", self.dice.randbytes(200_000), is_chunked=True)

        await self._again("upload", chunked)

    async def downloads(self) -> None:
        await self._again("download", lambda: self._request(b"GET", b"/plain/big"))

    async def event_streams(self) -> None:
        await self._again("events", lambda: self._request(b"GET", b"/plain/events"))

    async def slow(self) -> None:
        await self._again("slow", lambda: self._request(b"POST", b"/writes/echo", self.dice.randbytes(4_000)), 0.2)

    async def faulty(self) -> None:
        names = itertools.cycle([*FAULTS, _CUT])
        await self._again("fault", lambda: self._request(b"GET", b"/" + self._fault_path(next(names))))

    async def covered(self) -> None:
        names = itertools.cycle((b"framing", b"gone", b"hang"))
        await self._again("fallback", lambda: self._request(b"GET", b"/cover/" + next(names)))

    async def failed_writes(self) -> None:
        """Writes that the extracted side reads and then fails, where reads would fall back: they may not move."""
        names = itertools.cycle((b"framing", b"gone", b"hang"))
        await self._again("failed write", lambda: self._request(b"POST", b"/cover/" + next(names), b"x" * 300))

    async def tunnels(self) -> None:
        """Echo through an upgraded connection."""
        while not self.is_over.is_set():
            token = self._token()
            wire = await Wire.open(self.port)
            try:
                head = b"GET /plain/tunnel HTTP/1.1\r\nHost: a\r\nX-Token: %b\r\n" % token
                answer = await wire.ask(head + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                if answer.status != 101:
                    self.ledger.fault(f"tunnel: {answer.status} {answer.body[:80]!r}")
                    continue
                for number in range(20):
                    said = b"%b %d\n" % (token, number)
                    heard = (await wire.ask_tunnel(said)) if wire.is_usable else b""
                    if heard != said:
                        raise CutError(received=len(heard), was_used=True)
                self.ledger.right["tunnel"] += 1
            except CutError as error:
                self._cut("tunnel", wire, error, token)
            finally:
                wire.close()

    async def leavers(self) -> None:
        """Leave in the middle of a request or an answer."""
        while not self.is_over.is_set():
            wire = await Wire.open(self.port)
            request = self._request(b"GET", b"/plain/big")
            wire.writer.write(request.head[: self.dice.randrange(1, len(request.head) + 1)])
            try:
                await asyncio.wait_for(wire.reader.read(1_000), self.dice.random() * 0.1)
            except (TimeoutError, ConnectionError):
                pass
            if self.dice.random() < 0.5:
                wire.writer.transport.abort()
            wire.close()
            self.ledger.right["left early"] += 1
            await asyncio.sleep(0.05)

    async def _again(
        self, kind: str, make: Callable[[], "Request"], pause_s: float = 0.0, *, keeps: bool = True
    ) -> None:
        wire: Wire | None = None
        while not self.is_over.is_set():
            request = make()
            for _ in range(2):
                if wire is None or not wire.is_usable:
                    if wire is not None:
                        wire.close()
                    wire = await Wire.open(self.port)
                try:
                    answer = await wire.ask(request.head, request.pieces, pause_s=pause_s)
                except TimeoutError:
                    self.ledger.fault(f"{kind}: no answer on port {wire.port}")
                    break
                except CutError as error:
                    if request.target.endswith(_CUT) and error.received:
                        self.ledger.right[kind] += 1
                        break
                    if self._cut(kind, wire, error, request.token):
                        continue
                else:
                    self._judge(kind, request, answer)
                break
            if wire is not None and not keeps:
                wire.close()
                wire = None
            await asyncio.sleep(self.dice.random() * 0.1)
        if wire is not None:
            wire.close()

    def _judge(self, kind: str, request: "Request", answer: Answer) -> None:
        name = request.target.rpartition(b"/")[2]
        if kind == "fault":
            if answer.status not in FAULTS.get(name, {502}):
                self.ledger.fault(f"fault {name!r}: {answer.status}")
            else:
                self.ledger.right[kind] += 1
            return
        if kind == "failed write":
            if answer.status not in (502, 504):
                self.ledger.fault(f"{kind} {name!r}: {answer.status}")
            else:
                self.ledger.right[kind] += 1
            return
        if answer.status != 200:
            if kind == "payment" and answer.status in (502, 503) and self.ledger.outages:
                self.ledger.explain(kind, RESTARTED)
                return
            self.ledger.fault(f"{kind}: {answer.status} {answer.body[:100]!r}")
            return
        self.answered.add(request.token) if request.body is not None else None
        if self._is_own(request, answer.body):
            self.ledger.right[kind] += 1
        else:
            self.ledger.fault(f"{kind}: not the answer to {request.token!r}: {answer.body[:100]!r}")

    def _is_own(self, request: "Request", body: bytes) -> bool:
        match request.target.rpartition(b"/")[2]:
            case b"big":
                return body == pattern(request.token) * BIG_CHUNKS
            case b"events":
                return body == b"".join(b"data: %b %d\n\n" % (request.token, number) for number in range(EVENTS))
        digest = hashlib.sha256(request.body or b"").hexdigest().encode()
        return body.split(b" ")[0::2] == [request.token, digest]

    def _cut(self, kind: str, wire: Wire, error: CutError, token: bytes) -> bool:
        """Note a cut connection; return whether the request may be asked again."""
        if self.ledger.is_killed(wire.port, wire.began):
            self.ledger.explain(kind, KILLED)
            return False
        if error.was_used and not error.received and not any(origin.writes[token] for origin in self.origins):
            self.ledger.explain(kind, IDLE)
            return True
        if kind == "payment" and self.ledger.outages:
            self.ledger.explain(kind, RESTARTED)
            return False
        self.ledger.fault(f"{kind}: {error}, port {wire.port}")
        return False

    def _fault_path(self, name: bytes) -> bytes:
        return b"refused/" + name if name == b"refused" else b"fault/" + name

    def _token(self) -> bytes:
        return b"t%06d-%08x" % (next(self._numbers), self.dice.getrandbits(32))

    def _request(
        self, method: bytes, target: bytes, body: bytes | None = None, *, is_chunked: bool = False
    ) -> "Request":
        token = self._token()
        head = b"%b %b HTTP/1.1\r\nHost: a.example\r\nX-User-Id: %b\r\nX-Token: %b\r\n" % (method, target, token, token)
        pieces: list[bytes] = []
        if body is not None and is_chunked:
            head += b"Transfer-Encoding: chunked\r\n"
            cuts = [body[start : start + 9_001] for start in range(0, len(body), 9_001)]
            pieces = [*(b"%x\r\n%b\r\n" % (len(cut), cut) for cut in cuts), b"0\r\n\r\n"]
        elif body is not None:
            head += b"Content-Length: %d\r\n" % len(body)
            pieces = [body[start : start + 1_000] for start in range(0, len(body), 1_000)]
        return Request(token, target, head + b"\r\n", tuple(pieces), body)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and what its answer must carry."""

    token: bytes
    target: bytes
    head: bytes
    pieces: tuple[bytes, ...]
    body: bytes | None
