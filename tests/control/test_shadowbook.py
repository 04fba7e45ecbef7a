"""The shadow book: what comparisons have shown goes over a restart, and what was forgotten does not come back."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.control.journal import Deed
from strangler.control.shadowbook import ShadowBook
from strangler.control.store import Store
from strangler.core.audit import Action
from strangler.core.findings import Findings
from strangler.errors import StoreError
from tests.support.findings import PAY

READ = Findings(route="read", since=5.0, equal=1)
DEED = Deed(at=7.0, who="ann", what=Action.FORGET, subject="pay", why="mended")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path)) as made:
        yield made


def restarted(folder: Path) -> tuple[Findings, ...]:
    with closing(Store(folder)) as store:
        return ShadowBook(store).start()


def spoil(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "state.db")) as db, db:
        db.execute(statement, values)


def test_what_was_found_is_there_after_a_restart(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        book = ShadowBook(store)
        for findings in (replace(PAY, equal=1), READ, PAY):
            book.take(findings)
            book.save()

    assert restarted(tmp_path) == (PAY, READ)


def test_a_newer_value_replaces_the_former(store: Store) -> None:
    book = ShadowBook(store)

    book.take(PAY)
    book.take(replace(PAY, equal=9_999))

    assert book.all() == (replace(PAY, equal=9_999),)
    assert (book.of("pay"), book.of("read")) == (replace(PAY, equal=9_999), None)


def test_routes_that_did_not_change_are_not_written_again(store: Store, tmp_path: Path) -> None:
    book = ShadowBook(store)
    book.take(PAY)
    book.take(READ)
    book.save()
    spoil(tmp_path, "DELETE FROM shadow_findings")

    book.take(PAY)
    book.take(replace(READ, equal=2))
    book.save()

    assert ShadowBook(store).start() == (replace(READ, equal=2),)


@pytest.mark.parametrize(
    "damage",
    ["", "{", "null", '{"route": "pay"}', '{"route": "pay", "since": "long ago"}', '{"route": "other", "since": 1.0}'],
)
def test_a_damaged_row_is_logged_and_left_out(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Store(tmp_path)) as store:
        book = ShadowBook(store)
        book.take(PAY)
        book.take(READ)
        book.save()
    spoil(tmp_path, "UPDATE shadow_findings SET findings = ? WHERE route = 'pay'", damage)

    found = restarted(tmp_path)

    assert found == (READ,)
    assert [(record.levelno, record.message) for record in caplog.records] == [(logging.WARNING, "findings_damaged")]


def test_what_cannot_be_stored_is_logged_once_and_stored_when_it_can_be(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = ShadowBook(store)
    spoil(tmp_path, "ALTER TABLE shadow_findings RENAME TO away")
    book.take(PAY)

    book.save()
    book.save()
    fault = book.fault
    spoil(tmp_path, "ALTER TABLE away RENAME TO shadow_findings")
    book.save()

    assert "shadow_findings" in fault
    assert [record.message for record in caplog.records] == ["findings_not_stored", "findings_stored_again"]
    assert (book.fault, ShadowBook(store).start()) == ("", (PAY,))


def test_a_store_that_cannot_be_read_begins_anew(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(tmp_path, "DROP TABLE shadow_findings")

    book = ShadowBook(store)

    assert (book.start(), book.all()) == ((), ())
    assert [record.message for record in caplog.records] == ["findings_not_stored"]


def test_what_was_forgotten_is_recorded_and_stays_forgotten(store: Store, tmp_path: Path) -> None:
    book = ShadowBook(store)
    book.take(PAY)
    book.take(READ)
    book.save()
    book.take(replace(PAY, equal=3_000))

    book.reset("pay", DEED)
    book.save()

    assert (book.all(), ShadowBook(store).start()) == ((READ,), (READ,))
    assert [(row.entry.what, row.entry.subject, row.entry.why) for row in store.journal.page().rows] == [
        (Action.FORGET, "pay", "mended")
    ]


def test_a_value_that_was_under_way_when_it_was_forgotten_does_not_bring_it_back(store: Store) -> None:
    book = ShadowBook(store)
    book.take(PAY)
    book.reset("pay", DEED)

    book.take(replace(PAY, equal=2_941))
    late = book.of("pay")
    book.take(anew := Findings(route="pay", since=8.0, equal=1))

    assert (late, book.of("pay")) == (None, anew)


def test_nothing_is_forgotten_that_cannot_be_recorded(store: Store, tmp_path: Path) -> None:
    book = ShadowBook(store)
    book.take(PAY)
    book.save()
    spoil(tmp_path, "ALTER TABLE audit RENAME TO away")

    with pytest.raises(StoreError):
        book.reset("pay", DEED)

    assert (book.of("pay"), ShadowBook(store).start()) == (PAY, (PAY,))
