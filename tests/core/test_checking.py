"""What an exported test accepts is what the comparison would accept, by the same rules."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.checking import ANY, Alike, Members, OfType, Unordered, parse, problems
from strangler.core.comparison import Json
from strangler.core.document import HugeNumber, dump_json, parse_json
from strangler.core.expecting import MAX_LEVELS, expect
from strangler.core.jsonpath import parse_path
from strangler.core.rewrite import Ignore, Lower, MapValues, Numeric, Round, Rule, Uuid, Within
from strangler.core.rewrite import Unordered as AnyOrder
from tests.core.documents import DOCUMENTS, differences

UUIDS = ("0b6cc1a4-7f0e-4c0a-9b4e-2d2c8a0f3b11", "11111111222233334444555555555555")
SCALARS: list[Json] = [
    "a", "A", "b", 1, 2, 0, True, False, None, Decimal("1.0"), Decimal("1.04"), Decimal("1.05"), Decimal("-0.04"),
    100, 1_700_000_000, 1_700_000_001_000, 10**40, "2024-01-01T00:00:00Z", "2024-01-01T00:00:01+00:00",
    "2024-01-01T00:00:09", *UUIDS,
]  # fmt: skip
VALUES = st.sampled_from(SCALARS)
PATHS = st.sampled_from(["$", "$.a", "$.b", "$..a", "$.*", "$[*]", "$.list", "$.list[*]", "$.list[*].a", "$.list[0]"])
DOCS: st.SearchStrategy[Json] = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "list"]), inner, max_size=3),
    max_leaves=8,
)


def rules_at(text: str) -> tuple[Rule, ...]:
    """Return a rule of each kind that says something of single values."""
    path = parse_path(text)
    return (
        Ignore(path=path),
        Round(path=path, digits=1),
        Numeric(path=path),
        Within(path=path, seconds=2.0),
        Uuid(path=path),
        Lower(path=path),
        MapValues(path=path, pairs=(("a", "b"), (1, None))),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    return draw(st.sampled_from(rules_at(draw(PATHS))))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json]:
    """Draw a document and one that is hardly another, or quite another."""
    one = draw(DOCS)
    return one, draw(st.just(one) | DOCS | st.just(_altered(draw, one)))


def _altered(draw: st.DrawFn, value: Json) -> Json:
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {key: inner for key, inner in value.items() if key != name}
        return {**value, name: _altered(draw, value[name])}
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _altered(draw, value[at]), *value[at + 1 :]]
    return draw(VALUES)


def is_accepted(one: Json, other: Json, *by: Rule) -> bool:
    return not problems(expect(one, one, by), parse(dump_json(other)))


@pytest.mark.parametrize("by", [(rule,) for rule in rules_at("$")] + [rules_at("$")[1:], rules_at("$")[4:]])
def test_every_rule_holds_the_same_values_for_alike_as_in_a_comparison(by: tuple[Rule, ...]) -> None:
    both = [(one, other) for one in SCALARS for other in SCALARS]

    wrong = [pair for pair in both if is_accepted(*pair, *by) == bool(differences(*pair, by).found)]

    assert wrong == []


@settings(max_examples=400)
@given(pairs(), st.lists(rules(), max_size=3))
def test_a_test_accepts_what_a_comparison_by_the_same_rules_finds_no_difference_in(
    both: tuple[Json, Json], by: list[Rule]
) -> None:
    one, other = both

    assert is_accepted(one, other, *by) == (not differences(one, other, tuple(by)).found)


@given(
    st.lists(DOCS, max_size=4).flatmap(lambda v: st.tuples(st.just(v), st.permutations(v) | st.lists(DOCS, max_size=4)))
)
def test_a_list_in_any_order_is_accepted_as_it_is_compared(lists: tuple[list[Json], list[Json]]) -> None:
    rule = AnyOrder(path=parse_path("$"))

    assert is_accepted(*lists, rule) == (not differences(*lists, (rule,)).found)


@given(DOCUMENTS)
def test_every_document_is_accepted_as_itself_and_nothing_is_said_of_a_secret_but_its_type(value: Json) -> None:
    assert is_accepted(value, value)
    assert expect("s3cret", "[redacted]", ()) == OfType("string")


def test_elements_that_belong_together_are_told_by_their_member() -> None:
    expected = expect(
        [{"id": 1, "x": 1}, {"id": 2, "x": 2}, 5],
        [{"id": 1, "x": 1}, {"id": 2, "x": 2}, 5],
        (AnyOrder(path=parse_path("$"), by="id"), Ignore(path=parse_path("$[*].seen"))),
    )

    assert problems(expected, parse('[5, {"id":2,"x":2,"seen":1}, {"id":1,"x":1}]')) == []
    assert problems(expected, parse('[5, {"id":2,"x":3}, {"id":1,"x":1}]')) == ["$[1].x is 3, not 2"]
    assert problems(expected, parse('[5, 5, {"id":2,"x":2}]')) == [
        "$[0], Members(members={'id': 1, 'x': 1}, may_have=('seen',), is_open=False), is missing",
        "$ has 5 too much",
    ]


@pytest.mark.parametrize(
    ("expected", "text", "found"),
    [
        ({"a": 1}, "{}", ["$.a is missing"]),
        ({"a": 1}, '{"a": 1, "b": 2}', ["$.b is too much"]),
        ({"a": 1}, "[]", ["$ is [], not an object"]),
        ([1, 2], "[1]", ["$ has 1 elements, not 2"]),
        ([1, 2], "[1, 3]", ["$[1] is 3, not 2"]),
        ([1], "{}", ["$ is {}, not a list"]),
        (Unordered([1]), "{}", ["$ is {}, not a list"]),
        (1, "1.0", ["$ is 1.0, not 1"]),
        (1, "true", ["$ is True, not 1"]),
        (OfType("integer"), "1.5", ["$ is of type number, not integer"]),
        (OfType("null"), "null", []),
        (Alike("a", (("lower",),)), '"b"', ["$ is 'b', not alike 'a'"]),
        (Alike("a", (("lower",),)), "[]", ["$ is [], not alike 'a'"]),
        (Members({}, is_open=True), '{"x": 1}', []),
        ("x" * 100, '"y"', ["$ is 'y', not '" + "x" * 79 + "..."]),
    ],
)
def test_what_is_wrong_is_told_by_place(expected: Any, text: str, found: list[str]) -> None:
    assert problems(expected, parse(text)) == found


@pytest.mark.parametrize("text", ["{", '{"a":1,"a":2}', "NaN", "[Infinity]"])
def test_what_is_no_json_or_says_a_thing_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|twice|is not JSON"):
        parse(text)


@pytest.mark.parametrize("text", ["9" * 4_500, "1e" + "9" * 30])
def test_a_number_that_python_does_not_read_is_no_fault_of_the_rest(text: str) -> None:
    assert problems({"a": 1, "b": ANY}, parse(f'{{"a":1,"b":{text}}}')) == []
    assert problems([OfType("integer")], parse(f"[{text}]")) == ["$[0] is of type huge number, not integer"]
    assert problems([1], parse(f"[{text}]")) != []


def test_what_cannot_be_said_is_not_asserted() -> None:
    deep: Json = 1
    for _ in range(MAX_LEVELS + 5):
        deep = [deep]
    huge = HugeNumber("1" * 5_000)
    hidden = expect({"a": 1, "b@c.example": 2, "c": 3}, {"a": 1, "[redacted]": 2, "c": 3}, ())
    merged = expect({"a@b.example": 1, "b@c.example": 2}, {"[redacted]": 2}, ())

    assert problems(expect(deep, deep, ()), parse(dump_json(deep).replace("1", "2"))) == []
    assert problems(expect(deep, deep, ()), parse("[]")) != []
    assert expect(huge, huge, ()) is ANY
    assert repr(ANY) == "ANY"
    assert expect(1, 1, (AnyOrder(path=parse_path("$")),)) == 1
    assert hidden == Members({"a": 1, "c": 3}, is_open=True)
    assert merged == Members({}, is_open=True)
    with pytest.raises(ValueError, match="twice"):
        expect(parse_json('{"a":1,"a":2}'), parse_json('{"a":1,"a":2}'), ())
