"""The audit log's chain: whatever is done to it afterwards is found, and named."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.audit import (
    GENESIS,
    OF_KIND,
    Action,
    Break,
    BreakKind,
    Entry,
    Kind,
    Row,
    first_break,
    movers,
    seal,
)

TEXT = st.text(max_size=10)
ENTRIES = st.lists(
    st.builds(
        Entry,
        seq=st.just(0),
        at=st.floats(0, 2e9),
        who=TEXT,
        what=st.sampled_from(Action),
        subject=TEXT,
        why=TEXT,
        before=st.none() | TEXT,
        after=st.none() | TEXT,
        evidence=st.none() | TEXT,
    ),
    max_size=8,
)


def written(entries: list[Entry]) -> list[Row]:
    rows: list[Row] = []
    prev = GENESIS
    for seq, entry in enumerate(entries, start=1):
        numbered = replace(entry, seq=seq)
        rows.append(Row(entry=numbered, prev=prev, hash=seal(numbered, prev)))
        prev = rows[-1].hash
    return rows


def anchor_of(rows: list[Row]) -> tuple[int, str]:
    return (rows[-1].entry.seq, rows[-1].hash) if rows else (0, GENESIS)


@given(ENTRIES)
def test_a_log_as_it_was_written_is_whole(entries: list[Entry]) -> None:
    rows = written(entries)

    assert first_break(rows) is None
    assert first_break(rows, anchor_of(rows)) is None


@given(ENTRIES.filter(len), st.data())
def test_an_altered_row_is_named(entries: list[Entry], data: st.DataObject) -> None:
    rows = written(entries)
    index = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from(["who", "subject", "why", "before", "after", "evidence"]))
    entry = rows[index].entry
    altered: dict[str, Any] = {field: (getattr(entry, field) or "") + "x"}
    rows[index] = replace(rows[index], entry=replace(entry, **altered))

    assert first_break(rows) == Break(seq=index + 1, kind=BreakKind.ALTERED)


@given(ENTRIES.filter(lambda entries: len(entries) > 1), st.data())
def test_a_removed_or_moved_row_is_named(entries: list[Entry], data: st.DataObject) -> None:
    rows = written(entries)
    index = data.draw(st.integers(0, len(rows) - 2))
    removed = rows[:index] + rows[index + 1 :]
    moved = [*rows[:index], rows[index + 1], rows[index], *rows[index + 2 :]]

    assert first_break(removed) == Break(seq=index + 1, kind=BreakKind.MISSING)
    assert first_break(moved) == Break(seq=index + 1, kind=BreakKind.MISSING)


@given(ENTRIES.filter(len), st.data())
def test_an_end_that_was_cut_off_is_found_by_the_anchor(entries: list[Entry], data: st.DataObject) -> None:
    rows = written(entries)
    kept = data.draw(st.integers(0, len(rows) - 1))

    assert first_break(rows[:kept]) is None
    assert first_break(rows[:kept], anchor_of(rows)) == Break(seq=kept + 1, kind=BreakKind.TRUNCATED)


@given(ENTRIES.filter(len))
def test_a_log_that_was_written_anew_is_found_by_the_anchor(entries: list[Entry]) -> None:
    rows = written(entries)
    forged = written([replace(entries[0], who=entries[0].who + "x"), *entries[1:]])

    assert first_break(forged, anchor_of(rows)) == Break(seq=len(rows), kind=BreakKind.FORKED)


@given(ENTRIES.filter(len), ENTRIES)
def test_rows_behind_the_anchor_are_no_fault(entries: list[Entry], later: list[Entry]) -> None:
    rows = written(entries)

    assert first_break(written(entries + later), anchor_of(rows)) is None


@pytest.mark.parametrize(("one", "other"), [(("a", "bc"), ("ab", "c")), (("", "None"), ("None", ""))])
def test_fields_cannot_run_together(one: tuple[str, str], other: tuple[str, str]) -> None:
    def sealed(who: str, subject: str) -> str:
        empty = {"before": None, "after": None, "evidence": None}
        return seal(Entry(seq=1, at=0.0, who=who, what=Action.TRIP, subject=subject, why="", **empty), GENESIS)

    assert sealed(*one) != sealed(*other)


def test_what_could_have_moved_a_route_is_its_own_its_flags_and_everybodys() -> None:
    found = movers("pay", ("payments", "eu"))

    assert {(Action.TRIP, "pay"), (Action.RESET, "pay"), (Action.FLAG, "payments"), (Action.FLAG, "eu")} < set(found)
    assert {(Action.KILL, "*"), (Action.RELOAD, "routes"), (Action.CONFIG, "routes")} < set(found)
    # A token, or another route, may have the name of a flag.
    assert not {(Action.TOKEN, "pay"), (Action.TRIP, "payments"), (Action.FLAG, "pay")} & set(found)


def test_each_action_is_of_one_kind_and_each_kind_has_some() -> None:
    assert set(OF_KIND) == set(Kind)
    assert sorted(action for of in OF_KIND.values() for action in of) == sorted(Action)
