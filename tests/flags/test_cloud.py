"""LaunchDarkly: followed while it is there, served from memory or disk while it is not."""

import asyncio
import gc
import json
import logging
import threading
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from strangler.control.store import Store
from strangler.errors import StoreError
from strangler.flags.cloud import CloudSource, Service
from strangler.flags.source import SourceState
from tests.support.flags import DEADLINE_S, Told, flags_of, percent_flag, wait_until
from tests.support.launchdarkly import LaunchDarkly
from tests.support.logs import said

KEY = "sdk-0123-very-secret"


@pytest.fixture
async def service() -> AsyncIterator[LaunchDarkly]:
    service = LaunchDarkly()
    yield service
    await service.close()


@asynccontextmanager
async def running(service: LaunchDarkly, state_dir: Path, key: str = KEY) -> AsyncIterator[tuple[CloudSource, Told]]:
    store, told = Store(state_dir), Told()
    source = CloudSource(
        Service(sdk_key=key, base_uri=service.url, stream_uri=service.url),
        cache=store,
        loop=asyncio.get_running_loop(),
        on_change=told,
        reconnect_s=0.05,
    )
    source.start()
    try:
        yield source, told
    finally:
        await source.close()
        store.close()
        await asyncio.to_thread(_clear_up_after_the_sdk)


def _clear_up_after_the_sdk() -> None:
    """Wait for the SDK's thread, and collect the sockets of refused streams, which it leaves to the collector."""
    for thread in threading.enumerate():
        if thread.name.startswith("ldclient"):
            thread.join(DEADLINE_S)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def test_everything_is_there_once_the_stream_is(service: LaunchDarkly, tmp_path: Path) -> None:
    flag, segment = percent_flag("f", 100), {"key": "staff", "version": 1, "included": ["ann"]}
    service.put(flag, segments=(segment,))
    await service.up()

    async with running(service, tmp_path) as (source, told):
        data = await told.next()

        assert (data.version, data.ready) == (1, True)
        assert data.document == (
            b'{"flags":{"f":' + _compact(flag) + b'},"segments":{"staff":' + _compact(segment) + b"}}"
        )
        assert source.status().state is SourceState.READY


async def test_a_patch_is_told_as_the_next_version(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100), percent_flag("g", 100))
    await service.up()

    async with running(service, tmp_path) as (_, told):
        await told.next()
        service.patch(percent_flag("f", 200, version=2))
        data = await told.next()

        assert data.version == 2
        assert flags_of(data) == {"f": percent_flag("f", 200, version=2), "g": percent_flag("g", 100)}


async def test_a_deleted_flag_is_gone(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100), percent_flag("g", 100))
    await service.up()

    async with running(service, tmp_path) as (_, told):
        await told.next()
        service.delete("f", version=2)
        data = await told.next()

        assert flags_of(data).keys() == {"g"}


async def test_a_patch_that_comes_late_changes_nothing(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100, version=5))
    await service.up()

    async with running(service, tmp_path) as (_, told):
        await told.next()
        service.patch(percent_flag("f", 900, version=4))
        service.patch(percent_flag("g", 100))
        data = await told.next()

        assert flags_of(data)["f"] == percent_flag("f", 100, version=5)


async def test_a_first_start_without_the_service_waits_for_it_and_says_so_once(
    service: LaunchDarkly, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.status = 503
    await service.up()

    async with running(service, tmp_path) as (source, told):
        await wait_until(lambda: len(service.paths) >= 3)
        before = (source.data().ready, source.status().state)
        service.status = 200
        service.put(percent_flag("f", 100))
        data = await told.next()

        assert before == (False, SourceState.UNREACHABLE)
        assert flags_of(data) == {"f": percent_flag("f", 100)}
        assert [record for record in caplog.records if record.name.startswith("ldclient")] == []
        assert [(level, fields["state"], fields["detail"]) for level, _, fields in said(caplog.records)] == [
            (
                "warning",
                "unreachable",
                f"{service.url} (HTTP 503); routes with a flag stay on the monolith until it answers",
            ),
            ("info", "ready", ""),
        ]


async def test_a_service_that_refuses_connections_at_first_is_picked_up(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100))

    async with running(service, tmp_path) as (source, told):
        await wait_until(lambda: source.status().state is SourceState.UNREACHABLE)
        await service.up()
        data = await told.next()

        assert data.ready


