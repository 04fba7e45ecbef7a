"""Rules by path: each alone, and what is true of all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Json
from strangler.core.document import read_json
from strangler.core.jsonpath import JsonPath, parse_path
from strangler.core.rewrite import (
    Ignore,
    Lower,
    MapValues,
    Numeric,
    Round,
    Rule,
    Unordered,
    Uuid,
    Within,
    are_alike,
    seconds_of,
    settle,
)
from strangler.core.rulebook import normalise
from tests.core.documents import DOCUMENTS, SCALARS, differences, sameness

ROOT = parse_path("$")
PATHS = st.sampled_from(["$", "$.id", "$..id", "$[*]", "$..[*]", "$.items", "$.items[*].x", "$..items"]).map(parse_path)
PAIRS = st.sampled_from([(("A", 1), ("b", None)), ((True, 1),), (("yes", True), ("no", False))])


def rules_at(paths: st.SearchStrategy[JsonPath]) -> st.SearchStrategy[Rule]:
    return st.one_of(
        st.builds(Ignore, path=paths),
        st.builds(Unordered, path=paths, by=st.sampled_from([None, "id"])),
        st.builds(Round, path=paths, digits=st.integers(0, 3)),
        st.builds(Numeric, path=paths),
        st.builds(Within, path=paths, seconds=st.floats(0, 1e6)),
        st.builds(Uuid, path=paths),
        st.builds(Lower, path=paths),
        st.builds(MapValues, path=paths, pairs=PAIRS),
    )


RULES = st.lists(rules_at(PATHS), max_size=4).map(tuple)
UUIDS = st.uuids().map(str)
VALUES = SCALARS | UUIDS | st.datetimes().map(str) | st.sampled_from(["A", "a", "yes", "YES"])


def same(one: str, other: str, *rules: Rule) -> bool:
    return not differences(read_json(one), read_json(other), rules).found


@given(DOCUMENTS, RULES)
def test_normalising_twice_is_normalising_once(value: Json, rules: tuple[Rule, ...]) -> None:
    once = normalise(value, rules)

    assert sameness(normalise(once, rules)) == sameness(once)


@given(VALUES, st.lists(rules_at(st.just(ROOT)), max_size=4).map(tuple))
def test_settling_twice_is_settling_once(value: Json, rules: tuple[Rule, ...]) -> None:
    once = settle(value, rules)

    assert sameness(settle(once, rules)) == sameness(once)


@given(DOCUMENTS, RULES)
def test_what_is_equal_stays_equal_under_any_rules(value: Json, rules: tuple[Rule, ...]) -> None:
    assert not differences(value, value, rules).found


@given(VALUES, VALUES, st.lists(rules_at(st.just(ROOT)), min_size=1, max_size=4).map(tuple))
def test_what_one_rule_makes_equal_no_other_makes_different(one: Json, other: Json, rules: tuple[Rule, ...]) -> None:
    if any(are_alike(one, other, (rule,)) for rule in rules):
        assert are_alike(one, other, rules)


@given(DOCUMENTS, DOCUMENTS, st.lists(rules_at(PATHS), max_size=3).map(tuple))
def test_rules_do_not_care_which_side_is_which(one: Json, other: Json, rules: tuple[Rule, ...]) -> None:
    assert bool(differences(one, other, rules).found) == bool(differences(other, one, rules).found)


@given(DOCUMENTS, DOCUMENTS)
def test_ignoring_the_document_ignores_all_of_it(one: Json, other: Json) -> None:
    assert not differences(one, other, (Ignore(path=ROOT),)).found
    assert not differences({"x": one}, {}, (Ignore(path=parse_path("$.x")),)).found
    assert not differences({}, {"x": one}, (Ignore(path=parse_path("$.x")),)).found
    assert not differences([one], [other], (Ignore(path=parse_path("$[0]")),)).found


@given(st.lists(DOCUMENTS, max_size=5).flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_an_unordered_list_equals_any_order_of_itself(lists: tuple[list[Json], list[Json]]) -> None:
    assert not differences(*lists, (Unordered(path=ROOT),)).found


@given(st.uuids(), st.uuids())
def test_any_uuid_is_as_good_as_any_other(one: object, other: object) -> None:
    assert same(f'"{one}"', f'"{other}"', Uuid(path=ROOT))
    assert not same(f'"{one}"', '"none"', Uuid(path=ROOT))


@given(st.integers(0, 2_000_000_000), st.integers(-100, 100))
def test_times_may_be_so_far_apart_and_no_further(at: int, apart: int) -> None:
    assert same(str(at), str(at + apart), Within(path=ROOT, seconds=50)) is (abs(apart) <= 50)


@pytest.mark.parametrize(
    ("one", "other", "rule", "alike"),
    [
        ("1", "1.0", Numeric(path=ROOT), True),
        ("1", "true", Numeric(path=ROOT), False),
        ("1", "2.0", Numeric(path=ROOT), False),
        ('"1"', "1", Numeric(path=ROOT), False),
        ("0.1249", "0.1201", Round(path=ROOT, digits=2), True),
        ("0.125", "0.135", Round(path=ROOT, digits=2), False),
        ("0.1", "0.100", Round(path=ROOT, digits=2), True),
        ("-0.001", "0.001", Round(path=ROOT, digits=2), True),
        ("1", "1.001", Round(path=ROOT, digits=2), True),
        ("1e99999", "1e99999", Round(path=ROOT, digits=2), True),
        ("1e-99999", "0.0", Round(path=ROOT, digits=2), True),
        ('"0.121"', '"0.122"', Round(path=ROOT, digits=1), False),
        ('"ABC"', '"abc"', Lower(path=ROOT), True),
        ("null", '"abc"', Lower(path=ROOT), False),
        ('"ACTIVE"', "1", MapValues(path=ROOT, pairs=(("ACTIVE", 1),)), True),
        ('"ACTIVE"', "true", MapValues(path=ROOT, pairs=(("ACTIVE", 1),)), False),
        ('"PASSIVE"', "1", MapValues(path=ROOT, pairs=(("ACTIVE", 1),)), False),
        ('"2026-11-24T07:00:00Z"', '"2026-11-24T08:00:01.5+01:00"', Within(path=ROOT, seconds=2), True),
        ('"2026-11-24T07:00:00"', '"2026-11-24T07:00:03"', Within(path=ROOT, seconds=2), False),
        ('"soon"', '"later"', Within(path=ROOT, seconds=2), False),
        ("null", "false", Within(path=ROOT, seconds=2), False),
        ("true", "false", Within(path=ROOT, seconds=2), False),
        ("null", "{}", Within(path=ROOT, seconds=2), False),
        ("[]", "null", Lower(path=ROOT), False),
        ("1764000000000", "1764000001000", Within(path=ROOT, seconds=2), True),
        ("1764000000000", "1764000003000", Within(path=ROOT, seconds=2), False),
        ("1764000000.25", "1764000001.5", Within(path=ROOT, seconds=2), True),
        ("1764000000", "1764000000.0", Within(path=ROOT, seconds=2), False),
        ("1" + "0" * 40, "2" + "0" * 40, Within(path=ROOT, seconds=2), False),
    ],
)
def test_what_each_rule_holds_for_the_same(one: str, other: str, rule: Rule, alike: bool) -> None:
    assert same(one, other, rule) is alike
    assert same(other, one, rule) is alike


@pytest.mark.parametrize("at", [1_764_000_000, 1_764_000_000_000, 1_764_000_000_000_000, 1_764_000_000_000_000_000])
def test_an_epoch_tells_its_unit_by_its_size(at: int) -> None:
    assert seconds_of(at) == 1_764_000_000.0


def test_unordered_by_a_member_compares_what_belongs_together() -> None:
    rule = Unordered(path=parse_path("$.items"), by="id")
    one = read_json('{"items": [{"id": 1, "x": 1}, {"id": 2, "x": 2}, {"y": 3}, {"id": 9}]}')
    other = read_json('{"items": [{"y": 3}, {"id": 2, "x": 5}, {"id": 1, "x": 1}, {"id": 7}]}')

    found = differences(one, other, (rule,)).found

    assert [(item.kind.value, item.place, item.primary, item.shadow) for item in found] == [
        ("value", ("items", 1, "x"), 2, 5),
        ("missing", ("items", 3), {"id": b"9"}, None),
        ("extra", ("items", 3), None, {"id": b"7"}),
    ]


def test_unordered_lists_of_another_length_tell_what_is_missing() -> None:
    rules = (Unordered(path=ROOT), Ignore(path=parse_path("$[*].t")))

    assert [(item.kind.value, item.place) for item in differences([1, 2, 3], [3, 1], rules).found] == [
        ("missing", (1,))
    ]
    assert [(item.kind.value, item.place) for item in differences([1], [1, 1], rules).found] == [("extra", (1,))]
    assert not differences([{"t": 1, "a": 1}, {"t": 2, "a": 2}], [{"t": 3, "a": 2}, {"t": 4, "a": 1}], rules).found


def test_a_map_is_checked_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="mapped again"):
        MapValues(path=ROOT, pairs=(("a", "b"), ("b", "c")))
    with pytest.raises(ValueError, match="can be mapped"):
        MapValues(path=ROOT, pairs=((["a"], "b"),))
    with pytest.raises(ValueError, match="0 to 15"):
        Round(path=ROOT, digits=16)
    with pytest.raises(ValueError, match="seconds"):
        Within(path=ROOT, seconds=-1)


def test_a_mapped_value_is_none_that_a_document_can_have() -> None:
    assert settle("ACTIVE", (MapValues(path=ROOT, pairs=(("ACTIVE", 1),)),)) != 1
    assert settle(Decimal(2), ()) == Decimal(2)
