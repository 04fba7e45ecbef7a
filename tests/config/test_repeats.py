"""Names that stand twice in one object of a JSON text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.config.repeats import first_repeat

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1, "a": 2}', ("a", 9)),
        ('{"a": 1, "\\u0061": 2}', ("a", 9)),
        ('[{"a": "a"}, {"b": {"a": 1,\n"c": 2, "c" : 3}}]', ("c", 36)),
        ('{"{\\"": ["}", 1], "{\\"": 2}', ('{"', 18)),
        ('{"a": ["a", "a"], "b": {"a": 1}}', None),
        (f"[{'9' * 5_000}]", None),
        ("7", None),
    ],
)
def test_a_name_is_found_where_it_stands_again(text: str, found: tuple[str, int] | None) -> None:
    assert first_repeat(text) == found


@given(VALUES)
def test_what_is_written_from_values_repeats_nothing(value: object) -> None:
    assert first_repeat(json.dumps(value)) is None


@given(VALUES, st.text(), VALUES)
def test_a_name_that_is_put_twice_is_found_however_deep(value: object, name: str, other: object) -> None:
    word = json.dumps(name)
    text = f"[{json.dumps(other)}, {{{word}: {json.dumps(value)}, {word}: {json.dumps(other)}}}]"

    found = first_repeat(text)

    assert found is not None
    assert (found[0], text[found[1] :].startswith(word)) == (name, True)
