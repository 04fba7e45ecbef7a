"""The schedule: what is done to the proxy and its upstreams, in an order that the seed decides."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from bench.errors import BenchError
from bench.soak.ledger import Ledger
from bench.soak.origin import Origin
from bench.soak.proxy import Proxy

_PAUSE_S = (0.3, 1.2)
_OUTAGE_S = 0.7
_WHY = {"reason": "soak"}


def routes(*, monolith: int, extracted: int, faulty: int, refused: int, share: int = 50, version: int = 0) -> str:
    """Return the routes file; `version` changes something that every request meets."""
    return f"""\
version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
workers: 2
state_dir: state
drain_timeout: 10s
decision_header: {"true" if version % 2 else "false"}
timeouts: {{response: 1s}}
upstreams:
  monolith: {{url: "http://127.0.0.1:{monolith}", default: true}}
  extracted: {{url: "http://127.0.0.1:{extracted}"}}
  faulty: {{url: "http://127.0.0.1:{faulty}"}}
  refused: {{url: "http://127.0.0.1:{refused}"}}
defaults:
  identity: [header X-User-Id]
  rollback: "off"
routes:
- {{name: items, match: {{methods: [GET], path: "/items/{{rest...}}"}}, extracted: extracted, share: {share}%}}
- {{name: payments, match: {{methods: [POST], path: "/payments/{{rest...}}"}}, extracted: extracted, flag: payments}}
- {{name: fault, match: {{path: "/fault/{{name}}"}}, extracted: faulty, share: 100%, fallback: "off"}}
- {{name: refused, match: {{path: "/refused/{{name}}"}}, extracted: refused, share: 100%, fallback: "off"}}
- {{name: cover, match: {{path: "/cover/{{name}}"}}, extracted: faulty, share: 100%, fallback: safe}}
# version {version}
"""


@dataclass(slots=True)
class Schedule:
    """Does one thing after the other until told to stop."""

    proxy: Proxy
    ledger: Ledger
    monolith: Origin
    extracted: Origin
    faulty: Origin
    refused: int
    dice: random.Random
    version: int = 0

    async def run(self, is_over: asyncio.Event) -> None:
        """Do everything in turn, each round in another order; what was begun is ended before the return."""
        while not is_over.is_set():
            deeds = self._deeds()
            self.dice.shuffle(deeds)
            for name, deed in deeds:
                if is_over.is_set():
                    return
                await deed()
                self.ledger.done[name] += 1
                try:
                    async with asyncio.timeout(self.dice.uniform(*_PAUSE_S)):
                        await is_over.wait()
                except TimeoutError:
                    pass

    def text(self) -> str:
        """Return the routes file of the present version."""
        return routes(
            monolith=self.monolith.port,
            extracted=self.extracted.port,
            faulty=self.faulty.port,
            refused=self.refused,
            share=self.dice.choice((0, 25, 50, 100)),
            version=self.version,
        )

    def _deeds(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        return [
            ("reload", self._reload),
            ("reload", self._reload),
            ("faulty routes file", self._break),
            ("flag change", self._flag),
            ("worker kill", self._kill),
            ("rolling restart", self._restart),
            ("rolling restart with reload and kill", self._restart_disturbed),
            ("extracted side restart", self._outage),
        ]

    async def _reload(self) -> None:
        self.version += 1
        self.proxy.write(self.text())
        self.proxy.reload()
        await self.proxy.settle()

    async def _break(self) -> None:
        self.proxy.write("version: 1\nrutes: []\n")
        self.proxy.reload()
        for _ in range(200):
            if (await self.proxy.ask("GET", "/readyz"))["config"] == "rejected":
                break
            await asyncio.sleep(0.05)
        else:
            raise BenchError("a faulty routes file was not rejected")
        await self._reload()

    async def _flag(self) -> None:
        await self.proxy.ask("PUT", "/api/v1/flags/payments", {"set": f"{self.dice.choice((0, 10, 50, 100))}%", **_WHY})

    async def _kill(self) -> None:
        self.ledger.kill(self.proxy.kill(self.dice.randrange(2)), monotonic())
        await self.proxy.settle()

    async def _restart(self) -> None:
        await self.proxy.ask("POST", "/api/v1/restart", _WHY)
        await self.proxy.settle()
        await self._expect_restarted()

    async def _restart_disturbed(self) -> None:
        await self.proxy.ask("POST", "/api/v1/restart", _WHY)
        self.version += 1
        self.proxy.write(self.text())
        self.proxy.reload()
        await asyncio.sleep(self.dice.random())
        self.ledger.kill(self.proxy.kill(self.dice.randrange(3)), monotonic())
        await self.proxy.settle()

    async def _outage(self) -> None:
        self.ledger.outages += 1
        await self.extracted.stop()
        await asyncio.sleep(_OUTAGE_S)
        await self.extracted.start()
        self.ledger.outages += 1

    async def _expect_restarted(self) -> None:
        restart = await self.proxy.ask("GET", "/api/v1/restart")
        if restart["state"] != "done":
            raise BenchError(f"a rolling restart did not end well: {restart}")
