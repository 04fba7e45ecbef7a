"""A fault is found at its line, however the JSON is laid out, and without reading the rest again."""

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from strangler.flags.lines import JsonLines, YamlLines

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=25,
)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of each value inside, itself not included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for name, item in inner for found in ((*path, name), *paths(item, (*path, name)))]


@given(document=documents)
def test_with_one_member_a_line_each_path_has_the_line_that_it_is_written_on(document: Any) -> None:
    text = json.dumps(document, indent=1)

    lines = JsonLines(text)

    # Because `indent` puts each member on a line of its own, in the order in which the paths are listed.
    opened = [at for at, line in enumerate(text.splitlines(), 1) if line.strip() not in ("]", "],", "}", "},")]
    assert [lines.of(path) for path in paths(document)] == opened[1:]


@given(document=documents)
def test_on_one_line_everything_is_on_the_first(document: Any) -> None:
    lines = JsonLines(json.dumps(document))

    assert {lines.of(path) for path in paths(document)} <= {1}


def test_a_field_that_is_missing_is_told_with_the_line_of_what_it_is_missing_in() -> None:
    text = '{\n "flags": {\n  "f": {"on": true}\n}}'

    assert JsonLines(text).of(("flags", "f", "variations")) == 3
    assert YamlLines(yaml.compose(text)).of(("flags", "f", "variations")) == 3
    assert JsonLines(text).of(("segments",)) == 0
