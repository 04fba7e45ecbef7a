"""The routes file, watched."""

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from strangler.config.load import load
from strangler.core.model import Address, Config
from strangler.runtime import settings
from strangler.runtime.reload import RoutesFile
from strangler.runtime.settings import Overrides
from tests.support.logs import said
from tests.support.proxy import routes_text
from tests.support.waiting import until

ONE = routes_text(monolith=1)
TWO = routes_text(monolith=2)
BAD = ONE + "routes: [{name: a, match: {path: nowhere}, wrong: 1}]\n"


@dataclass(slots=True)
class Watched:
    path: Path
    file: RoutesFile
    taken: list[Config] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def remove(self) -> None:
        self.path.unlink()

    def ports(self) -> list[int]:
        return [config.upstreams[0].addresses[0].port for config in self.taken]

    async def until_taken(self, *ports: int) -> None:
        await until(lambda: self.ports() == list(ports), what=f"{ports} taken over")

    async def until_state(self, state: str) -> None:
        await until(lambda: self.file.status().state == state, what=state)


@asynccontextmanager
async def watched(path: Path, overrides: Overrides | None = None) -> AsyncIterator[Watched]:
    given = overrides or Overrides()
    taken: list[Config] = []
    file = RoutesFile(path, running=settings.effective(load(path), given), overrides=given, on_config=taken.append)
    task = asyncio.create_task(file.watch())
    yield Watched(path, file, taken)
    task.cancel()
    await asyncio.wait([task])


TLS = """\
version: 1
upstreams: {monolith: {url: "https://a", default: true, tls: {ca: ca.pem}}}
"""


def certificate(path: Path) -> bytes:
    """Put another certificate in place, by rename as tools do, and return it."""
    content: bytes = trustme.CA().cert_pem.bytes()
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)
    return content


def authorities(config: Config) -> bytes:
    tls = config.upstreams[0].tls
    return b"" if tls is None else tls.ca


async def test_a_certificate_that_changes_is_taken_over_without_a_change_of_the_routes_file(tmp_path: Path) -> None:
    certificate(tmp_path / "ca.pem")
    (tmp_path / "routes.yaml").write_text(TLS)
    async with watched(tmp_path / "routes.yaml") as running:
        content = certificate(tmp_path / "ca.pem")
        await until(lambda: bool(running.taken))

    assert [authorities(config) for config in running.taken] == [content]


async def test_a_certificate_that_is_broken_keeps_the_last_good_one_and_mends_without_a_change_of_the_routes_file(
    tmp_path: Path,
) -> None:
    certificate(tmp_path / "ca.pem")
    (tmp_path / "routes.yaml").write_text(TLS)
    async with watched(tmp_path / "routes.yaml") as running:
        (tmp_path / "ca.pem").unlink()
        await running.until_state("rejected")
        faults = running.file.status().faults
        before = list(running.taken)
        content = certificate(tmp_path / "ca.pem")
        await running.until_state("current")
        await until(lambda: bool(running.taken))

    assert "the file cannot be read" in faults[0]
    assert before == []
    assert [authorities(config) for config in running.taken] == [content]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "routes.yaml"
    made.write_text(ONE)
    return made


async def test_a_change_in_place_is_taken_over(path: Path) -> None:
    async with watched(path) as file:
        file.write(TWO)

        await file.until_taken(2)
        assert file.file.status().state == "current"


async def test_an_atomic_rename_over_the_file_is_noticed(path: Path) -> None:
    async with watched(path) as file:
        rename_over(path, TWO)

        await file.until_taken(2)


async def test_the_swap_of_a_config_maps_link_is_noticed(tmp_path: Path) -> None:
    path = config_map(tmp_path, one=ONE, two=TWO)

    async with watched(path) as file:
        swap(tmp_path, "two")

        await file.until_taken(2)


