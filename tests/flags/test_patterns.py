"""Which patterns a caller could make take for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.flags.patterns import may_stall
from strangler.flags.validate import cautions
from tests.support.flags import percent_flag


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(\w+\.?)+@x$",
        "(a*)*",
        "(a+)+b",
        "(?:a+b?)*",
        "(a{2,})+",
        "(a+){1,}",
        "((a+)b)*",
        "x(([a-z]+)|y)+",
        r"([\])]+)*",
        "([]+]*)+",
    ],
)
def test_a_repeat_inside_a_repeat_is_one(pattern: str) -> None:
    assert may_stall(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^DE$",
        r".*@example\.com$",
        "(foo|bar)+",
        "(a+)?b",
        "(a+){2,3}",
        "(a{2,3})+",
        r"(\+\*)+",
        "([*+])+",
        r"([\]*])+",
        r"(\(a+\))",
        "a+b*c{2,}",
        "(a+)b+",
        "a+(b)+",
    ],
)
def test_what_does_not_repeat_a_repeat_is_none(pattern: str) -> None:
    assert not may_stall(pattern)


@given(st.text("()[]{}*+?\\|^,12ab"))
def test_any_text_at_all_is_judged(text: str) -> None:
    assert may_stall(text) in (True, False)


def test_a_flag_with_such_a_pattern_is_taken_with_a_caution() -> None:
    def flag(pattern: str) -> dict[str, object]:
        clause = {"attribute": "mail", "op": "matches", "values": ["^a", pattern]}
        return percent_flag("f", 0, rules=[{"clauses": [clause], "variation": 1}])

    assert ["(a+)+" in caution for caution in cautions(flag("(a+)+"))] == [True]
    assert cautions(flag("a+")) == ()
