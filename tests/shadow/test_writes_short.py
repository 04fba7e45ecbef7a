"""Sending writes on while the disk is full, memory is short or a file is damaged: nothing is lost or sent twice."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.client_proto import ResponseHandler

from strangler.core.divergence import Why
from strangler.core.writelog import FOLDER
from strangler.shadow import writes as module
from strangler.shadow.room import Room
from strangler.shadow.writefile import Entry
from strangler.shadow.writes import LATE_S, Writes
from strangler.vault.stream import Record, StreamReader
from tests.shadow.writing import CREATED, Bench, bench_of, full_disk
from tests.support.backend import Conversation, Received, backend, says
from tests.support.waiting import until


async def test_what_came_too_late_waits_for_room_on_the_disk_and_is_told_once_and_never_sent(
    tmp_path: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(waited_s=LATE_S + 40)
        bench.writes.look()
        with full_disk():
            await until(lambda: "write_not_marked" in caplog.messages, what="an attempt without room")
            assert bench.told == []
        await bench.until_idle()
        bench.write()
        await bench.until_idle()
    assert [one.why for one in bench.told] == [Why.LATE]
    assert len(extracted.received) == 1


@pytest.mark.parametrize(("status", "told"), [(b"201", []), (b"409", [Why.STATUS])])
async def test_what_was_sent_and_cannot_be_marked_is_told_and_never_sent_again(
    tmp_path: Path, status: bytes, told: list[Why]
) -> None:
    release = asyncio.Event()

    async def script(_: Received, __: Conversation) -> bytes:
        await release.wait()
        return CREATED.replace(b"201", status)

    async with backend(script) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        bench.keeps = False
        bench.writes.look()
        await until(lambda: len(extracted.received) == 1, what="the write to have left")
        with full_disk():
            release.set()

            def is_told() -> bool:
                bench.writes.look()
                return bench.writes.gauges()["writes_waiting"] == 0

            await until(is_told, what="its end")
            bench.writes.look()
            assert {one.why for one in bench.told} == set(told)
    async with backend(says(CREATED)) as extracted_again, bench_of(tmp_path, extracted_again) as after:
        await after.until_idle()
    assert [one.why for one in after.told] == [Why.COMPARER_ENDED]
    assert len(extracted.received) == 1
    assert not extracted_again.received


def short_of_memory(monkeypatch: Any, owner: type, name: str, *, times: int) -> None:
    """Let a method raise MemoryError. Because memory that is really short ends the test itself, it is pretended."""
    whole, left = getattr(owner, name), [times]

    def method(*given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise MemoryError
        return whole(*given)

    monkeypatch.setattr(owner, name, method)


async def test_a_write_that_finds_no_memory_before_it_has_left_waits_and_is_sent_once(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    short_of_memory(monkeypatch, Entry, "body", times=3)
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        bench.write()
        await bench.until_idle()
        assert bench.writes.take_counts() == {"pay": 2}
    assert bench.told == []
    assert len(extracted.received) == 2


async def test_memory_that_ends_after_a_write_has_left_makes_a_doubt_and_no_second_write(
    tmp_path: Path, monkeypatch: Any
) -> None:
    whole, is_short = ResponseHandler.read, [True]

    async def read(connection: ResponseHandler) -> Any:
        await until(lambda: bool(extracted.received), what="the write to have arrived")
        if is_short:
            is_short.clear()
            raise MemoryError
        return await whole(connection)

    # Because memory that is really short ends the test itself, it is pretended.
    monkeypatch.setattr(ResponseHandler, "read", read)
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        await bench.until_idle()
        bench.write()
        await bench.until_idle()
    assert [one.why for one in bench.told] == [Why.BROKE_OFF]
    assert len(extracted.received) == 2


async def test_notes_that_find_no_memory_are_read_again_in_their_order(
    tmp_path: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    read, left = StreamReader.read, [3]

    def some(self: StreamReader, most_bytes: int) -> Iterator[Record]:
        """Yield what the first notes are, and then find no memory for the next one."""
        for number, record in enumerate(read(self, most_bytes)):
            if left[0] and number == left[0] - 1:
                left[0] -= 1
                raise MemoryError
            yield record

    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        for number in range(3):
            bench.write(b"%d" % number, connection=7)
        bench.log.close()
        monkeypatch.setattr(StreamReader, "read", some)
        for _ in range(3):
            bench.writes.look()
            assert bench.writes.gauges()["writes_files"] == 1
        short_of_memory(monkeypatch, Entry, "begun", times=1)
        bench.writes.look()
        assert bench.writes.gauges()["writes_waiting"] == 3
        assert left == [0]
        assert caplog.messages.count("write_short_of_memory") == 1
        await bench.until_idle()
        await until(lambda: len(extracted.received) == 3, what="all of them")
    assert bench.told == []
    assert [one.body for one in extracted.received] == [b"0", b"1", b"2"]


async def test_so_many_files_are_open_and_the_others_have_their_turn(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.writes = Writes(bench.tell, most_files=2)
        bench.writes.apply(bench.config, is_killed=False)
        bench.keeps = False
        for _ in range(5):
            bench.write(held=Why.MARKED)
            bench.log.close()
        bench.writes.look()
        bench.writes.look()
        assert bench.writes.gauges()["writes_files"] == 2
        bench.keeps = True
        bench.writes.kept([one.id for one in bench.told])
        await until_told(bench, 5)
        await bench.writes.end()
    assert {one.why for one in bench.told} == {Why.MARKED}


async def until_told(bench: Bench, count: int) -> None:
    """Look until so many writes are told, and their files have gone."""

    def is_told() -> bool:
        bench.writes.look()
        return len({one.id for one in bench.told}) == count and not bench.writes.gauges()["writes_files"]

    await until(is_told, what="all to be told")


async def test_what_killed_processes_left_half_made_is_deleted_by_the_next_comparer(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    names = ("0-1.a.log.draft", "0-2.a.log.draft", "0-3.a.log.draft", "0-4.a.marks", "0-5.a.log", "0-5.a.marks")
    for name in names:
        (folder / name).write_bytes(b"")
    os.utime(folder / names[0], (1.0, 1.0))
    os.utime(folder / names[1], (1.0, 1.0))
    with (folder / names[1]).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        async with bench_of(tmp_path, 1):
            pass
    assert sorted(path.name for path in folder.iterdir()) == [*names[1:3], *names[4:]]


async def test_divergences_that_find_no_memory_are_told_later(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "TELL_AGAIN_S", 0.01)
    short_of_memory(monkeypatch, Entry, "body", times=1)
    async with bench_of(tmp_path, 1) as bench:
        bench.write(held=Why.MARKED)
        await bench.until_idle()
        assert bench.writes.gauges()["writes_unreadable"] == 0
    assert [one.why for one in bench.told] == [Why.MARKED]


async def test_bodies_of_writes_under_way_have_a_bound_together_and_the_largest_goes_alone(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "Room", lambda: Room(3_000))
    release = asyncio.Event()

    async def script(_: Received, __: Conversation) -> bytes:
        await release.wait()
        return CREATED

    async with backend(script) as extracted, bench_of(tmp_path, extracted) as bench:
        for size in (1_000, 1_000, 1_000, 9_000, 1_000):
            bench.write(b"x" * size)
        bench.writes.look()
        await until(lambda: len(extracted.received) == 2, what="as many as there is room for")
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(extracted.received) == 2
        release.set()
        await bench.until_idle()
    assert bench.told == []
    assert sorted(len(one.body) for one in extracted.received) == [1_000, 1_000, 1_000, 1_000, 9_000]


async def test_files_that_cannot_be_read_are_counted_for_as_long_as_they_are_there(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        (tmp_path / FOLDER).mkdir()
        damaged = tmp_path / FOLDER / "0-1.a.log"
        damaged.write_bytes(b"nonsense")
        bench.write(held=Why.MARKED)
        await bench.until_idle()
        (whole,) = (path for path in (tmp_path / FOLDER).glob("*.log") if path != damaged)
        assert bench.writes.gauges()["writes_unreadable"] == 1
        bench.write()
        content = bytearray(whole.read_bytes())
        content[-30] ^= 1
        whole.write_bytes(content)
        bench.writes.look()
        assert bench.writes.gauges()["writes_unreadable"] == 2
        damaged.unlink()
        bench.writes.look()
        assert bench.writes.gauges()["writes_unreadable"] == 1


async def test_the_client_of_an_upstream_that_changed_goes_with_the_last_write_that_is_under_way(
    tmp_path: Path,
) -> None:
    release = asyncio.Event()

    async def script(_: Received, __: Conversation) -> bytes:
        await release.wait()
        return CREATED

    async with backend(script) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        bench.writes.look()
        await until(lambda: len(extracted.received) == 1, what="the write to have left")
        upstreams = bench.config.upstreams
        for resolve_s in (7.0, 8.0, 9.0):
            changed = tuple(replace(one, resolve_s=resolve_s) for one in upstreams)
            bench.writes.apply(replace(bench.config, upstreams=changed), is_killed=False)
            await bench.writes.tidy()
            assert bench.writes.gauges()["writes_clients"] == len(upstreams) + 1
        release.set()
        await bench.until_idle()
        await bench.writes.tidy()
        assert bench.writes.gauges()["writes_clients"] == len(upstreams)
        assert bench.writes.take_counts() == {"pay": 1}
