"""The files of TLS, followed: what new handshakes get, and what a bad pair changes, which is nothing."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strangler.core.model import KeyPair, ListenerTls, TlsVersion
from strangler.proxy.tls import Served
from strangler.runtime import certificates
from strangler.runtime.certificates import NOT_AFTER, REJECTED, Certificates
from tests.support.issuer import Issuer, past, read, remove, spoil
from tests.support.issuer import replace as rewrite
from tests.support.waiting import until


@dataclass(slots=True)
class Followed:
    certificates: Certificates
    served: list[Served] = field(default_factory=list)
    notices: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The first name of each certificate that was served, in order."""
        return [served.certificates[0].names[0] for served in self.served]

    def events(self) -> list[str]:
        return [event for event, _ in self.notices]

    async def until_served(self, *names: str) -> None:
        await until(lambda: self.names == list(names), what=f"{names} served")

    async def until_told(self, event: str) -> dict[str, Any]:
        await until(lambda: event in self.events(), what=event)
        return next(fields for told, fields in self.notices if told == event)


@asynccontextmanager
async def followed(tls: ListenerTls | None) -> AsyncIterator[Followed]:
    served: list[Served] = []
    notices: list[tuple[str, dict[str, Any]]] = []
    made = Certificates(on_served=served.append, on_notice=lambda event, fields: notices.append((event, fields)))
    made.apply(tls)
    task = asyncio.create_task(made.watch())
    yield Followed(made, served, notices)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LOOK_EVERY_S", 0.02)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    made = Issuer(tmp_path)
    made.pair("a", "one")
    return made


def make(folder: Path) -> None:
    folder.mkdir()


def link(path: Path, target: str) -> None:
    """Let a link lead elsewhere in one step."""
    made = path.with_name(path.name + ".new")
    made.symlink_to(target)
    made.replace(path)


def tls(issuer: Issuer, name: str = "a", **more: Any) -> ListenerTls:
    return ListenerTls(pairs=(issuer.paths(name),), **more)


async def test_a_pair_that_is_replaced_is_served(issuer: Issuer) -> None:
    async with followed(tls(issuer)) as files:
        issuer.pair("a", "two")

        await files.until_served("one", "two")
        assert files.events() == ["certificate_served", "certificate_served"]
        assert files.certificates.gauges()[REJECTED] == 0


async def test_a_key_that_comes_long_before_its_certificate_is_waited_for(issuer: Issuer) -> None:
    other = Issuer(issuer.folder / "other")
    make(other.folder)
    new = other.pair("a", "two")
    async with followed(tls(issuer)) as files:
        rewrite(Path(issuer.paths("a").key), read(new.key))

        told = await files.until_told("certificate_rejected")
        assert told["serving"] == "the last good certificate"
        assert files.certificates.gauges()[REJECTED] == 1
        assert files.names == ["one"]

        rewrite(Path(issuer.paths("a").cert), read(new.cert))
        await files.until_served("one", "two")
        assert files.certificates.gauges()[REJECTED] == 0


