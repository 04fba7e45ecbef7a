"""The supervisor when things go wrong that no user can make go wrong on demand; real workers in it."""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from strangler.control.truth import Truth
from strangler.core.model import Config
from strangler.flags.data import FlagData
from strangler.runtime import handover, link, supervisor
from strangler.runtime.body import worker_process
from strangler.runtime.logs import LogFormat
from strangler.runtime.member import SILENT_S, Phase
from strangler.runtime.supervisor import HUNG_S, Supervisor
from tests.runtime.test_member import Audience
from tests.support.waiting import until

FLAGS = FlagData(version=1, ready=True, document=b'{"flags":{},"segments":{}}')


def truth_in(folder: Path) -> Truth:
    return Truth(Config(upstreams=(), default_upstream="monolith", state_dir=str(folder)), FLAGS)


def children() -> set[int]:
    """Return this process's children, those among them that ended and were not waited for."""
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


@asynccontextmanager
async def supervised(
    listener: socket.socket, truth: Truth, *, workers: int = 1
) -> AsyncIterator[tuple[Supervisor, Audience]]:
    audience = Audience()
    made = Supervisor((listener,), workers=workers, truth=truth, log_format=LogFormat.JSON, audience=audience)
    made.start()
    try:
        yield made, audience
    finally:
        async with asyncio.timeout(30):
            await made.stop(5)
        listener.close()


@pytest.mark.parametrize("workers", [0, 1])
async def test_a_worker_that_cannot_be_started_is_tried_again_and_a_stop_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_MAX_S", 0.0)
    monkeypatch.setattr(supervisor, "BACKOFF_FIRST_S", 0.0)
    before = children()
    closed = listening()
    closed.close()

    async with supervised(closed, truth_in(tmp_path), workers=workers) as (made, _):
        await until(lambda: made.restarts >= 2, what="it is tried again")

    assert made.members == ()
    assert children() == before


async def test_a_worker_whose_end_cannot_be_waited_for_is_killed_replaced_and_no_obstacle_to_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_gone = handover.wait_gone

    async def refused(pidfd: int, deadline_s: float | None) -> bool:
        monkeypatch.setattr(handover, "wait_gone", wait_gone)
        raise OSError(errno.EBADF, "no such descriptor")

    before = children()
    # Because no user can make this system call fail on demand; from the second worker on it works again.
    monkeypatch.setattr(handover, "wait_gone", refused)

    async with supervised(listening(), truth_in(tmp_path)) as (made, _):
        await until(lambda: made.serving() == 1, deadline_s=30, what="the replacement serves")
        restarts = made.restarts

    assert restarts == 1
    assert made.members == ()
    assert children() == before


async def test_a_worker_that_cannot_be_watched_is_not_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(pid: int, flags: int = 0) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    before = children()
    ours, theirs = socket.socketpair()
    # Because no user can make this system call fail on demand.
    monkeypatch.setattr(os, "pidfd_open", short)

    with ours, theirs, listening() as listener, pytest.raises(OSError, match="too many"):
        worker_process(theirs, (listener,), index=0, log_format=LogFormat.JSON)

    assert children() == before


async def test_a_truth_that_is_too_large_to_send_is_told_and_the_worker_serves_on_with_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    truth = truth_in(tmp_path)
    async with supervised(listening(), truth, workers=0) as (made, _):
        truth.watch(made.publish)
        await until(lambda: made.serving() == 1)
        monkeypatch.setattr(link, "MAX_MESSAGE_BYTES", 10_000)

        truth.replace_flags(FlagData(version=2, ready=True, document=FLAGS.document + b" " * 20_000))
        (lack,) = made.lacks()
        truth.replace_flags(FlagData(version=3, ready=True, document=FLAGS.document))
        await until(lambda: made.lacks() == (), what="what has room is served")

    assert lack == "worker 0 serves generation 1, not the newest"
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["blueprint_not_sent"]


async def test_a_worker_that_hangs_is_silent_after_10_s_and_killed_and_replaced_after_30(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(listening(), truth_in(tmp_path)) as (made, _):
        await until(lambda: made.serving() == 1, deadline_s=30)
        (hung,) = made.members
        os.kill(hung.pid, signal.SIGSTOP)
        # Because what it said before it was stopped may still be on its way, time is moved again until it holds.

        def is_silent() -> bool:
            hung.heard_at = asyncio.get_running_loop().time() - SILENT_S - 1
            return bool(made.lacks())

        await until(is_silent)
        lack, well = made.lacks(), made.is_well()
        start = hung.heard_at
        for second in range(int(SILENT_S), int(HUNG_S) + 1):
            made.look(start + second)
        phase_at_30 = hung.phase
        made.look(start + HUNG_S + 1)
        await until(lambda: made.serving() == 1 and hung not in made.members, deadline_s=30, what="replaced")
        restarts = made.restarts

    assert lack[0].startswith("worker 0 has said nothing for 11 s")
    assert not well
    assert phase_at_30 is Phase.SERVING
    assert [record.getMessage() for record in caplog.records].count("worker_hung") == 1
    assert restarts == 1


async def test_when_control_itself_was_held_up_no_worker_is_blamed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(listening(), truth_in(tmp_path), workers=0) as (made, _):
        await until(lambda: made.serving() == 1)
        now = asyncio.get_running_loop().time()

        made.look(now)
        made.look(now + 3_600)
        (member,) = made.members
        heard_at = member.heard_at

    assert heard_at == now + 3_600
    assert "worker_hung" not in [record.getMessage() for record in caplog.records]
