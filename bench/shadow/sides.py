"""`python -m bench.shadow.sides`: a backend that answers well, after a second, or never, each on a port of its own.

Without `--legacy` it is a shadowed side, and gives way to all others.

It answers JSON, of nearly 1 MiB where the path ends in `medium` and of nearly 8 MiB where it ends in `large`. What it
says differs in one member between the sides, so that the comparer has to read both answers.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import cast

import uvloop

from strangler.runtime.yielding import give_way

MEDIUM_BYTES, LARGE_BYTES = 1_048_576, 8 * 1_048_576
WELL_S, SLOW_S = 0.001, 1.0
"""How long an answer takes: a thousand times longer on the slow side."""
_DELAYS_S: dict[str, float | None] = {"legacy": WELL_S, "well": WELL_S, "slow": SLOW_S, "hung": None}
_NICE = 10
_HEAD_END = b"\r\n\r\n"


def order(number: int, *, total: int = 1999) -> dict[str, object]:
    """Return what stands for one record of a service."""
    return {
        "id": number,
        "status": "shipped" if number % 3 else "paid",
        "total_cents": total + number,
        "rate": 1.25,
        "currency": "EUR",
        "tags": ["fragile", f"lot-{number}"],
        "customer": {"id": number * 7, "name": f"Customer {number}", "vip": number % 5 == 0},
    }


def document(size: int) -> list[dict[str, object]]:
    """Return records whose JSON text has as nearly `size` bytes as whole records allow, and no more."""
    per_record = len(json.dumps(order(100_000))) + 2
    return [order(number) for number in range(100_000, 100_000 + size // per_record)]


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + _HEAD_END + body


class _Answers:
    def __init__(self, total: int) -> None:
        last = order(42, total=total)
        self.small = _answer(json.dumps(last).encode())
        self.named = {
            name: _answer(json.dumps([*document(size - 1024), last]).encode())
            for name, size in ((b"medium", MEDIUM_BYTES), (b"large", LARGE_BYTES))
        }


class _Side(asyncio.Protocol):
    def __init__(self, answers: _Answers, delay_s: float | None) -> None:
        self._answers = answers
        self._delay_s = delay_s
        self._seen = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while _HEAD_END in self._seen:
            head, _, self._seen = self._seen.partition(_HEAD_END)
            target = head.split(b" ", 2)[1]
            answer = self._answers.named.get(target.rpartition(b"/")[2], self._answers.small)
            if self._delay_s is not None:
                asyncio.get_running_loop().call_later(self._delay_s, self._say, answer)

    def _say(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(ports: Sequence[tuple[int, _Answers, float | None]], *, is_nice: bool) -> None:
    loop = asyncio.get_running_loop()
    if is_nice:
        await give_way(_NICE)
    for port, answers, delay_s in ports:
        await loop.create_server(
            lambda answers=answers, delay_s=delay_s: _Side(answers, delay_s),  # type: ignore[misc]
            "127.0.0.1",
            port,
            backlog=1024,
        )
    await asyncio.Event().wait()


def main() -> int:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow.sides", allow_abbrev=False)
    for name in _DELAYS_S:
        parser.add_argument(f"--{name}", type=int, metavar="PORT")
    given = vars(parser.parse_args())
    ports = [
        (port, _Answers(1999 if name == "legacy" else 2000), delay_s)
        for name, delay_s in _DELAYS_S.items()
        if (port := given[name]) is not None
    ]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        # Because it would be another machine's work, what a second answer takes from the first is kept small.
        runner.run(_serve(ports, is_nice=given["legacy"] is None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
