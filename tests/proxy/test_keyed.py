"""A keyed write keeps its side, whatever shares, trips and the kill switch say, and is carried out once in all."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.core.model import FULL_SHARE, Config, Fallback, Idempotency, Source, SourceKind, Timeouts
from strangler.core.shares import Overrides
from strangler.proxy import keybook
from strangler.proxy.keybook import KeyBook
from tests.support.backend import Backend, Conversation, Received, backend, ok, says
from tests.support.plane import Proxy, Wire, config, field_of, proxy, route

QUICK = Timeouts(connect_s=2.0, response_s=0.3, idle_s=0.3)
TRIPPED = Overrides(caps=(("pay", 0),))
CLOSED = 1
"""A port that nothing listens on."""


@pytest.fixture
def book(tmp_path: Path) -> Iterator[KeyBook]:
    path = tmp_path / keybook.FILE
    keybook.make(path, 1_000)
    opened = KeyBook(path)
    yield opened
    opened.close()


@pytest.fixture
async def sides() -> AsyncIterator[tuple[Backend, Backend]]:
    async with backend(says(ok(b"legacy"))) as legacy, backend(says(ok(b"extracted"))) as extracted:
        yield legacy, extracted


def payments(legacy: int, extracted: int, share: int, **more: Any) -> Config:
    given = {"idempotency": Idempotency(), "timeouts": QUICK, "share": share, **more}
    return config(legacy, extracted, route("pay", "/pay", **given), decision_header=True)


async def pay(wire: Wire, key: bytes | None = b'"k1"', *, user: bytes = b"ann", method: bytes = b"POST") -> bytes:
    """Return the status and what answered, e.g. `200 extracted`."""
    line = b"" if key is None else b"Idempotency-Key: %b\r\n" % key
    head = b"%b /pay HTTP/1.1\r\nHost: a\r\nX-User-Id: %b\r\n%bContent-Length: 2\r\n\r\n{}" % (method, user, line)
    await wire.send(head)
    found, body = await wire.answer()
    return found.split(b" ")[1] + b" " + body


async def test_a_repetition_goes_where_the_first_try_went_while_shares_move(
    sides: tuple[Backend, Backend], book: KeyBook
) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE), book=book) as running:
        wire = await running.connect()
        answers = [await pay(wire)]
        for share in (0, FULL_SHARE, 0):
            running.apply(payments(legacy.port, extracted.port, share))
            answers.append(await pay(wire))
        new = await pay(wire, b'"k2"')

    assert answers == [b"200 extracted"] * 4
    assert new == b"200 legacy"


async def test_the_reason_says_that_a_key_was_kept(sides: tuple[Backend, Backend], book: KeyBook) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, extracted.port, 0), book=book) as running:
        wire = await running.connect()
        await pay(wire)
        running.apply(payments(legacy.port, extracted.port, FULL_SHARE))
        await wire.send(b"POST /pay HTTP/1.1\r\nHost: a\r\nX-User-Id: ann\r\nIdempotency-Key: k1\r\n\r\n")
        head, _ = await wire.answer()

    assert field_of(head, b"X-Strangler-Decision") == b"legacy; reason=kept; route=pay"


@pytest.mark.parametrize("overrides", [TRIPPED, Overrides(is_killed=True)], ids=["tripped", "killed"])
async def test_a_repetition_is_refused_while_its_side_does_not_serve(
    sides: tuple[Backend, Backend], book: KeyBook, overrides: Overrides
) -> None:
    legacy, extracted = sides
    by = payments(legacy.port, extracted.port, FULL_SHARE)
    async with proxy(by, book=book) as running:
        wire = await running.connect()
        first = await pay(wire)
        running.apply(by, overrides=overrides)
        await wire.send(b"POST /pay HTTP/1.1\r\nHost: a\r\nX-User-Id: ann\r\nIdempotency-Key: k1\r\n\r\n")
        head, body = await wire.answer()
        wire = await running.connect()
        other = await pay(wire, b"k2")
        running.apply(by)
        again = await pay(wire)

    assert (first, other, again) == (b"200 extracted", b"200 legacy", b"200 extracted")
    assert head.startswith(b"HTTP/1.1 503 ") and b'"reason": "kept_side"' in body
    assert field_of(head, b"Retry-After") is not None
    assert (len(legacy.received), len(extracted.received)) == (1, 2)


async def test_a_tripped_side_is_asked_for_repetitions_if_the_route_says_so(
    sides: tuple[Backend, Backend], book: KeyBook
) -> None:
    legacy, extracted = sides
    by = payments(legacy.port, extracted.port, FULL_SHARE, idempotency=Idempotency(asks_tripped=True))
    async with proxy(by, book=book) as running:
        wire = await running.connect()
        await pay(wire)
        running.apply(by, overrides=TRIPPED)

        assert await pay(wire) == b"200 extracted"
        assert await pay(wire, b"k2") == b"200 legacy"


async def test_a_first_try_of_which_nothing_left_is_the_monoliths_from_then_on(
    sides: tuple[Backend, Backend], book: KeyBook
) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, CLOSED, FULL_SHARE), book=book) as running:
        wire = await running.connect()
        first = await pay(wire)
        running.apply(payments(legacy.port, extracted.port, FULL_SHARE))
        again = await pay(wire)

    assert (first, again, len(extracted.received)) == (b"200 legacy", b"200 legacy", 0)


async def test_a_repetition_whose_side_is_down_is_told_to_come_back(
    sides: tuple[Backend, Backend], book: KeyBook
) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE), book=book) as running:
        wire = await running.connect()
        await pay(wire)
        running.apply(payments(legacy.port, CLOSED, FULL_SHARE))
        again = await pay(wire)

    assert again.startswith(b"503 ") and b"kept_side" in again
    assert legacy.received == []


@pytest.mark.parametrize("fallback", Fallback)
async def test_a_write_that_may_have_been_carried_out_is_never_sent_to_the_other_side(
    book: KeyBook, fallback: Fallback
) -> None:
    async def take_and_hang_up(_received: Received, _conversation: Conversation) -> None:
        """Carry the payment out, and end the connection before answering."""

    async with (
        backend(says(ok(b"legacy"))) as legacy,
        backend(take_and_hang_up) as extracted,
        proxy(payments(legacy.port, extracted.port, FULL_SHARE, fallback=fallback), book=book) as running,
    ):
        first = await pay(await running.connect())
        running.apply(payments(legacy.port, extracted.port, 0, fallback=fallback))
        again = await pay(await running.connect())

    assert (first[:3], again[:3]) == (b"502", b"502")
    assert (len(legacy.received), len(extracted.received)) == (0, 2)


async def test_the_same_key_of_another_tenant_is_another_key(sides: tuple[Backend, Backend], book: KeyBook) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE), book=book) as running:
        wire = await running.connect()
        await pay(wire, user=b"ann")
        running.apply(payments(legacy.port, extracted.port, 0))

        assert await pay(wire, user=b"bob") == b"200 legacy"
        assert await pay(wire, user=b"ann") == b"200 extracted"


async def test_a_key_belongs_to_the_tenant_that_the_route_names(sides: tuple[Backend, Backend], book: KeyBook) -> None:
    legacy, extracted = sides
    keys = Idempotency(tenant=(Source(kind=SourceKind.HEADER, name="x-shop"),))
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE, idempotency=keys), book=book) as running:
        wire = await running.connect()
        await pay(wire, user=b"ann")
        running.apply(payments(legacy.port, extracted.port, 0, idempotency=keys))

        assert await pay(wire, user=b"bob") == b"200 extracted"


async def test_a_repetition_without_the_cookie_that_was_assigned_is_still_one(
    sides: tuple[Backend, Backend], book: KeyBook
) -> None:
    legacy, extracted = sides
    assigned = (Source(kind=SourceKind.ASSIGNED, name="strangler_id"),)
    async with proxy(payments(legacy.port, extracted.port, 5_000, identity=assigned), book=book) as running:
        wire = await running.connect()
        answers = {await pay(wire, b"k1") for _ in range(20)}

    assert len(answers) == 1


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (b"Idempotency-Key: a\r\nIdempotency-Key: a\r\n", b"idempotency_key_repeated"),
        (b"Idempotency-Key: a, b\r\n", b"idempotency_key_malformed"),
        (b'Idempotency-Key: "a\r\n', b"idempotency_key_malformed"),
        (b"Idempotency-Key: %b\r\n" % (b"k" * 256), b"idempotency_key_too_long"),
        (b"", b"idempotency_key_missing"),
    ],
)
async def test_what_is_no_key_is_refused_before_anybody_is_asked(
    sides: tuple[Backend, Backend], book: KeyBook, lines: bytes, reason: bytes
) -> None:
    legacy, extracted = sides
    by = payments(legacy.port, extracted.port, FULL_SHARE, idempotency=Idempotency(is_required=True))
    async with proxy(by, book=book) as running:
        wire = await running.connect()
        await wire.send(b"POST /pay HTTP/1.1\r\nHost: a\r\n%b\r\n" % lines)
        head, body = await wire.answer()

    assert head.startswith(b"HTTP/1.1 400 ") and b'"reason": "%b"' % reason in body
    assert (legacy.received, extracted.received) == ([], [])


async def test_a_key_passes_as_it_was_sent_and_none_is_needed(sides: tuple[Backend, Backend], book: KeyBook) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE), book=book) as running:
        wire = await running.connect()
        await pay(wire, b'"k\\"1"')
        await pay(wire, None)
        await pay(wire, b"a, b", method=b"GET")

    assert [received.values(b"Idempotency-Key") for received in extracted.received] == [
        [b'"k\\"1"'],
        [],
        [b"a, b"],
    ]


async def test_a_hundred_tries_at_once_over_a_change_go_to_one_side(
    sides: tuple[Backend, Backend], book: KeyBook
) -> None:
    legacy, extracted = sides
    patient = Timeouts(connect_s=30.0, response_s=30.0, idle_s=30.0)
    by = payments(legacy.port, extracted.port, FULL_SHARE, timeouts=patient)
    async with proxy(by, book=book) as running:

        async def try_once(number: int) -> bytes:
            wire = await running.connect()
            if number % 10 == 0:
                share = FULL_SHARE if number % 20 else 0
                running.apply(payments(legacy.port, extracted.port, share, timeouts=patient))
            return await pay(wire)

        answers = await asyncio.wait_for(_all(try_once(number) for number in range(100)), 30)

    assert len(set(answers)) == 1
    assert sorted((len(legacy.received), len(extracted.received))) == [0, 100]


async def test_a_book_that_cannot_be_asked_refuses_the_write(sides: tuple[Backend, Backend], tmp_path: Path) -> None:
    legacy, extracted = sides
    path = tmp_path / keybook.FILE
    keybook.make(path, 10)
    held = KeyBook(path)
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE), book=held) as running:
        holder = await asyncio.create_subprocess_exec(
            "python3",
            "-c",
            "import fcntl,os,sys;f=os.open(sys.argv[1],os.O_RDWR);fcntl.lockf(f,fcntl.LOCK_EX);"
            "print(1,flush=True);sys.stdin.read()",
            str(path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert holder.stdout is not None
        await holder.stdout.readline()
        wire = await running.connect()
        refused = await pay(wire)
        await holder.communicate(b"")
        served = await pay(await running.connect())

    held.close()
    assert refused.startswith(b"503 ") and b"key_book" in refused
    assert served == b"200 extracted"


async def test_without_a_book_a_keyed_write_is_refused_and_one_without_a_key_is_not(
    sides: tuple[Backend, Backend],
) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE)) as running:
        refused = await pay(await running.connect())
        served = await pay(await running.connect(), None)

    assert refused.startswith(b"503 ") and b"key_book" in refused
    assert served == b"200 extracted"


async def test_a_repetition_is_refused_when_its_side_is_taken_out_of_the_file(
    sides: tuple[Backend, Backend], book: KeyBook
) -> None:
    legacy, extracted = sides
    async with proxy(payments(legacy.port, extracted.port, FULL_SHARE), book=book) as running:
        await pay(await running.connect())
        by = payments(legacy.port, extracted.port, 0)
        running.apply(replace(by, routes=tuple(replace(each, extracted=None) for each in by.routes)))
        again = await pay(await running.connect())
        new = await pay(await running.connect(), b"k2")

    assert again.startswith(b"503 ") and b"kept_side" in again
    assert (new, len(extracted.received)) == (b"200 legacy", 1)


async def _all(tries: Any) -> list[bytes]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in tries]
    return [task.result() for task in tasks]


async def test_counts_and_refusals_are_told(sides: tuple[Backend, Backend], book: KeyBook) -> None:
    legacy, extracted = sides
    by = payments(legacy.port, extracted.port, FULL_SHARE)
    async with proxy(by, book=book) as running:
        await pay(await running.connect())
        running.apply(by, overrides=TRIPPED)
        await pay(await running.connect())

        assert _refusals(running) == ["kept_side"]
        assert running.counts() == {("pay", "extracted", "2xx"): 1}


def _refusals(running: Proxy) -> list[str]:
    return [fields["problem"] for event, fields in running.notices if event == "request_refused"]
