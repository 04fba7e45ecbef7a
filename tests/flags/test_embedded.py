"""The embedded source: what is written is kept, told and served."""

import json
from pathlib import Path

import pytest

from strangler.control.store import Store
from strangler.errors import FlagError, StoreError
from strangler.flags.edit import Replace, SetShare, TurnOff
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.source import SourceState
from tests.support.flags import Told, flags_of, percent_flag


async def test_a_change_is_told_with_the_next_version(tmp_path: Path) -> None:
    store, told = Store(tmp_path), Told()
    source = EmbeddedSource(store, told)
    source.start()
    before = source.data()

    written = source.write("payments", SetShare(share_bp=2_500), by="ann")

    data = await told.next()
    store.close()
    assert (before.version, before.ready, flags_of(before)) == (1, True, {})
    assert (data.version, data.ready, flags_of(data)) == (2, True, {"payments": written})
    assert source.data() == data


async def test_a_restart_serves_what_was_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    source = EmbeddedSource(store, Told())
    source.start()
    source.write("payments", SetShare(share_bp=2_500), by="ann")
    store.close()

    store = Store(tmp_path)
    again = EmbeddedSource(store, Told())
    again.start()
    store.close()

    assert again.data().document == source.data().document
    assert again.status().state is SourceState.READY


async def test_a_change_is_recorded_with_who_and_what(tmp_path: Path) -> None:
    store = Store(tmp_path)
    source = EmbeddedSource(store, Told(), now=lambda: 1_000.0)
    source.start()

    source.write("payments", SetShare(share_bp=250), by="ann")
    source.write("payments", TurnOff(), by="bob")

    entries = [row.entry for row in store.journal.page().rows]
    store.close()
    assert [(entry.at, entry.who, entry.why, entry.subject) for entry in entries] == [
        (1_000.0, "bob", "set off", "payments"),
        (1_000.0, "ann", "set 2.5%", "payments"),
    ]


async def test_what_is_deleted_is_told_and_recorded_and_stays_away_over_a_restart(tmp_path: Path) -> None:
    store, told = Store(tmp_path), Told()
    source = EmbeddedSource(store, told, now=lambda: 1_000.0)
    source.start()
    kept = source.write("users", SetShare(share_bp=100), by="ann")
    gone = source.write("payments", SetShare(share_bp=2_500), by="ann")
    await told.next()
    before = await told.next()

    source.delete("payments", by="bob", why="all done")

    data = await told.next()
    entry = store.journal.page(limit=1).rows[0].entry
    store.close()
    store = Store(tmp_path)
    again = EmbeddedSource(store, Told())
    again.start()
    store.close()
    assert (data.version, flags_of(data)) == (before.version + 1, {"users": kept})
    assert again.data().document == data.document
    assert (entry.who, entry.subject, entry.why, entry.after) == ("bob", "payments", "delete: all done", None)
    assert json.loads(entry.before or "") == gone


async def test_a_deletion_that_cannot_be_kept_changes_nothing(tmp_path: Path) -> None:
    store, told = Store(tmp_path), Told()
    source = EmbeddedSource(store, told)
    source.start()
    source.write("payments", SetShare(share_bp=100), by="ann")
    before = await told.next()
    store._database.connection.execute("PRAGMA query_only = 1")

    with pytest.raises(StoreError):
        source.delete("payments", by="ann", why="test")

    assert (source.data(), told.is_empty()) == (before, True)
    store.close()


async def test_a_refused_change_is_neither_kept_nor_told(tmp_path: Path) -> None:
    store, told = Store(tmp_path), Told()
    source = EmbeddedSource(store, told)
    source.start()

    with pytest.raises(FlagError, match="weights add up to 20000"):
        flag = percent_flag("payments", 0)
        for part in flag["fallthrough"]["rollout"]["variations"]:
            part["weight"] = 10_000
        source.write("payments", Replace(flag=flag), by="ann")

    kept = store.flags()
    store.close()
    assert (kept, flags_of(source.data()), told.is_empty()) == ({}, {}, True)


async def test_a_change_that_cannot_be_kept_is_not_served_then_or_later(tmp_path: Path) -> None:
    store, told = Store(tmp_path), Told()
    source = EmbeddedSource(store, told)
    source.start()
    source.write("payments", SetShare(share_bp=100), by="ann")
    before = await told.next()
    pages = store._database.connection.execute("PRAGMA page_count").fetchone()[0]
    store._database.connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreError):
        source.write("large", Replace(flag=percent_flag("large", 0, note="x" * 100_000)), by="ann")

    assert (source.data(), told.is_empty()) == (before, True)
    source.write("payments", SetShare(share_bp=200), by="ann")
    assert flags_of(await told.next()).keys() == {"payments"}
    store.close()
