"""Sending writes on while the disk is full, memory is short or a file is damaged: nothing is lost or sent twice."""

import asyncio
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
from strangler.shadow.writes import LATE_S
from tests.shadow.writing import CREATED, bench_of, full_disk
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
