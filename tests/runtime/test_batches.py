"""Batches of offers: in order, all of them when a worker ends, and counted when the comparer is gone."""

import asyncio
from pathlib import Path

import pytest

from strangler.core.model import Side
from strangler.core.offer import Answer, Drop, Offer
from strangler.runtime import offers
from strangler.runtime.offers import Dropped, Offered, OfferSender, OfferServer, ToComparer
from tests.support.waiting import until


def an_offer(number: int, body: bytes = b"") -> Offer:
    return Offer(
        route="users",
        primary=Side.LEGACY,
        method=b"GET",
        target=b"/users/%d" % number,
        host=b"a.test",
        headers=(),
        body=b"",
        request_id=b"r",
        trace=b"t",
        answer=Answer(status=200, headers=(), body=body),
    )


def targets(came: list[ToComparer]) -> list[bytes]:
    return [message.offer.target for message in came if isinstance(message, Offered)]


async def connected(sender: OfferSender, came: list[ToComparer]) -> None:
    """Return once the sender's drops arrive, so offers would as well."""
    sender.drop("probe", Drop.STREAM)
    await until(lambda: any(isinstance(message, Dropped) for message in came), deadline_s=10)
    came.clear()


async def test_offers_arrive_in_order_and_a_large_one_takes_those_before_it_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "BATCH_S", 3600.0)
    came: list[ToComparer] = []
    server = OfferServer(tmp_path / "c.sock", came.append)
    await server.start()
    sender = OfferSender(tmp_path / "c.sock")
    running = asyncio.create_task(sender.run())
    try:
        await connected(sender, came)
        for number in range(3):
            sender.put(an_offer(number))
        assert not came
        sender.put(an_offer(3, b"x" * offers.BATCH_BYTES))
        await until(lambda: len(targets(came)) == 4, deadline_s=10)
        assert targets(came) == [b"/users/%d" % number for number in range(4)]
        sender.put(an_offer(4))
    finally:
        running.cancel()
        await asyncio.wait((running,))
    await until(lambda: targets(came)[4:] == [b"/users/4"], deadline_s=10, what="what waited when the worker ended")
    await server.close()


async def test_what_waits_when_the_comparer_goes_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "BATCH_S", 3600.0)
    came: list[ToComparer] = []
    first = OfferServer(tmp_path / "c.sock", came.append)
    await first.start()
    sender = OfferSender(tmp_path / "c.sock")
    running = asyncio.create_task(sender.run())
    try:
        await connected(sender, came)
        sender.put(an_offer(0))
        await first.close()
        second = OfferServer(tmp_path / "c.sock", came.append)
        await second.start()
        await until(lambda: bool(came), deadline_s=10)
        assert came == [Dropped(route="users", why=Drop.NO_COMPARER, count=1)]
    finally:
        running.cancel()
        await asyncio.wait((running,))
    await second.close()
