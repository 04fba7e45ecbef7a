"""A store that somebody else has, or had their hands in: nobody waits for it, and what was done to it is found."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strangler.control.database import BUSY_S
from strangler.control.journal import ANCHOR_FILE, Deed
from strangler.control.store import Store
from strangler.core.audit import Action, Break, BreakKind
from strangler.core.guard import Phase
from tests.support.guarding import Proxy, config, route


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path)) as opened:
        yield opened


def deed(subject: str) -> Deed:
    return Deed(at=1.0, who="ann", what=Action.TRIP, subject=subject, why="because")


def test_a_store_that_another_tool_has_locked_holds_up_no_trip_and_gets_it_later(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a")))
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        proxy.outage("a")
        took_s = time.monotonic() - began
        caps, fault = proxy.caps, proxy.guards.fault
        other.execute("ROLLBACK")
    proxy.now += 5
    proxy.guards.tick()
    proxy.close()

    again = Proxy(tmp_path, config(route("a")))
    again.close()

    assert took_s < BUSY_S / 2
    assert caps == {"a": 0}
    assert "locked" in fault and proxy.guards.fault == ""
    assert again.phase("a") is Phase.TRIPPED


def test_every_pull_of_the_kill_switch_is_recorded_in_order_once_the_store_can_be_written(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a")))
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        proxy.guards.kill(is_on=True, who="ann", why="first")
        proxy.guards.trip("a", who="ann", why="second")
        proxy.guards.kill(is_on=False, who="ann", why="third")
        other.execute("ROLLBACK")
    proxy.guards.kill(is_on=True, who="ann", why="fourth")
    rows = [row.entry.why for row in reversed(proxy.store.journal.page().rows)]
    killed = proxy.store.guards.is_killed()
    proxy.close()

    assert rows == ["first", "second", "third", "fourth"]
    assert killed


def test_the_anchor_is_the_last_of_rows_that_were_written_together(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, config(route("a", cohort="c"), route("b", cohort="c")))
    proxy.outage("a")
    proxy.close()

    assert (tmp_path / ANCHOR_FILE).read_text().split()[0] == "2"


@pytest.mark.parametrize("change", ["what = 'nonsense'", "at = 'yesterday'"])
def test_a_row_that_is_no_entry_any_more_is_named(store: Store, tmp_path: Path, change: str) -> None:
    for number in range(3):
        store.journal.record(deed(str(number)))
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("DROP TRIGGER audit_is_not_updated")
        other.execute(f"UPDATE audit SET {change} WHERE seq = 2")

    assert store.journal.verify() == (3, Break(seq=2, kind=BreakKind.ALTERED))


def test_a_log_without_its_anchor_is_not_called_whole(store: Store, tmp_path: Path) -> None:
    empty = store.journal.verify()
    store.journal.record(deed("r"))
    whole = store.journal.verify()
    (tmp_path / ANCHOR_FILE).unlink()

    assert (empty, whole) == ((0, None), (1, None))
    assert store.journal.verify() == (1, Break(seq=2, kind=BreakKind.UNANCHORED))


def test_a_log_in_memory_leaves_the_anchor_of_the_damaged_one_alone(tmp_path: Path) -> None:
    (tmp_path / ANCHOR_FILE).write_text("7 " + "a" * 64)

    with closing(Store(tmp_path, in_memory=True)) as store:
        store.journal.record(deed("r"))

    assert (tmp_path / ANCHOR_FILE).read_text() == "7 " + "a" * 64
