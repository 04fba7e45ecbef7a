"""Order and ends: what shares a lane goes in its order, and whoever ends in between loses nothing unseen."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from strangler.core.divergence import DivergenceKind, Why
from strangler.core.writelog import FOLDER, Doubted, Event, pack_doubted
from strangler.proxy.writelog import WriteLog
from tests.shadow.writing import CREATED, Bench, again, bench_of, comparing
from tests.support.backend import Conversation, Received, Script, backend, says
from tests.support.waiting import until


async def test_a_comparer_that_ended_while_it_sent_leaves_a_doubt_and_the_next_one_sends_nothing_again(
    tmp_path: Path,
) -> None:
    async def hang(_: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)

    async with backend(hang) as extracted:
        async with bench_of(tmp_path, extracted, timeout_s=60.0) as bench:
            bench.write()
            bench.writes.look()
            await asyncio.wait_for(extracted.arrived.wait(), 10)
        await again(bench)
        async with comparing(bench):
            await bench.until_idle()
    assert [(one.why, one.kind) for one in bench.told] == [(Why.COMPARER_ENDED, DivergenceKind.UNKNOWN)]
    assert len(extracted.received) == 1


async def test_what_was_not_sent_yet_is_sent_by_the_next_comparer(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted:
        async with bench_of(tmp_path, extracted) as bench:
            bench.write()
        await again(bench)
        async with comparing(bench):
            await bench.until_idle()
        await again(bench)
        async with comparing(bench):
            await bench.until_idle()
    assert len(extracted.received) == 1
    assert bench.told == []


async def test_a_divergence_is_told_until_it_is_kept_over_comparers_and_not_after(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        bench.keeps = False
        bench.write(held=Why.KILLED)
        bench.writes.look()
    await again(bench)
    bench.writes.look()
    bench.keeps = True
    await bench.writes.end()
    await again(bench)
    bench.writes.look()
    await bench.writes.end()
    await again(bench)
    bench.writes.look()
    await bench.writes.end()
    assert len(bench.told) == 3
    assert len({one.id for one in bench.told}) == 1


async def test_writes_of_a_worker_that_ended_are_told_as_unknown_once_and_its_file_goes(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        file, number = bench.begin()
        file.note(Event.PIECE, number, b"half")
        void, other = bench.begin()
        void.note(Event.VOID, other)
        void.leave()
        bench.writes.look()
        assert bench.told == []
        os.close(file.stream._file)  # As a kill does.
        await bench.until_idle()
        bench.writes.look()
        assert list((tmp_path / FOLDER).iterdir()) == []
    (listed,) = bench.told
    assert (listed.why, listed.kind) == (Why.WORKER_ENDED, DivergenceKind.UNKNOWN)
    assert not bench.content(listed).has_body


async def test_an_answer_that_never_came_whole_is_told_with_the_whole_request(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        file, number = bench.begin()
        file.note(Event.PIECE, number, b"body")
        file.note(Event.DOUBTED, number, pack_doubted(Doubted(has_body=True)))
        file.leave()
        await bench.until_idle()
    (listed,) = bench.told
    assert (listed.why, bench.content(listed).body) == (Why.NO_ANSWER, b"body")


async def test_two_comparers_at_once_send_a_write_once(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        first = bench.writes
        bench.write()
        first.look()
        second = await again(bench)
        async with comparing(bench):
            for _ in range(20):
                second.look()
                await asyncio.sleep(0)
            await until(lambda: len(extracted.received) == 1)
            assert second.gauges()["writes_files"] == 0
        bench.writes = first
    assert len(extracted.received) == 1


async def test_a_damaged_file_is_told_left_where_it_is_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        (tmp_path / FOLDER).mkdir()
        damaged = tmp_path / FOLDER / "0-1.a.log"
        damaged.write_bytes(b"nonsense")
        bench.write()
        await bench.until_idle()
        assert damaged.exists()
    assert len(extracted.received) == 1
    assert "writes_unreadable" in caplog.text


async def test_the_list_shows_no_query_and_nothing_that_looks_secret(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        bench.write(held=Why.KILLED, target=b"/pay/4111111111111111?token=s3cret", request_id=b"a@example.org")
        await bench.until_idle()
    (listed,) = bench.told
    assert (listed.path, listed.request_id) == ("/pay/[card]", "[email]")
    assert b"4111111111111111" not in listed.sealed


def answers_later(gates: dict[bytes, asyncio.Event]) -> Script:
    async def script(received: Received, _: Conversation) -> bytes:
        if received.body in gates:
            await gates[received.body].wait()
        return CREATED

    return script


@pytest.mark.parametrize(
    ("one", "other", "is_ordered"),
    [
        ({"connection": 1}, {"connection": 1}, True),
        ({"key": b"k"}, {"key": b"k"}, True),
        ({"method": b"PUT"}, {"method": b"PATCH"}, True),
        ({"method": b"PUT"}, {"method": b"DELETE", "target": b"/pay/%37"}, True),
        ({"method": b"PUT"}, {"method": b"PUT", "target": b"/pay/8"}, False),
        ({}, {}, False),
    ],
)
async def test_what_shares_connection_key_or_place_goes_one_after_the_other(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], is_ordered: bool
) -> None:
    gates = {b"first": asyncio.Event()}
    async with backend(answers_later(gates)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(b"first", **one)
        bench.write(b"second", **other)
        bench.writes.look()
        await asyncio.wait_for(extracted.arrived.wait(), 10)
        if is_ordered:
            bench.writes.look()
            assert [received.body for received in extracted.received] == [b"first"]
        else:
            await until(lambda: len(extracted.received) == 2)
        gates[b"first"].set()
        await bench.until_idle()
    assert sorted(received.body for received in extracted.received) == [b"first", b"second"]


async def test_what_was_answered_after_a_look_began_waits_for_the_next_and_workers_are_merged_by_time(
    tmp_path: Path,
) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        other = Bench(tmp_path, bench.config, WriteLog(tmp_path, lambda *_: None), bench.writes)
        other.write(b"first", waited_s=0.3, method=b"PUT")
        bench.write(b"second", waited_s=0.2, method=b"PUT")
        other.write(b"third", waited_s=0.1, method=b"PUT")
        bench.write(b"fourth", waited_s=-3.0, method=b"PUT")
        for _ in range(30):
            bench.writes.look()
            await asyncio.sleep(0)
        await until(lambda: len(extracted.received) == 3)
        assert bench.writes.gauges()["writes_waiting"] >= 1
    assert [received.body for received in extracted.received] == [b"first", b"second", b"third"]
