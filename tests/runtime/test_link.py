"""The link between control and a worker, over a real socket pair."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.model import Address, Config, HeaderMatch, Match, Route, Side, Source, SourceKind, Upstream
from strangler.core.outcome import Outcome
from strangler.core.shadowing import Credentials, PathRule, RuleKind, Shadow, ShadowMode
from strangler.core.tally import Tally
from strangler.flags.data import FlagData
from strangler.runtime import link
from strangler.runtime.link import Applied, Blueprint, Drain, Draining, Link, Notice, Report, ToControl, ToWorker

CONFIG = Config(
    upstreams=(Upstream(name="monolith", addresses=(Address(host="::1", port=8001),)),),
    default_upstream="monolith",
    routes=(
        Route(
            name="payments.create",
            match=Match(path="/api/payments", methods=("POST",), headers=(HeaderMatch(name="x-beta", value=None),)),
            legacy="monolith",
            identity=(Source(kind=SourceKind.HEADER, name="x-user-id"),),
        ),
        Route(
            name="payments.read",
            match=Match(path="/api/payments/{id}", methods=("GET",)),
            legacy="monolith",
            extracted="payments",
            shadow=Shadow(
                mode=ShadowMode.BOTH,
                sample=1_250,
                noise=0,
                max_body_bytes=2_048,
                timeout_s=0.5,
                credentials=Credentials.REMOVE,
                headers=("etag",),
                rules=tuple(
                    PathRule(kind=kind, path="$..a", by="id", digits=4, seconds=2.5, pairs=(("1", '"one"'),))
                    for kind in RuleKind
                ),
                redact=("$.card",),
            ),
        ),
    ),
)
FLAGS = FlagData(version=3, ready=True, document=b'{"flags":{},"segments":{}}')
TALLY = Tally(
    route="payments.create",
    side=Side.EXTRACTED,
    outcomes=((Outcome.SERVER_ERROR_5XX, 2), (Outcome.TIMEOUT, 1)),
    latency=((17, 3),),
    seconds=0.25,
    fallbacks=((Outcome.TIMEOUT, 1),),
)


@dataclass(slots=True)
class Heard:
    """What one end was called with."""

    at_worker: list[ToWorker] = field(default_factory=list)
    at_control: list[ToControl] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    def hear_worker(self, message: ToWorker) -> None:
        self.at_worker.append(message)
        self.news.set()

    def hear_control(self, message: ToControl) -> None:
        self.at_control.append(message)
        self.news.set()


async def pair() -> tuple[Link[ToControl], Link[ToWorker], Heard]:
    ours, theirs = socket.socketpair()
    heard = Heard()
    control = await link.open_to_worker(
        ours, on_message=heard.hear_control, on_room=heard.room.set, on_lost=heard.lost.set
    )
    worker = await link.open_to_control(
        theirs, on_message=heard.hear_worker, on_room=heard.room.set, on_lost=heard.lost.set
    )
    return control, worker, heard


@pytest.mark.parametrize(
    "message",
    [
        Blueprint(generation=7, config=CONFIG, flags=FLAGS),
        Blueprint(generation=8, config=None, flags=None),
        Drain(deadline_s=1.5),
    ],
)
async def test_what_control_sends_arrives_as_it_was(message: ToWorker) -> None:
    control, worker, heard = await pair()

    control.send(message)
    await heard.wait(lambda: bool(heard.at_worker))

    assert heard.at_worker == [message]
    await control.close(1)
    await worker.close(1)


async def test_what_a_worker_sends_arrives_as_it_was_and_in_order() -> None:
    control, worker, heard = await pair()
    messages: list[ToControl] = [
        Applied(generation=7),
        Report(tallies=(TALLY,), gauges={"connections": 3}, counters={"connections_refused": 7}),
        Notice(event="exchange_failed", fields={"status": 502, "ms": 1.25}),
        Draining(),
    ]

    for message in messages:
        worker.send(message)
    await heard.wait(lambda: len(heard.at_control) == len(messages))

    assert heard.at_control == messages
    await control.close(1)
    await worker.close(1)


async def test_a_link_whose_reader_is_slow_says_that_it_is_full_and_then_that_it_has_room() -> None:
    ours, theirs = socket.socketpair()
    heard = Heard()
    control = await link.open_to_worker(
        ours, on_message=heard.hear_control, on_room=heard.room.set, on_lost=heard.lost.set
    )
    big = FlagData(version=1, ready=True, document=b"x" * 4 * link.HIGH_WATER_BYTES)

    control.send(Blueprint(generation=1, config=None, flags=big))
    was_full = control.is_full
    worker = await link.open_to_control(
        theirs, on_message=heard.hear_worker, on_room=lambda: None, on_lost=heard.lost.set
    )
    async with asyncio.timeout(10):
        await heard.room.wait()

    assert (was_full, control.is_full) == (True, False)
    await control.close(1)
    await worker.close(1)


async def test_the_other_sides_end_is_heard_even_if_it_was_killed() -> None:
    control, worker, heard = await pair()

    await worker.close(1)
    async with asyncio.timeout(10):
        await heard.lost.wait()

    assert heard.at_control == []
    await control.close(1)


async def test_closing_delivers_what_was_sent_before() -> None:
    control, worker, heard = await pair()
    reports = [Report(tallies=(TALLY,) * 50, gauges={"n": number}, counters={}) for number in range(50)]

    for report in reports:
        worker.send(report)
    await worker.close(10)
    await heard.wait(lambda: len(heard.at_control) == len(reports))

    assert heard.at_control == reports
    await control.close(1)


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x03\xc1\xc1\xc1",
        b"\x00\x00\x00\x0a\x81\xa4type\xa3Fooxx",
    ],
)
async def test_a_broken_stream_ends_the_link_and_delivers_nothing(stream: bytes) -> None:
    ours, theirs = socket.socketpair()
    heard = Heard()
    control = await link.open_to_worker(
        ours, on_message=heard.hear_control, on_room=heard.room.set, on_lost=heard.lost.set
    )

    theirs.sendall(stream)
    async with asyncio.timeout(10):
        await heard.lost.wait()

    assert heard.at_control == []
    theirs.close()
    await control.close(1)


@given(st.lists(st.integers(1, 400), max_size=30), st.integers(1, 64))
def test_messages_are_whole_however_the_stream_is_cut(sizes: list[int], cut: int) -> None:
    sent = [Notice(event="e" * size, fields={}) for size in sizes]
    heard: list[ToControl] = []
    wire = bytearray()
    receiver: Link[ToControl] = Link(
        msgspec.msgpack.Decoder(ToControl), on_message=heard.append, on_room=lambda: None, on_lost=lambda: None
    )
    for notice in sent:
        body = msgspec.msgpack.encode(notice)
        wire += len(body).to_bytes(4, "big") + body

    for start in range(0, len(wire), cut):
        receiver.data_received(bytes(wire[start : start + cut]))

    assert heard == sent
