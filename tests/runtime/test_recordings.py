"""Recordings between comparer and control: what is told when, and what came too late."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.shadowing import Record
from strangler.flags.data import NOT_READY
from strangler.runtime import findinglink
from strangler.runtime.findinglink import Remember, Salted, ToComparer
from strangler.runtime.recordings import Recordings
from strangler.shadow.recorder import Picked, Recorder
from strangler.vault.keyfile import KEY_FILE
from strangler.vault.vault import Vault
from tests.support.plane import config
from tests.support.recordings import offered, recording_route
from tests.support.waiting import until


@dataclass
class Both:
    """Control's end, what the comparer was told, and the truth between them."""

    recordings: Recordings
    truth: Truth
    told: list[ToComparer]

    @property
    def count(self) -> int:
        shown = self.recordings.desk.show("users")
        return 0 if shown is None else int(shown["count"])

    def record(self, record: Record | None) -> None:
        served = self.truth.config
        self.truth.replace_config(replace(served, routes=(recording_route(record),)))
        self.recordings.follow()

    async def wait_told(self, *wanted: ToComparer) -> None:
        await until(lambda: self.told == list(wanted), what=f"{wanted}, not {self.told}")


@asynccontextmanager
async def linked(folder: Path, record: Record | None, now: float = 50.0) -> AsyncIterator[Both]:
    truth = Truth(config(1, 1, recording_route(record), state_dir=str(folder)), NOT_READY)
    told: list[ToComparer] = []
    ours, theirs = socket.socketpair()
    with closing(Store(folder)) as store:
        made = Recordings(store, Vault(folder), truth, now=lambda: now)
        made.start()
        comparer = await findinglink.open_from_comparer(theirs, on_message=told.append, on_lost=lambda: None)
        link = await findinglink.open_to_comparer(ours, on_message=lambda _: None, on_lost=lambda: None)
        made.attach(link)
        try:
            yield Both(made, truth, told)
        finally:
            await link.close(1.0)
            await comparer.close(1.0)


def picked(number: int, epoch: int = 0) -> Picked:
    """Return what a comparer picks of one read."""
    recorder = Recorder()
    recorder.begin(b"salt")
    recorder.apply([recording_route(Record())], now=0.0)
    recorder.recall("users", epoch, (), now=0.0)
    recorder.take(offered(number), "equal", now=40.0)
    (news,) = recorder.news()
    return news


async def test_no_key_is_made_before_a_route_records_and_then_the_comparer_is_told_once(tmp_path: Path) -> None:
    async with linked(tmp_path, None) as both:
        assert not (tmp_path / KEY_FILE).exists()

        both.record(Record())
        both.record(Record(keep=5))

        await until(lambda: len(both.told) == 1)
        assert [type(message) for message in both.told] == [Salted]
        assert (tmp_path / KEY_FILE).exists()


async def test_a_comparer_that_starts_is_told_what_is_kept_with_the_same_secret_as_before(tmp_path: Path) -> None:
    news = picked(1)
    async with linked(tmp_path, Record()) as both:
        both.recordings.take(news)
        await until(lambda: len(both.told) == 1)
        first = both.told[0]

    async with linked(tmp_path, Record()) as both:
        assert news.kept is not None
        await both.wait_told(Remember(route="users", epoch=0, kept=(news.kept,)), first)


async def test_what_was_picked_before_the_route_was_forgotten_is_not_stored_after_it(tmp_path: Path) -> None:
    async with linked(tmp_path, Record()) as both:
        both.recordings.take(picked(1))
        forgetting = both.recordings.desk.forget("users", "over", who="test")
        assert forgetting is not None
        forgetting.carry_out()

        both.recordings.take(picked(2))
        assert both.count == 0
        both.recordings.take(picked(3, epoch=1))
        assert both.count == 1

        await until(lambda: len(both.told) == 2)
        assert both.told[1] == Remember(route="users", epoch=1, kept=())


async def test_a_route_that_stopped_recording_keeps_what_it_has_and_takes_no_more(tmp_path: Path) -> None:
    async with linked(tmp_path, Record()) as both:
        both.recordings.take(picked(1))
        both.record(None)

        both.recordings.take(picked(2))

        assert both.count == 1


async def test_a_comparer_is_told_again_what_is_kept_when_what_it_picked_could_not_be_stored(tmp_path: Path) -> None:
    news = picked(1)
    async with linked(tmp_path, Record()) as both:
        both.recordings.take(news)
        (tmp_path / KEY_FILE).chmod(0o644)

        both.recordings.take(picked(2))

        assert both.count == 1
        assert news.kept is not None
        await until(lambda: len(both.told) == 2)
        assert both.told[1] == Remember(route="users", epoch=0, kept=(news.kept,))


async def test_what_was_kept_long_enough_is_gone_after_a_start(tmp_path: Path) -> None:
    async with linked(tmp_path, Record(for_s=60.0)) as both:
        both.recordings.take(picked(1))
        assert both.count == 1

    async with linked(tmp_path, Record(for_s=60.0), now=99.9) as both:
        assert both.count == 1

    async with linked(tmp_path, None, now=100.0) as both:
        assert both.count == 0