async def test_a_lost_service_serves_on_and_is_followed_again(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100))
    await service.up()

    async with running(service, tmp_path) as (source, told):
        first = await told.next()
        await service.down()
        await wait_until(lambda: source.status().state is SourceState.STALE)
        meanwhile = source.data()
        service.put(percent_flag("f", 200, version=2))
        await service.up()
        again = await told.next()

        assert meanwhile == first
        assert flags_of(again) == {"f": percent_flag("f", 200, version=2)}


async def test_a_dropped_stream_that_comes_back_the_same_is_no_change(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100))
    await service.up()

    async with running(service, tmp_path) as (source, told):
        await told.next()
        service.drop()
        await wait_until(lambda: len(service.paths) == 2 and source.status().state is SourceState.READY)

        assert told.is_empty()


async def test_a_restart_while_the_service_is_down_serves_the_last_flags(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100))
    await service.up()
    async with running(service, tmp_path) as (_, told):
        last = await told.next()
    await service.down()

    async with running(service, tmp_path) as (source, _):
        first = (source.data(), source.status().state)
        await wait_until(lambda: "no connection" in source.status().detail)

        assert first == (last, SourceState.STALE)
        assert source.status().state is SourceState.STALE


async def test_a_full_disk_costs_the_next_start_its_flags_and_not_this_one(
    service: LaunchDarkly, caplog: pytest.LogCaptureFixture
) -> None:
    service.put(percent_flag("f", 100))
    await service.up()
    told = Told()
    source = CloudSource(
        Service(sdk_key=KEY, base_uri=service.url, stream_uri=service.url),
        cache=FullDisk(),
        loop=asyncio.get_running_loop(),
        on_change=told,
    )

    source.start()
    data = await told.next()
    await wait_until(lambda: "flags_not_kept" in caplog.text)
    await source.close()
    await asyncio.to_thread(_clear_up_after_the_sdk)

    assert flags_of(data).keys() == {"f"}
    assert source.status().state is SourceState.READY


class FullDisk:
    """A cache on a disk that has no room."""

    def cached(self, fingerprint: str) -> bytes | None:
        return None

    def cache(self, fingerprint: str, document: bytes, *, at: float) -> None:
        raise StoreError("no room")


async def test_the_last_flags_of_another_environment_are_not_served(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100))
    await service.up()
    async with running(service, tmp_path) as (_, told):
        await told.next()
    await service.down()

    async with running(service, tmp_path, key="sdk-another") as (source, _):
        assert source.data().ready is False


async def test_a_refused_key_is_said_without_the_key(
    service: LaunchDarkly, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.status = 401
    await service.up()

    async with running(service, tmp_path) as (source, _):
        await wait_until(lambda: source.status().state is SourceState.UNREACHABLE)

        assert "HTTP 401: it refuses the SDK key" in source.status().detail
        assert KEY not in source.status().detail + caplog.text + repr(said(caplog.records))


async def test_the_key_goes_to_the_service_and_nowhere_else(
    service: LaunchDarkly, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.put(percent_flag("f", 100))
    await service.up()

    async with running(service, tmp_path) as (source, told):
        await told.next()
        text = caplog.text + repr(said(caplog.records)) + repr(source) + repr(vars(source)) + repr(source.status())
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240  Because they are small.

    assert service.keys == [KEY]
    assert KEY not in text
    assert KEY.encode() not in stored
    assert b"weight" in stored


async def test_nothing_but_the_stream_is_asked_for(service: LaunchDarkly, tmp_path: Path) -> None:
    service.put(percent_flag("f", 100))
    await service.up()

    async with running(service, tmp_path) as (_, told):
        await told.next()

    assert service.paths == ["/all"]


def _compact(item: object) -> bytes:
    return json.dumps(item, separators=(",", ":"), sort_keys=True).encode()
