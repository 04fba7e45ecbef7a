"""Differences by structure."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import MAX_DEPTH, MAX_DIFFERENCES, Difference, Json, Kind
from strangler.core.document import read_json
from strangler.core.jsonpath import parse_path
from strangler.core.rewrite import Ignore, Numeric, Unordered
from strangler.core.rulebook import normalise
from tests.core.documents import DOCUMENTS, differences, sameness, written


@given(DOCUMENTS)
def test_nothing_differs_from_itself(value: Json) -> None:
    assert differences(value, value) == ((), False)


@given(DOCUMENTS, DOCUMENTS)
def test_nothing_differs_only_between_the_same_documents(one: Json, other: Json) -> None:
    assert (not differences(one, other).found) == (sameness(one) == sameness(other))


@given(DOCUMENTS, DOCUMENTS)
def test_what_one_side_misses_the_other_has_too_much(one: Json, other: Json) -> None:
    mirrored = {Kind.MISSING: Kind.EXTRA, Kind.EXTRA: Kind.MISSING}

    there, back = (differences(a, b).found for a, b in ((one, other), (other, one)))

    assert {(mirrored.get(item.kind, item.kind), item.place) for item in there} == {
        (item.kind, item.place) for item in back
    }


@given(st.lists(DOCUMENTS, min_size=2, max_size=5).flatmap(lambda v: st.tuples(st.just(v), st.permutations(v))))
def test_another_order_is_told_as_one_difference(lists: tuple[list[Json], list[Json]]) -> None:
    one, other = map(written, lists)

    found = differences(one, other).found

    if sameness(lists[0]) != sameness(lists[1]):
        assert found == (Difference(kind=Kind.ORDER, primary=one, shadow=other),)


def told(one: str, other: str) -> list[tuple[str, tuple[str | int, ...], Json, Json]]:
    found = differences(read_json(one), read_json(other)).found
    return [(item.kind.value, item.place, item.primary, item.shadow) for item in found]


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("1", "1.0", [("type", (), 1, Decimal("1.0"))]),
        ("1", "true", [("type", (), 1, True)]),
        ("0", "false", [("type", (), 0, False)]),
        ("1.0", "1.00", []),
        ("100.0", "1e2", []),
        ("12345678901234567890.1", "12345678901234567890.2", [
            ("value", (), Decimal("12345678901234567890.1"), Decimal("12345678901234567890.2"))]),
        ('{"a": null}', "{}", [("missing", ("a",), None, None)]),
        ("{}", '{"a": null}', [("extra", ("a",), None, None)]),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', []),
        ('{"a": [{"b": "x"}]}', '{"a": [{"b": "y"}]}', [("value", ("a", 0, "b"), "x", "y")]),
        ('{"a": {}}', '{"a": []}', [("type", ("a",), {}, [])]),
        ('{"a": {}}', '{"a": 1}', [("type", ("a",), {}, 1)]),
        ("[1, 2]", "[1]", [("length", (), 2, 1)]),
        ("[1, 2, 3]", "[3, 1, 2]", [("order", (), [b"1", b"2", b"3"], [b"3", b"1", b"2"])]),
        ("[1, 2, 3]", "[1, 5, 3]", [("value", (1,), 2, 5)]),
        ("[1, 2, 1]", "[2, 1, 2]", [("value", (0,), 1, 2), ("value", (1,), 2, 1), ("value", (2,), 1, 2)]),
        ("[1, true]", "[true, 1.0]", [("type", (0,), 1, True), ("type", (1,), True, Decimal("1.0"))]),
        ('{"a": 1, "a": 2}', '{"a": 2}', [("duplicate", ("a",), 2, 1)]),
        ('{"a": 2}', '{"a": 1, "a": 2}', [("duplicate", ("a",), 1, 2)]),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}', []),
        ('{"a": 1, "a": 2}', '{"a": 3, "a": 2}', [("value", ("a",), 1, 3)]),
        ('{"a": 1, "a": 2, "b": 1}', '{"c": 5}', [
            ("missing", ("a",), 2, None), ("missing", ("b",), 1, None), ("extra", ("c",), None, 5)]),
    ],
)  # fmt: skip
def test_differences_are_typed_and_placed(one: str, other: str, found: list[object]) -> None:
    assert told(one, other) == found


def test_differences_are_bounded_and_say_so() -> None:
    one: Json = [{"x": index} for index in range(200)]
    other: Json = [{"x": -index - 1} for index in range(200)]

    found, is_cut = differences(one, other)

    assert (len(found), is_cut) == (MAX_DIFFERENCES, True)


def test_another_order_is_seen_behind_more_differences_than_are_kept() -> None:
    one: list[Json] = [{str(name): index for name in range(100)} for index in range(10)]
    other: list[Json] = list(reversed(one))

    assert [item.kind for item in differences(one, other).found] == [Kind.ORDER]
    assert not differences(one, other, (Unordered(path=parse_path("$")),)).found


def test_lists_too_large_to_be_matched_are_compared_in_order() -> None:
    one: list[Json] = [1, 2, 3]
    other: list[Json] = [3, 2, 1]
    unordered = (Unordered(path=parse_path("$")),)

    assert [item.kind for item in differences(one, other, matches=20).found] == [Kind.VALUE, Kind.VALUE]
    assert [item.kind for item in differences(one, other, unordered, matches=20).found] == [Kind.VALUE, Kind.VALUE]
    assert [item.kind for item in differences(one, [1], unordered, matches=0).found] == [Kind.LENGTH]


@given(st.integers(1, 3000))
def test_what_has_to_be_rewritten_is_bounded_too(matches: int) -> None:
    one: list[Json] = [{"t": index} for index in range(5)]
    other: list[Json] = [{"t": Decimal(index)} for index in range(1, 6)]
    rules = (Unordered(path=parse_path("$")), Numeric(path=parse_path("$[*].t")))

    found = differences(one, other, rules, matches=matches).found

    assert len(found) in (1, 5)
    assert len(differences(one, other, rules).found) == 1
    assert len(differences(one, [*other, 1], rules, matches=matches).found) <= 2
    assert len(differences([1, 2], [2, 1, 3], (Unordered(path=parse_path("$")),)).found) == 1


def test_nested_lists_of_any_order_do_not_multiply_the_cost() -> None:
    one: Json = [[0, 1], 2]
    other: Json = [2, [1, 5]]
    for _ in range(40):
        one, other = [one, 0], [other, 1]

    found = differences(
        one, other, (Unordered(path=parse_path("$")), Unordered(path=parse_path("$..[*]"))), matches=10_000
    )

    assert found.found


def nested(levels: int, leaf: Json) -> Json:
    value = leaf
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_depth_is_bounded() -> None:
    assert differences(nested(MAX_DEPTH, 1), nested(MAX_DEPTH, 2)).found
    pairs: list[tuple[Json, Json]] = [(1, 2), ({}, {"b": 1})]
    for leaves in pairs:
        with pytest.raises(RecursionError):
            differences(nested(MAX_DEPTH + 1, leaves[0]), nested(MAX_DEPTH + 1, leaves[1]))
    assert differences([nested(MAX_DEPTH, [])], [nested(MAX_DEPTH, [])]) == ((), False)
    with pytest.raises(RecursionError):
        normalise(nested(MAX_DEPTH + 1, 1), (Ignore(path=parse_path("$..x")),))


def test_rules_reach_objects_with_a_name_twice() -> None:
    rules = (Ignore(path=parse_path("$.b")), Numeric(path=parse_path("$.a")))
    one, other = read_json('{"a": 1, "a": 2, "b": 1}'), read_json('{"a": 1.0, "a": 2, "b": 7}')

    assert not differences(one, other, rules).found
    assert normalise(one, rules) == normalise(other, rules)


def test_elements_are_found_elsewhere_however_they_are_written() -> None:
    unordered = (Unordered(path=parse_path("$")),)
    one, other = read_json('[{"a": 1.0, "b": 2}, 3, 4]'), read_json('[3, 4, {"b": 2, "a": 1.00}]')
    twice, again = read_json('[{"a": 1, "a": 2}, 3, 3]'), read_json('[3, {"a": 1, "a": 2}, 3]')

    assert not differences(one, other, unordered).found
    assert not differences(twice, again, unordered).found
    assert [item.kind for item in differences(twice, again).found] == [Kind.ORDER]
    assert [item.place for item in differences([1, 1, 2], [2, 1, 5], unordered).found] == [(0,)]


def test_elements_that_only_look_alike_are_told_apart() -> None:
    one: Json = ["\ud8001", 5]
    other: Json = [5, Decimal(1)]

    assert differences(one, other, (Unordered(path=parse_path("$")),)).found


def test_an_index_is_followed_where_a_rule_names_one() -> None:
    rules = (Ignore(path=parse_path("$[1]")),)

    assert not differences([1, 2, 3], [1, 9, 3], rules).found
    assert [item.place for item in differences([1, 2, 3], [1, 9, 4], rules).found] == [(2,)]
    assert normalise([1, 2], rules) == [1, "ignored"]
