"""The file source: every way that a file changes is noticed, and a bad one changes nothing."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from strangler.flags.file import LOOK_S, MAX_FAULTS, SETTLE_S, FileSource
from strangler.flags.source import SourceState
from tests.support.flags import Told, flags_of, percent_flag, wait_until
from tests.support.logs import said

Start = Callable[[Path], tuple[FileSource, Told]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start sources that are closed after the test."""
    sources = []

    def begin(path: Path) -> tuple[FileSource, Told]:
        told = Told()
        sources.append(FileSource(path, loop=asyncio.get_running_loop(), on_change=told))
        sources[-1].start()
        return sources[-1], told

    yield begin
    for source in sources:
        await source.close()


def content(share_bp: int) -> str:
    return json.dumps({"flags": {"f": percent_flag("f", share_bp)}})


def share_of(flag: dict[str, dict[str, dict[str, list[dict[str, int]]]]]) -> int:
    return flag["fallthrough"]["rollout"]["variations"][1]["weight"] // 10


async def test_what_the_file_says_is_there_on_start(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(content(100))

    source, _ = start(path)

    assert (source.data().version, share_of(flags_of(source.data())["f"])) == (1, 100)
    assert source.status().state is SourceState.READY


async def test_an_atomic_rename_is_noticed(start: Start, tmp_path: Path) -> None:
    path, fresh = tmp_path / "flags.json", tmp_path / "fresh"
    path.write_text(content(100))
    _, told = start(path)

    for share_bp in (200, 300):
        fresh.write_text(content(share_bp))
        fresh.replace(path)
        data = await told.next()

        assert share_of(flags_of(data)["f"]) == share_bp


async def test_a_configmaps_change_of_symlink_is_noticed_every_time(start: Start, tmp_path: Path) -> None:
    for name, share_bp in (("first", 100), ("second", 200), ("third", 300)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags.json").write_text(content(share_bp))
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "flags.json").symlink_to("..data/flags.json")
    _, told = start(tmp_path / "flags.json")

    for name, share_bp in (("second", 200), ("third", 300), ("first", 100)):
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        data = await told.next()

        assert share_of(flags_of(data)["f"]) == share_bp


async def test_a_write_in_place_is_noticed(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(content(100))
    _, told = start(path)

    path.write_text(content(200))

    assert share_of(flags_of(await told.next())["f"]) == 200


async def test_a_bad_file_keeps_the_last_good_one_and_says_where_it_is_wrong(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(content(100))
    source, told = start(path)
    good = source.data()

    path.write_text('{"flags": {\n')

    await wait_until(lambda: source.status().state is SourceState.INVALID)
    assert source.data() is good
    assert told.is_empty()
    assert source.status().detail.startswith(f"{path}:2: not valid JSON")


async def test_a_mended_file_is_served_again(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text("{")
    source, told = start(path)
    assert (source.status().state, source.data().ready) == (SourceState.INVALID, False)

    path.write_text(content(100))

    assert (await told.next()).ready
    assert source.status().state is SourceState.READY


async def test_a_mended_file_that_says_what_is_served_is_no_change(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(content(100))
    source, told = start(path)
    path.write_text("{")
    await wait_until(lambda: source.status().state is SourceState.INVALID)

    path.write_text(content(100))

    await wait_until(lambda: source.status().state is SourceState.READY)
    assert told.is_empty()


async def test_a_file_that_is_missing_at_first_is_picked_up(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    source, told = start(path)
    assert (source.status().state, source.data().ready) == (SourceState.UNREACHABLE, False)

    path.write_text(content(100))

    assert (await told.next()).ready


async def test_a_file_that_is_gone_serves_on(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(content(100))
    source, told = start(path)

    path.unlink()

    await wait_until(lambda: source.status().state is SourceState.STALE)
    assert (source.data().version, told.is_empty()) == (1, True)


async def test_a_missing_file_is_said_once(start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="strangler.flags")
    other = tmp_path / "other.json"
    other.write_text(content(100))
    start(tmp_path / "flags.json")
    _, told = start(other)

    # Because both look at the same pace, three changes of the other take at least three looks at the missing one.
    for share_bp in (200, 300, 400):
        other.write_text(content(share_bp))
        await told.next()

    lines = said(caplog.records)
    assert [level for level, _, fields in lines if fields["source"].endswith("flags.json")] == ["warning"]


async def test_a_write_that_keeps_size_and_times_is_noticed(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(content(100))
    before = path.stat()
    _, told = start(path)

    path.write_text(content(200))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert path.stat().st_size == before.st_size
    assert share_of(flags_of(await told.next())["f"]) == 200


async def test_thousands_of_faults_are_told_shortly(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps({"flags": {f"f{number}": {"on": 1} for number in range(2_000)}}))

    source, _ = start(path)

    lines = source.status().detail.splitlines()
    assert source.status().state is SourceState.INVALID
    assert len(lines) == MAX_FAULTS + 1
    assert "more; `strangler check` lists them" in lines[-1]


async def test_the_loop_goes_on_while_a_file_is_read(start: Start, tmp_path: Path) -> None:
    path, pipe = tmp_path / "flags.json", tmp_path / "pipe"
    path.write_text(content(100))
    source, told = start(path)

    # Because a pipe is read as slowly as the test writes, the reading takes as long as there is something to see.
    os.mkfifo(pipe)
    pipe.replace(path)
    writer = await asyncio.to_thread(path.open, "w")
    served_meanwhile = source.data()
    writer.write(content(200))
    writer.close()

    assert share_of(flags_of(await told.next())["f"]) == 200
    assert share_of(flags_of(served_meanwhile)["f"]) == 100


async def test_a_file_that_is_closed_while_it_is_read_tells_nothing(tmp_path: Path) -> None:
    path, told = tmp_path / "flags.json", Told()
    path.write_text("{}")
    source = FileSource(path, loop=asyncio.get_running_loop(), on_change=told)
    source.start()
    path.write_text(json.dumps({"flags": {f"f{number}": percent_flag(f"f{number}", 1) for number in range(2_000)}}))
    await wait_until(lambda: source._reading is not None)

    await source.close()

    assert told.is_empty()
    assert not source.data().ready


class Steps:
    """A loop whose timers fire when the test says so, and whose threads are done at once."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self._look: Callable[[], None] = lambda: None

    def call_later(self, delay_s: float, look: Callable[[], None]) -> asyncio.TimerHandle:
        self.delay_s, self._look = delay_s, look
        return asyncio.get_running_loop().call_later(60, lambda: None)

    def run_in_executor(self, _: None, read: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        done = asyncio.get_running_loop().create_future()
        done.set_result(read(*arguments))
        return done

    async def step(self) -> float:
        """Let the time pass until the next look; return how long that look waits for the one after."""
        self._look()
        await asyncio.sleep(0)
        return self.delay_s


async def test_a_file_that_still_grows_is_not_read_before_it_is_at_rest(tmp_path: Path) -> None:
    path, loop, told = tmp_path / "flags.json", Steps(), Told()
    path.write_text(content(100))
    source = FileSource(path, loop=cast(asyncio.AbstractEventLoop, loop), on_change=told)
    source.start()
    states = []

    for text in ("{", '{"flags"', '{"flags": {'):
        path.write_text(text)
        assert await loop.step() == SETTLE_S
        states.append(source.status().state)
    path.write_text(content(200))
    assert await loop.step() == SETTLE_S
    assert await loop.step() == LOOK_S
    await source.close()

    assert states == [SourceState.READY] * 3
    assert share_of(flags_of(await told.next())["f"]) == 200
