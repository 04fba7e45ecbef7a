"""The audit log and the guards in the state store."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control import journal
from strangler.control.guardtable import Kept
from strangler.control.journal import ANCHOR_FILE, MOST_BYTES, MOST_LOOKED, Deed, Journal, Page
from strangler.control.store import Store
from strangler.core.audit import Action, Break, BreakKind
from strangler.core.guard import Guard, Phase
from strangler.core.sequential import Evidence, Step, advance
from strangler.errors import StoreError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def deed(subject: str, why: str = "because") -> Deed:
    return Deed(at=1.5, who="ann", what=Action.TRIP, subject=subject, why=why, evidence='{"n": 1}')


def tampered(state_dir: Path, statement: str) -> tuple[int, Break | None]:
    """Return what a check finds after somebody changed the file with a tool of their own."""
    db = sqlite3.connect(state_dir / "state.db")
    for name in ("audit_is_not_updated", "audit_is_not_deleted"):
        db.execute(f"DROP TRIGGER {name}")
    db.execute(statement)
    db.commit()
    found = journal.verify(db, state_dir / ANCHOR_FILE)
    db.close()
    return found


def test_rows_come_back_newest_first_and_page_by_page(store: Store) -> None:
    for number in range(5):
        store.journal.record(deed(f"route.{number}"))

    first = store.journal.page(limit=2).rows
    second = store.journal.page(limit=2, before=first[-1].entry.seq).rows

    assert [row.entry.subject for row in first + second] == ["route.4", "route.3", "route.2", "route.1"]
    assert store.journal.verify() == (5, None)


def walked(journal: Journal, **wanted: Any) -> list[Page]:
    """Return all pages, one after the other."""
    pages = [journal.page(**wanted)]
    while pages[-1].next is not None:
        pages.append(journal.page(**wanted, before=pages[-1].next))
    return pages


def numbers(pages: Sequence[Page]) -> list[int]:
    return [row.entry.seq for page in pages for row in page.rows]


def test_a_page_has_no_more_bytes_than_it_may_and_the_next_goes_on(store: Store) -> None:
    large = "x" * (MOST_BYTES // 8)
    for _ in range(20):
        store.journal.record(replace(deed("r"), evidence=large))
    store.journal.record(replace(deed("r"), evidence=large * 9))

    pages = walked(store.journal, limit=1_000)

    assert numbers(pages) == list(range(21, 0, -1))
    assert [len(page.rows) for page in pages] == [1, 7, 7, 6]


def test_no_question_looks_at_more_rows_than_it_may_and_what_it_is_about_is_found_behind_them(store: Store) -> None:
    with store.journal._database.writing() as db:
        store.journal.add(db, deed("rare"))
        for _ in range(2 * MOST_LOOKED):
            store.journal.add(db, deed("common"))

    pages = walked(store.journal, subject="rare")

    assert [len(page.rows) for page in pages] == [0, 0, 1]
    assert [page.next for page in pages] == [MOST_LOOKED + 2, 2, None]


@given(
    rows=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from((Action.FLAG, Action.KILL))), max_size=12),
    limit=st.integers(1, 5),
    subject=st.sampled_from((None, "a", "z")),
    among=st.sampled_from(((), ((Action.KILL, "b"), (Action.FLAG, "a")))),
)
def test_pages_together_are_every_row_that_was_asked_for_once(
    rows: list[tuple[str, Action]], limit: int, subject: str | None, among: tuple[tuple[Action, str], ...]
) -> None:
    with TemporaryDirectory() as folder:
        store = Store(Path(folder), in_memory=True)
        for name, what in rows:
            store.journal.record(replace(deed(name), what=what))

        pages = walked(store.journal, limit=limit, subject=subject, among=among)
        store.close()

    wanted = [
        number
        for number, (name, what) in enumerate(rows, 1)
        if subject in (None, name) and (not among or (what, name) in among)
    ]
    assert numbers(pages) == wanted[::-1]
    assert all(len(page.rows) <= limit for page in pages)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit SET why = 'nothing' WHERE seq = 2", Break(seq=2, kind=BreakKind.ALTERED)),
        ("DELETE FROM audit WHERE seq = 2", Break(seq=2, kind=BreakKind.MISSING)),
        ("DELETE FROM audit WHERE seq = 3", Break(seq=3, kind=BreakKind.TRUNCATED)),
        ("UPDATE audit SET seq = 9 WHERE seq = 1", Break(seq=1, kind=BreakKind.MISSING)),
    ],
)
def test_whoever_changes_the_file_is_found_out(tmp_path: Path, statement: str, found: Break) -> None:
    store = Store(tmp_path)
    for number in range(3):
        store.journal.record(deed(f"route.{number}"))
    store.close()

    assert tampered(tmp_path, statement)[1] == found


def test_control_characters_stay_inside_their_row(store: Store) -> None:
    why = 'line\nbreak \x1b[31m "quote" \x00'

    store.journal.record(deed("r", why=why))

    assert store.journal.page().rows[0].entry.why == why
    assert store.journal.verify() == (1, None)


def test_a_guard_and_its_deed_are_kept_together(tmp_path: Path) -> None:
    evidence = advance(Evidence(), Step(90, 1, 10, 5), 1.25)
    kept = Kept(
        migration="monolith>payments",
        guard=Guard(phase=Phase.TRIPPED, since=12.5),
        evidence=evidence,
        cause={"metric": "error_rate", "measured": 1.0},
    )
    store = Store(tmp_path)
    store.guards.write({"payments": kept, "users": Kept(migration="m")}, at=2.0, deeds=(deed("payments"),))
    store.close()

    store = Store(tmp_path)
    found, rows = store.guards.guards(), store.journal.page().rows
    store.close()

    assert found == {"payments": kept, "users": Kept(migration="m")}
    assert [row.entry.subject for row in rows] == ["payments"]


def test_neither_is_kept_when_one_cannot_be(store: Store) -> None:
    pages = store._database.connection.execute("PRAGMA page_count").fetchone()[0]
    store._database.connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreError, match="disk has room"):
        store.guards.write({"payments": Kept(migration="m")}, at=2.0, deeds=(deed("payments", why="x" * 100_000),))

    assert (store.guards.guards(), store.journal.page().rows) == ({}, ())


def test_the_kill_switch_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = store.guards.is_killed()
    store.guards.write({}, is_killed=True, at=1.0, deeds=(deed("all"),))
    store.close()

    store = Store(tmp_path)
    after = store.guards.is_killed()
    store.guards.write({}, is_killed=False, at=2.0, deeds=(deed("all"),))
    released = store.guards.is_killed()
    store.close()

    assert (before, after, released) == (False, True, False)


@pytest.mark.parametrize("document", ["{}", "no json", json.dumps({"migration": 1, "evidence": {"sums": []}})])
def test_a_guard_that_cannot_be_read_is_taken_for_tripped_and_stays(store: Store, document: str) -> None:
    db = store._database.connection
    db.execute("INSERT INTO guards (route, document, updated_at) VALUES ('r', ?, 0)", (document,))

    found = store.guards.guards()["r"]

    assert found.guard.phase is Phase.TRIPPED
    assert db.execute("SELECT document FROM guards").fetchone()[0] == document


def test_an_anchor_that_cannot_be_written_is_told_and_stops_nothing(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ANCHOR_FILE).mkdir()

    store.journal.record(deed("r"))

    assert "audit_anchor_failed" in caplog.messages
    assert [row.entry.subject for row in store.journal.page().rows] == ["r"]
