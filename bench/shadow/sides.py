"""`python -m bench.shadow.sides`: a backend that answers well, after a second, or never, each on a port of its own.

It answers JSON, of 8 MiB where the target says `large`. What it says on each port differs in one member, so that the
comparer has to read both answers.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import cast

import uvloop

LARGE_BYTES = 8 * 1_048_576
SLOW_S = 1.0
"""A thousand times what a well side takes."""
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
        self.small = _answer(json.dumps(order(42, total=total)).encode())
        records = document(LARGE_BYTES - 1024)
        records[-1] = order(42, total=total)
        self.large = _answer(json.dumps(records).encode())


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
            answer = self._answers.large if target.endswith(b"/large") else self._answers.small
            if self._delay_s:
                asyncio.get_running_loop().call_later(self._delay_s, self._say, answer)
            elif self._delay_s is not None:
                self._say(answer)

    def _say(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(ports: Sequence[tuple[int, _Answers, float | None]]) -> None:
    loop = asyncio.get_running_loop()
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
    for name in ("legacy", "well", "slow", "hung"):
        parser.add_argument(f"--{name}", type=int, required=True, metavar="PORT")
    given = parser.parse_args()
    ours, theirs = _Answers(1999), _Answers(2000)
    ports = ((given.legacy, ours, 0.0), (given.well, theirs, 0.0), (given.slow, theirs, SLOW_S), (given.hung, ours, None))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(ports))
    return 0


if __name__ == "__main__":
    sys.exit(main())