async def test_a_write_that_keeps_size_and_times_is_noticed(path: Path) -> None:
    async with watched(path) as file:
        # Because the first two looks read the file whatever its stamp is, one change goes before.
        rename_over(path, TWO)
        await file.until_taken(2)
        write_unseen(path, routes_text(monolith=3))

        await file.until_taken(2, 3)


async def test_a_touch_without_a_change_is_none(path: Path) -> None:
    async with watched(path) as file:
        os.utime(path)
        file.file.ask()
        file.write(TWO)

        await file.until_taken(2)


async def test_who_asks_is_told_even_if_nothing_changed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async with watched(path) as file:
        file.file.ask()
        await until(lambda: bool(said(caplog.records)), what="an answer")

    assert said(caplog.records) == [("info", "config_unchanged", {"file": str(path), "faults": 0})]


async def test_a_bad_file_changes_nothing_and_the_last_good_one_stays_named(path: Path) -> None:
    async with watched(path) as file:
        before = file.file.status().digest
        file.write(BAD)

        await file.until_state("rejected")
        status = file.file.status()
        assert (file.taken, status.digest) == ([], before)
        assert status.disk_digest == hashlib.sha256(BAD.encode()).hexdigest()
        assert all(fault.startswith(f"{path}:") for fault in status.faults)
        assert len(status.faults) == 2


async def test_each_fault_is_logged_once_however_often_the_file_is_read(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async with watched(path) as file:
        file.write(BAD)
        await file.until_state("rejected")
        file.file.ask()
        file.write(TWO)
        await file.until_taken(2)

    assert [record.message for record in caplog.records] == [
        "config_fault",
        "config_fault",
        "config_rejected",
        "config_accepted",
    ]


async def test_putting_the_old_text_back_ends_the_rejection_without_a_new_generation(path: Path) -> None:
    async with watched(path) as file:
        file.write(BAD)
        await file.until_state("rejected")
        file.write(ONE)

        await file.until_state("current")
        assert file.taken == []


async def test_a_file_that_is_gone_is_a_fault_and_not_a_crash(path: Path) -> None:
    async with watched(path) as file:
        file.remove()
        await file.until_state("rejected")
        file.write(TWO)

        await file.until_taken(2)


async def test_what_needs_a_restart_is_told_and_the_rest_is_served(path: Path) -> None:
    async with watched(path) as file:
        file.write(TWO.replace("workers: 2", "workers: 3").replace("state_dir: state", "state_dir: x"))

        await file.until_taken(2)
        assert file.file.status().needs_restart == ("workers", "state_dir")
        assert file.taken[0].workers == 2


async def test_an_upstream_that_is_the_listener_of_the_command_line_is_refused(path: Path) -> None:
    async with watched(path, Overrides(listen=Address(host="127.0.0.1", port=2))) as file:
        file.write(TWO)

        await file.until_state("rejected")
        [fault] = file.file.status().faults
        assert "is the proxy's own listener, 127.0.0.1:2" in fault
        assert file.taken == []


async def test_a_setting_that_the_command_line_holds_needs_no_restart(path: Path) -> None:
    async with watched(path, Overrides(workers=4)) as file:
        file.write(TWO.replace("workers: 2", "workers: 3"))

        await file.until_taken(2)
        assert file.file.status().needs_restart == ()


def write_unseen(path: Path, text: str) -> None:
    """Write in place with the size and the times of before, as tools do that keep them."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def rename_over(path: Path, text: str) -> None:
    """Save as many editors do."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


def config_map(folder: Path, **revisions: str) -> Path:
    """Lay revisions out as Kubernetes does, the first one current, and return the file's path."""
    for name, text in revisions.items():
        (folder / name).mkdir()
        (folder / name / "routes.yaml").write_text(text)
    (folder / "..data").symlink_to(next(iter(revisions)))
    path = folder / "routes.yaml"
    path.symlink_to("..data/routes.yaml")
    return path


def swap(folder: Path, revision: str) -> None:
    """Make another revision current, as Kubernetes does."""
    (folder / "..data.new").symlink_to(revision)
    (folder / "..data.new").rename(folder / "..data")
