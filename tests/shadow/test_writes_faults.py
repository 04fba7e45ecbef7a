"""Sending writes on while the comparer's own ground gives way: a full disk, damage, far too many that wait."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from strangler.core.divergence import Why
from strangler.core.model import Side
from strangler.core.writelog import FOLDER, Doubted, Event, pack_doubted
from strangler.shadow import writes as module
from strangler.shadow.marks import Marks
from strangler.shadow.sender import MOST_AT_ONCE
from tests.shadow.writing import CREATED, bench_of
from tests.support.backend import Conversation, Received, backend, says


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Return what says whether the disk has no room for a mark."""
    state = {"is_full": False}
    add = Marks.add

    def add_if_room(self: Marks, *given: object) -> None:
        if state["is_full"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Marks, "add", add_if_room)
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    return state


async def test_a_full_disk_keeps_no_file_from_being_read_on(tmp_path: Path, disk: dict[str, bool]) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.writes.look()
        disk["is_full"] = True
        bench.write(held=Why.MARKED)
        bench.writes.look()
        disk["is_full"] = False
        bench.write()
        await bench.until_idle()
    assert {one.why for one in bench.told} == {Why.MARKED}
    assert len({one.id for one in bench.told}) == 1
    assert len(extracted.received) == 1


async def test_a_disk_that_fills_while_a_write_is_under_way_ends_no_comparer_and_sends_nothing_twice(
    tmp_path: Path, disk: dict[str, bool]
) -> None:
    async def fill(_: Received, _conversation: Conversation) -> bytes:
        disk["is_full"] = True
        return CREATED

    async with backend(fill) as extracted:
        async with bench_of(tmp_path, extracted) as bench:
            bench.write()
            await bench.until_idle()
            assert bench.writes.take_counts() == {"pay": 1}
        disk["is_full"] = False
        bench.log.close()
        async with bench_of(tmp_path, extracted) as after:
            await after.until_idle()
    assert len(extracted.received) == 1
    assert [one.why for one in after.told] == [Why.COMPARER_ENDED]


async def test_a_file_that_could_not_be_opened_is_read_once_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TELL_AGAIN_S", 0.0)
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        keys = tmp_path / "vault.keys"
        keys.rename(tmp_path / "away")
        bench.writes.look()
        assert bench.writes.gauges()["writes_files"] == 0
        (tmp_path / "away").rename(keys)
        await bench.until_idle()
    assert len(extracted.received) == 1


@pytest.mark.parametrize("damage", [bytes(16), b"\x00\x00\x00\x01\x02\x63\x00\x00"])
async def test_marks_that_nobody_made_are_told_and_keep_no_other_file_back(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        (damaged,) = (tmp_path / FOLDER).glob("*.log")
        damaged.with_suffix(".marks").write_bytes(damage)
        bench.log.close()
        bench.write(b"other")
        await bench.until_idle()
        bench.writes.look()
    assert [received.body for received in extracted.received] == [b"other"]
    assert [record.message for record in caplog.records].count("writes_unreadable") == 1


async def test_thousands_that_wait_for_a_side_leave_everybody_else_a_turn(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        for number in range(300):
            bench.write(connection=number)
        bench.writes.look()
        handled = 0
        handle = bench.writes._handle

        async def count(entry: object) -> None:
            nonlocal handled
            handled += 1
            await handle(entry)  # type: ignore[arg-type]

        bench.writes._handle = count  # type: ignore[method-assign]
        most, before = 0, 0
        while handled < 300:
            await asyncio.sleep(0)
            most, before = max(most, handled - before), handled
    assert most <= MOST_AT_ONCE


@pytest.mark.parametrize("given", [b"k1", b'"k1"'])
async def test_a_fallback_is_repaired_with_the_key_that_the_side_which_failed_was_sent(
    tmp_path: Path, given: bytes
) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(primary=Side.EXTRACTED, held=Why.FALLBACK, is_instead=True, key=given)
        await bench.until_idle()
        assert await bench.writes.repair(bench.content(bench.told[0]), ()) is None
    assert extracted.received[0].values(b"Idempotency-Key") == [given]


async def test_a_monolith_that_was_asked_instead_and_did_not_answer_is_the_one_to_look_at(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        for doubted in (Doubted(has_body=True, is_instead=True), Doubted(has_body=True, is_of_both=True)):
            file, number = bench.begin(primary=Side.EXTRACTED)
            file.note(Event.DOUBTED, number, pack_doubted(doubted))
            file.leave()
        await bench.until_idle()
    assert [(one.why, one.primary) for one in bench.told] == [
        (Why.NO_ANSWER, Side.LEGACY),
        (Why.NEITHER, Side.EXTRACTED),
    ]