@pytest.mark.parametrize("which", ["cert", "key"])
@pytest.mark.parametrize("percent", [0, 30, 90])
async def test_a_half_written_file_changes_nothing_until_it_is_whole(issuer: Issuer, which: str, percent: int) -> None:
    path = getattr(issuer.paths("a"), which)
    whole = read(path)
    async with followed(tls(issuer)) as files:
        spoil(path, whole[: len(whole) * percent // 100])

        await files.until_told("certificate_rejected")
        assert files.names == ["one"]
        spoil(path, whole)
        await files.until_served("one", "one")


@pytest.mark.parametrize("which", ["cert", "key"])
async def test_a_file_that_is_gone_changes_nothing(issuer: Issuer, which: str) -> None:
    async with followed(tls(issuer)) as files:
        remove(getattr(issuer.paths("a"), which))

        told = await files.until_told("certificate_rejected")
        assert "No such file" in told["why"]
        assert files.certificates.is_ready


async def test_the_swap_of_a_secrets_link_is_noticed(tmp_path: Path) -> None:
    for folder, name in (("v1", "one"), ("v2", "two")):
        make(tmp_path / folder)
        Issuer(tmp_path / folder).pair("a", name)
    link(tmp_path / "data", "v1")
    pair = KeyPair(cert=str(tmp_path / "data" / "a.crt"), key=str(tmp_path / "data" / "a.key"))
    async with followed(ListenerTls(pairs=(pair,))) as files:
        link(tmp_path / "data", "v2")

        await files.until_served("one", "two")


async def test_each_refusal_is_told_once_however_often_it_is_seen(issuer: Issuer) -> None:
    key = issuer.paths("a").key
    async with followed(tls(issuer)) as files:
        for second in range(1, 4):
            spoil(key)
            os.utime(key, (second, second))
            await until(lambda: files.certificates._settled == certificates._stamps(tls(issuer)), what="seen")

        assert files.events() == ["certificate_served", "certificate_rejected"]


async def test_an_expired_certificate_does_not_replace_one_that_is_valid(issuer: Issuer) -> None:
    async with followed(tls(issuer)) as files:
        issuer.pair("a", "two", begins=past(2019), expires=past())

        told = await files.until_told("certificate_rejected")
        assert told["why"] == "what is on disk has expired, and what is served has not"
        assert files.names == ["one"]


async def test_an_expired_certificate_is_served_where_there_is_no_better_one(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    issuer.pair("a", "old", begins=past(2018), expires=past(2019))
    async with followed(tls(issuer)) as files:
        told = await files.until_told("certificate_doubtful")
        assert told["why"] == "the certificate expired on 2019-01-01 00:00 UTC"

        issuer.pair("a", "newer", begins=past(2019), expires=past())
        await files.until_served("old", "newer")


async def test_nothing_is_ready_until_a_pair_can_be_served(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    async with followed(tls(issuer)) as files:
        assert not files.certificates.is_ready
        assert files.notices[0][1]["serving"] == "nothing"
        assert files.certificates.gauges() == {REJECTED: 1}

        issuer.pair("a", "one")
        await files.until_served("one")
        assert files.certificates.is_ready


async def test_a_refused_pair_is_tried_again_although_its_files_stay(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "_AGAIN_EVERY_S", 0.05)
    tries: list[ListenerTls] = []
    real = certificates._try
    async with followed(tls(issuer)) as files:
        remove(issuer.paths("a").key)
        await files.until_told("certificate_rejected")

        def counted(asked: ListenerTls) -> Any:
            tries.append(asked)
            return real(asked)

        monkeypatch.setattr(certificates, "_try", counted)
        await until(lambda: len(tries) >= 2, what="tried again")


async def test_other_paths_are_followed_from_when_they_are_given(issuer: Issuer) -> None:
    issuer.pair("b", "two")
    async with followed(tls(issuer)) as files:
        files.certificates.apply(tls(issuer, "b"))
        assert files.names == ["one", "two"]

        issuer.pair("a", "other")
        issuer.pair("b", "three")
        await files.until_served("one", "two", "three")


async def test_the_gauge_is_the_earliest_expiry_of_all_pairs(issuer: Issuer) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    issuer.pair("b", "two", expires=soon)
    both = ListenerTls(pairs=(issuer.paths("a"), issuer.paths("b")))
    async with followed(both) as files:
        assert files.certificates.gauges() == {REJECTED: 0, NOT_AFTER: int(soon.timestamp())}


async def test_without_tls_there_is_nothing_to_follow() -> None:
    async with followed(None) as files:
        assert files.certificates.is_ready
        assert (files.certificates.gauges(), files.notices) == ({}, [])


async def test_no_notice_says_what_a_key_holds(issuer: Issuer) -> None:
    secret = read(issuer.paths("a").key).decode().splitlines()[1]
    async with followed(tls(issuer)) as files:
        issuer.pair("b", "two")
        rewrite(Path(issuer.paths("a").cert), read(issuer.paths("b").cert))
        await files.until_told("certificate_rejected")

        assert secret[:12] not in repr(files.notices)


def test_a_change_of_the_minimum_alone_is_a_change(issuer: Issuer) -> None:
    served: list[Served] = []
    made = Certificates(on_served=served.append, on_notice=lambda _event, _fields: None)

    made.apply(tls(issuer))
    made.apply(tls(issuer))
    made.apply(replace(tls(issuer), min_version=TlsVersion.TLS_1_3))

    assert [one.context.minimum_version.name for one in served] == ["TLSv1_2", "TLSv1_3"]
