"""Beside nginx and HAProxy: the proxy passes on nothing that both refuse, and reads it as one of the two does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.backend import Backend, Conversation, Received, backend, ok
from tests.support.plane import config, proxy
from tests.support.waiting import until
from tests.wire import references
from tests.wire.corpus import BODIES, HEADS, SMUGGLED
from tests.wire.messages import Seen, requests, spoiled

_TRIES = 3
"""Times that a reference is asked before it is believed to differ."""
_PATIENCE_S = 0.5
"""How long a client waits with its end for requests that may never be passed on; no promise hangs on it."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """One proxy and what is behind it."""

    port: int
    origin: Backend


async def _echo(received: Received, _conversation: Conversation) -> bytes:
    return ok(received.body)


@cache
def _generated() -> Sequence[bytes]:
    """Return spoiled requests, always the same ones."""
    found: list[bytes] = []

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(st.data(), st.lists(requests(), min_size=1, max_size=2))
    def collect(data: st.DataObject, sent: list[tuple[bytes, Seen]]) -> None:
        found.append(data.draw(spoiled(b"".join(raw for raw, _ in sent))))

    collect()
    return tuple(dict.fromkeys(found))


@asynccontextmanager
async def _subjects(tmp_path: Path) -> AsyncIterator[tuple[_Subject, _Subject, _Subject]]:
    async with AsyncExitStack() as stack:
        ours, behind_nginx, behind_haproxy = [await stack.enter_async_context(backend(_echo)) for _ in range(3)]
        plane = await stack.enter_async_context(proxy(config(ours.port, strict_paths=False)))
        found = [_Subject(plane.port, ours)]
        for name, command, origin in (
            ("nginx", references.nginx, behind_nginx),
            ("haproxy", references.haproxy, behind_haproxy),
        ):
            folder = tmp_path / name
            folder.mkdir()
            port = references.free_port()
            stack.enter_context(references.running(command(folder, listen=port, upstream=origin.port)))
            await until(lambda port=port: _is_open(port), what=f"{name} listens")  # type: ignore[misc]  # the loop's own
            found.append(_Subject(port, origin))
        yield found[0], found[1], found[2]


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _pass(subject: _Subject, raw: bytes, *, awaited: int = 0) -> list[Seen]:
    """Return the complete requests that reach the origin when a client sends these bytes and then shuts its half.

    It shuts its half when so many requests have reached the origin, or after a while.
    """
    origin = subject.origin
    before = len(origin.received)
    reader, writer = await asyncio.open_connection("127.0.0.1", subject.port)
    try:
        writer.write(raw)
        await writer.drain()
        if awaited:
            with suppress(AssertionError):
                await until(lambda: len(origin.received) - before >= awaited, deadline_s=_PATIENCE_S)
        writer.write_eof()
        await asyncio.wait_for(reader.read(-1), 10)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return [Seen((got.method, got.target), got.body) for got in origin.received[before:] if got.is_complete]


async def _is_read_by(reference: _Subject, raw: bytes, seen: list[Seen]) -> tuple[bool, list[list[Seen]]]:
    """Return whether a reference passes on what we did, and all that it passed on, try by try.

    Because HAProxy forgets a second request if the end of its client comes before it has begun it, a reference that
    differs is asked again, by a client that waits with its end.
    """
    tries = [await _pass(reference, raw)]
    while tries[-1][: len(seen)] != seen and len(tries) < _TRIES:
        tries.append(await _pass(reference, raw, awaited=len(seen)))
    return tries[-1][: len(seen)] == seen, tries


@pytest.mark.whole
@pytest.mark.parametrize("kind", ["corpus", "generated"])
async def test_what_is_passed_on_is_read_the_same_by_nginx_or_haproxy(tmp_path: Path, kind: str) -> None:
    if kind == "corpus":
        inputs: Sequence[bytes] = [bad.raw + SMUGGLED for bad in (*HEADS, *BODIES) if bad.is_ambiguous]
    else:
        inputs = _generated()
    passed = 0
    async with _subjects(tmp_path) as (ours, nginx, haproxy):
        for raw in inputs:
            seen = await _pass(ours, raw)
            if not seen:
                continue
            passed += 1
            for_nginx, by_nginx = await _is_read_by(nginx, raw, seen)
            if not for_nginx:
                for_haproxy, by_haproxy = await _is_read_by(haproxy, raw, seen)
                assert for_haproxy, (raw, seen, by_nginx, by_haproxy)
        plain = [await _pass(subject, SMUGGLED) for subject in (ours, nginx, haproxy)]

    # Because a reference that answers nothing at all would prove nothing.
    assert plain == [[Seen((b"GET", b"/smuggled"), b"")]] * 3
    assert (passed > 0) == (kind == "generated")
