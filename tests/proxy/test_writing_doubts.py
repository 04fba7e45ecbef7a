"""What a worker notes of writes when something fails half-way: never half a body as a whole one, nor the wrong side."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from strangler.core.divergence import Why
from strangler.core.model import Fallback, Side
from strangler.core.writelog import Doubted, Event
from strangler.proxy import writelog
from strangler.proxy.writelog import WriteLog
from tests.proxy.test_writing import CREATED, POST, declared, ends, moved, noted, noted_begin, noting, post
from tests.support.backend import Conversation, Received, backend, says
from tests.support.waiting import until

SLOW = b"POST /pay/7 HTTP/1.1\r\nHost: a\r\nX-User-Id: u\r\nContent-Length: 9\r\n\r\nfirst"


async def leave(_: Received, _conversation: Conversation) -> None:
    return None


async def test_bodies_are_kept_up_to_the_bound_however_many_writes_began_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writelog, "MOST_BYTES", 20_000)
    size = 8_000
    head = b"POST /pay/7 HTTP/1.1\r\nHost: a\r\nX-User-Id: u\r\nContent-Length: %d\r\n\r\n" % size
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        wires = [await running.connect() for _ in range(8)]
        for wire in wires:
            await wire.send(head)
        await until(lambda: len(noted(tmp_path)) == len(wires), what="writes that began")
        for wire in wires:
            await wire.send(b"x" * size)
            assert b"201" in (await wire.answer())[0]
        held = running.plane.writes.held if running.plane.writes is not None else 0
    writes = noted(tmp_path)
    assert {len(write.body) for write in writes if write.answered is not None and write.answered.has_body} <= {size}
    assert Why.JOURNAL_FULL in {write.answered.held for write in writes if write.answered is not None}
    files = sum(path.stat().st_size for path in (tmp_path / "writes").glob("*.log"))
    assert files == held < 20_000 + size + 8 * 500


async def test_what_a_file_takes_after_its_end_was_called_counts_as_well(tmp_path: Path) -> None:
    log = WriteLog(tmp_path, lambda _event, _fields: None)
    file, number = log.begin(noted_begin(), 0.0) or pytest.fail("not noted")
    log.sweep(writelog.FILE_S)
    file.note_piece(number, b"x" * 10_000)
    assert log.held == file.stream.path.stat().st_size > 10_000
    file.leave()
    log.close()


async def test_room_comes_back_also_after_there_was_none_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writelog, "MOST_BYTES", 2_000)
    monkeypatch.setattr(writelog, "MOST_HEADS", 2_000)
    log = WriteLog(tmp_path, lambda _event, _fields: None)
    file, number = log.begin(noted_begin(), 0.0) or pytest.fail("not noted")
    file.note_piece(number, b"x" * 5_000)
    file.leave()
    log.sweep(writelog.FILE_S)
    assert log.begin(noted_begin(), writelog.FILE_S) is None
    file.stream.path.unlink()
    log.sweep(2 * writelog.FILE_S)
    again, _ = log.begin(noted_begin(), 2 * writelog.FILE_S) or pytest.fail("no room has come back")
    again.leave()
    log.close()


async def test_a_monolith_that_hangs_up_in_place_of_a_side_that_was_not_reached_is_the_one_that_is_doubted(
    tmp_path: Path,
) -> None:
    async with backend(leave) as monolith, noting(tmp_path, monolith, moved()) as running:
        assert b"502" in await post(running)
    (write,) = noted(tmp_path)
    assert ends(write) == [Event.BEGUN, Event.DOUBTED]
    assert write.begun.primary is Side.EXTRACTED
    assert write.doubted == Doubted(has_body=True, is_instead=True)


@pytest.mark.parametrize(
    ("monolith_does", "is_of_both"),
    [(leave, True), (says(CREATED.replace(b"201 Created", b"409 Conflict")), False)],
)
async def test_what_the_extracted_side_has_and_the_monolith_does_not_answer_either_is_doubted_of_both(
    tmp_path: Path, monolith_does: Any, is_of_both: bool
) -> None:
    route = moved(fallback=Fallback.DECLARED)
    async with (
        backend(monolith_does) as monolith,
        backend(leave) as extracted,
        noting(tmp_path, monolith, route, extracted=extracted.port) as running,
    ):
        await post(running)
    (write,) = noted(tmp_path)
    assert write.doubted == Doubted(has_body=True, is_instead=False, is_of_both=is_of_both)


async def test_half_a_body_is_not_called_whole_where_a_side_failed_before_the_rest_came(tmp_path: Path) -> None:
    async def hang(_: Received, _conversation: Conversation) -> None:
        await asyncio.Event().wait()

    route = moved(fallback=Fallback.DECLARED)
    async with (
        backend(hang, on_head=True) as monolith,
        backend(leave, on_head=True) as extracted,
        noting(tmp_path, monolith, route, extracted=extracted.port) as running,
    ):
        wire = await running.connect()
        await wire.send(SLOW)
        await until(monolith.arrived.is_set, what="the monolith to be asked instead")
        wire.reset()
        await until(lambda: Event.DOUBTED in noted(tmp_path)[0].events, what="a doubt")
    (write,) = noted(tmp_path)
    assert write.body == b"first"
    assert write.doubted is not None and not write.doubted.has_body


async def test_a_client_that_leaves_after_an_early_yes_leaves_a_doubt(tmp_path: Path) -> None:
    async def say_yes_and_wait(_: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf")
        await asyncio.Event().wait()

    async with (
        backend(say_yes_and_wait, on_head=True) as monolith,
        noting(tmp_path, monolith, declared()) as running,
    ):
        wire = await running.connect()
        await wire.send((POST % b"")[:-2])
        await wire.reader.readuntil(b"201")
        wire.reset()
        await until(lambda: len(ends(noted(tmp_path)[0])) == 2)
    (write,) = noted(tmp_path)
    assert (ends(write), write.doubted) == ([Event.BEGUN, Event.DOUBTED], Doubted(has_body=False))


@pytest.mark.parametrize("status", [b"502", b"504"])
async def test_what_a_gateway_before_the_answering_side_says_leaves_a_doubt(tmp_path: Path, status: bytes) -> None:
    async with (
        backend(says(CREATED.replace(b"201", status))) as monolith,
        noting(tmp_path, monolith, declared()) as running,
    ):
        assert status in await post(running)
    (write,) = noted(tmp_path)
    assert ends(write)[-1] is Event.DOUBTED
    assert write.doubted == Doubted(has_body=True)
