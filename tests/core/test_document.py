"""JSON text, read so that nothing is lost."""

import json
from decimal import Decimal

import pytest
from hypothesis import given

from strangler.core.comparison import Json
from strangler.core.document import HugeNumber, Repeated, dump_json, exact, parse_json, read_json, type_name
from tests.core.documents import DOCUMENTS, sameness, written


@given(DOCUMENTS)
def test_what_is_dumped_says_the_same(value: Json) -> None:
    again = parse_json(dump_json(value))

    assert sameness(again) == sameness(value)


@pytest.mark.parametrize(
    ("text", "value", "name"),
    [
        ("null", None, "null"),
        ("true", True, "boolean"),
        ("1", 1, "integer"),
        ("1.0", Decimal("1.0"), "number"),
        ("1e2", Decimal("1e2"), "number"),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827"), "number"),
        ("123456789012345678901234567890", 123456789012345678901234567890, "integer"),
        ("9" * 5000, HugeNumber("9" * 5000), "huge number"),
        ("1e99999999999999999999", HugeNumber("1e99999999999999999999"), "huge number"),
        ('"x"', "x", "string"),
        ("[]", [], "array"),
        ("{}", {}, "object"),
    ],
)
def test_numbers_are_exact_and_types_are_apart(text: str, value: Json, name: str) -> None:
    parsed = parse_json(text)

    assert (parsed, type(parsed)) == (value, type(value))
    assert type_name(parsed) == name
    assert parse_json(dump_json(parsed)) == value
    assert (exact(read_json(text)), type(exact(read_json(text)))) == (value, type(value))


def test_a_document_with_a_huge_number_keeps_its_others_exact() -> None:
    assert parse_json(f"[{'9' * 5000}, 1, 0.5]") == ["9" * 5000, 1, Decimal("0.5")]


def test_a_name_that_stands_twice_is_kept_twice() -> None:
    parsed = parse_json('{"a": 1, "b": 2, "a": 3}')

    assert isinstance(parsed, Repeated)
    assert (parsed.under("a"), parsed.under("b"), parsed.under("c")) == ([1, 3], [2], [])
    assert dump_json(parsed) == '{"a": 1, "b": 2, "a": 3}'


@given(DOCUMENTS, DOCUMENTS)
def test_python_holds_documents_for_equal_only_if_they_say_the_same(one: Json, other: Json) -> None:
    assert written(one) == written(one)
    assert written(one) != written(other) or sameness(one) == sameness(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('{"a": 2}', '{"a": 1, "a": 2}'),
        ('{"a": 1, "a": 2}', '{"a": 3, "a": 2}'),
        ('[{"a": 1, "a": 2}]', '[{"a": 2}]'),
        ('{"a": 1, "a": 2}', "[]"),
    ],
)
def test_python_holds_nothing_for_equal_to_an_object_with_a_name_twice_but_itself(one: str, other: str) -> None:
    assert read_json(one) != read_json(other)
    assert not read_json(one) == read_json(other)  # noqa: SIM201 -- because Python asks for each in its own way
    assert read_json(one) == read_json(one)


def test_numbers_of_any_size_are_told_as_they_are_written() -> None:
    assert dump_json(read_json("[1.00, -0, 12e+3]")) == "[1.00, -0, 12e+3]"
    assert [exact(number) for number in (b"-0", b"-7", b"-1.50", b"-1e2")] == [0, -7, Decimal("-1.50"), -100]
    assert exact(b"-" + b"9" * 5000) == HugeNumber("-" + "9" * 5000)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_read_as_itself_where_it_is_compared(text: str) -> None:
    value = read_json(f"[{text}]")

    assert value == read_json(f"[ {text} ]") != read_json(f'["{text}"]')
    assert isinstance(value, list)
    assert exact(value[0]) == HugeNumber(text)
    assert dump_json(value) == f"[{text}]"
    with pytest.raises(ValueError, match=text):
        parse_json(text)


@pytest.mark.parametrize("text", ["nan", "inf", "{", "", "01", "'a'", "[1,]", "+Infinity"])
def test_what_is_no_json_is_refused(text: str) -> None:
    for read in (parse_json, read_json):
        with pytest.raises(ValueError, match=r".*"):
            read(text)


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    with pytest.raises(RecursionError):
        parse_json("[" * 1_000_000)


def test_half_a_surrogate_survives() -> None:
    assert json.loads(dump_json(parse_json('"\\ud800"'))) == "\ud800"
