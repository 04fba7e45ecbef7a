"""Offers on their way: a worker never waits for the comparer, and finds the one that lives now."""

import asyncio
import os
import socket
import stat
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from strangler.core.model import Side
from strangler.core.offer import Answer, Drop, Offer
from strangler.runtime import offers
from strangler.runtime.arena import Place
from strangler.runtime.offers import UNHINDERED, Dropped, Offered, OfferSender, OfferServer, Pace, ToComparer
from tests.support.waiting import until


def offer(size: int = 2) -> Offer:
    return Offer(
        route="users",
        primary=Side.LEGACY,
        method=b"GET",
        target=b"/users/7",
        host=b"shop.example",
        headers=(),
        body=b"",
        request_id=b"request-1",
        trace=b"",
        answer=Answer(status=200, headers=(), body=b"x" * size),
    )


@asynccontextmanager
async def sending(path: Path) -> AsyncIterator[OfferSender]:
    sender = OfferSender(path)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_what_is_offered_arrives_and_what_was_dropped_before_is_told(tmp_path: Path) -> None:
    taken: list[ToComparer] = []
    server = OfferServer(tmp_path / "s", taken.append)
    async with sending(tmp_path / "s") as sender:
        sender.put(offer())
        await server.start()
        await until(lambda: bool(taken), what="what was dropped")
        sender.put(offer())
        await until(lambda: len(taken) == 2, what="an offer")
    await server.close()
    assert taken == [Dropped(route="users", why=Drop.NO_COMPARER, count=1), Offered(offer=offer())]


async def test_a_comparer_that_takes_nothing_costs_a_bounded_memory_and_a_count(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)
        async with sending(tmp_path / "s") as sender:
            connection, _ = await asyncio.to_thread(listener.accept)
            tracemalloc.start()
            try:
                for _ in range(100):
                    sender.put(offer(1_048_576))
                    await asyncio.sleep(0)
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert held < offers.HIGH_WATER_BYTES + 4 * 1_048_576
            connection.close()


async def test_a_comparer_that_ends_late_leaves_the_socket_of_the_next_one_alone(tmp_path: Path) -> None:
    taken: list[ToComparer] = []
    first, second = OfferServer(tmp_path / "s", lambda _: None), OfferServer(tmp_path / "s", taken.append)
    await first.start()
    await second.start()
    await first.close()
    async with sending(tmp_path / "s") as sender:
        sender.put(offer())
        await until(lambda: bool(taken), what="what was offered before there was a connection")
    await second.close()
    assert not (tmp_path / "s").exists()


async def test_nobody_but_its_user_may_offer(tmp_path: Path) -> None:
    server = OfferServer(tmp_path / "s", lambda _: None)
    await server.start()
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    await server.close()


async def test_a_worker_is_told_what_would_be_offered_in_vain_until_the_comparer_is_another(tmp_path: Path) -> None:
    server = OfferServer(tmp_path / "s", lambda _: None)
    await server.start()
    async with sending(tmp_path / "s") as sender:
        await until(lambda: sender.refusal("extracted") is None, what="a connection")

        def told(pace: Pace, *, of_extracted: Drop | None, of_others: Drop | None) -> bool:
            server.tell(pace)
            return (sender.refusal("extracted"), sender.refusal("other")) == (of_extracted, of_others)

        resting, behind = Pace(resting=("extracted",)), Pace(is_behind=True)
        await until(lambda: told(resting, of_extracted=Drop.BREAKER, of_others=None), what="who rests")
        await until(lambda: told(behind, of_extracted=Drop.QUEUE_FULL, of_others=Drop.QUEUE_FULL), what="enough")
        await until(lambda: told(UNHINDERED, of_extracted=None, of_others=None), what="that all is well")
        await until(lambda: told(resting, of_extracted=Drop.BREAKER, of_others=None), what="who rests")
        await server.close()
        await until(lambda: sender.refusal("extracted") is Drop.NO_COMPARER, what="that nobody is there")


LARGE = b"0123456789abcdef" * 65_536


def large(place: Place) -> Offer:
    assert all(place.write(LARGE[start : start + 100_000]) for start in range(0, len(LARGE), 100_000))
    return offer(0)


async def test_a_large_body_is_read_from_where_the_worker_wrote_it_and_its_place_is_free_again(tmp_path: Path) -> None:
    taken: list[ToComparer] = []
    server = OfferServer(tmp_path / "s", taken.append)
    await server.start()
    async with sending(tmp_path / "s") as sender:
        await until(lambda: isinstance(sender.place(1), Place), what="an arena")
        for number in range(1, 40):
            place = sender.place(len(LARGE))
            assert isinstance(place, Place)
            sender.put(large(place), place)
            await until(lambda number=number: len(taken) == number, what="an offer")  # type: ignore[misc]
            await until(lambda: not sender.places, what="the place is free")
    await server.close()
    assert {message.offer.answer.body for message in taken if isinstance(message, Offered)} == {LARGE}


async def test_a_full_arena_refuses_and_what_was_placed_for_a_comparer_that_is_gone_is_counted(tmp_path: Path) -> None:
    taken: list[ToComparer] = []
    server = OfferServer(tmp_path / "s", taken.append)
    await server.start()
    async with sending(tmp_path / "s") as sender:
        await until(lambda: isinstance(sender.place(1), Place), what="an arena")
        place = sender.place(8 * 1_048_576)
        assert isinstance(place, Place)
        assert sender.place(16 * 1_048_576) is Drop.BUDGET
        await server.close()
        await until(lambda: sender.place(1) is None, what="no arena")
        sender.put(offer(), place)
        again = OfferServer(tmp_path / "s", taken.append)
        await again.start()
        await until(lambda: bool(taken), what="what was dropped")
        await again.close()
    assert taken == [Dropped(route="users", why=Drop.NO_COMPARER, count=1)]


async def test_where_the_arena_cannot_be_opened_large_bodies_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Because only some systems keep descriptors from other processes, this one is told of a process that is not there.
    monkeypatch.setattr(os, "getpid", lambda: 0)
    taken: list[ToComparer] = []
    server = OfferServer(tmp_path / "s", taken.append)
    await server.start()
    async with sending(tmp_path / "s") as sender:
        await until(lambda: sender.refusal("extracted") is None, what="a connection")
        sender.put(offer(1_048_576))
        await until(lambda: bool(taken), what="an offer")
        assert sender.place(1_048_576) is None
    await server.close()
    assert taken == [Offered(offer=offer(1_048_576))]
