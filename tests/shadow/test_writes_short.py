"""Sending writes on while the disk is full, memory is short or a file is damaged: nothing is lost or sent twice."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from strangler.core.divergence import Why
from strangler.shadow import writes as module
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
