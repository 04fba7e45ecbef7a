"""The rules of a routes file compare as they say, each kind of them, and a wrong one says what to write."""

import pytest

from strangler.core.compare import Comparing, compare
from strangler.core.comparison import Result
from strangler.core.jsonpath import parse_path
from strangler.core.offer import Answer
from strangler.core.pathrules import comparing_of, rule_of
from strangler.core.rewrite import Ignore, Unordered
from strangler.core.shadowing import PathRule, RuleKind, Shadow

RULES = (
    (PathRule(kind=RuleKind.IGNORE, path="$.a"), '{"a": 1}', '{"a": 2}', '{"b": 2}'),
    (PathRule(kind=RuleKind.UNORDERED, path="$"), "[1, 2]", "[2, 1]", "[2, 2]"),
    (
        PathRule(kind=RuleKind.UNORDERED, path="$", by="id"),
        '[{"id": 1, "n": 1}, {"id": 2, "n": 2}]',
        '[{"id": 2, "n": 2}, {"id": 1, "n": 1}]',
        '[{"id": 2, "n": 1}, {"id": 1, "n": 2}]',
    ),
    (PathRule(kind=RuleKind.ROUND, path="$", digits=2), "0.123", "0.124", "0.13"),
    (PathRule(kind=RuleKind.NUMERIC, path="$"), "1", "1.0", "1.1"),
    (
        PathRule(kind=RuleKind.WITHIN, path="$", seconds=2.0),
        '"2026-01-01T00:00:00Z"',
        '"2026-01-01T00:00:02Z"',
        '"2026-01-01T00:00:03Z"',
    ),
    (
        PathRule(kind=RuleKind.UUID, path="$"),
        '"00000000-0000-0000-0000-000000000001"',
        '"00000000-0000-0000-0000-000000000002"',
        '"none"',
    ),
    (PathRule(kind=RuleKind.LOWER, path="$"), '"EUR"', '"eur"', '"usd"'),
    (PathRule(kind=RuleKind.MAP, path="$", pairs=(("1", '"one"'), ("true", "null"))), "1", '"one"', '"1"'),
)


def json(text: str) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status=200, headers=((b"content-type", b"application/json"),), body=text.encode())


def test_every_kind_of_rule_is_tried_here() -> None:
    assert {rule.kind for rule, *_ in RULES} == set(RuleKind)


@pytest.mark.parametrize(("rule", "ours", "alike", "other"), RULES, ids=[rule.kind for rule, *_ in RULES])
def test_a_rule_excuses_what_it_says_and_nothing_else(rule: PathRule, ours: str, alike: str, other: str) -> None:
    how = comparing_of(Shadow(rules=(rule,)))

    assert compare(json(ours), json(alike), Comparing()).result is Result.DIFFERENT
    assert compare(json(ours), json(alike), how).result is Result.IGNORED
    assert compare(json(ours), json(other), how).result is Result.DIFFERENT


def test_the_headers_are_those_of_the_route_and_the_rules_keep_their_order() -> None:
    rules = (PathRule(kind=RuleKind.UNORDERED, path="$.a", by="id"), PathRule(kind=RuleKind.IGNORE, path="$..b"))

    how = comparing_of(Shadow(headers=("etag",), rules=rules))

    assert how == Comparing(
        headers=("etag",),
        rules=(Unordered(path=parse_path("$.a"), by="id"), Ignore(path=parse_path("$..b"))),
    )


def test_a_route_that_says_nothing_compares_as_the_comparison_does_by_default() -> None:
    assert comparing_of(Shadow()) == Comparing()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (PathRule(kind=RuleKind.IGNORE, path="a"), r"a path starts with `\$`; write `\$.a`"),
        (PathRule(kind=RuleKind.ROUND, path="$", digits=99), "99 decimals cannot be rounded to; write 0 to 15"),
        (PathRule(kind=RuleKind.WITHIN, path="$", seconds=-1.0), "write 0 or more"),
        (PathRule(kind=RuleKind.MAP, path="$", pairs=(("1", "2"), ("2", "3"))), "mapped to and mapped again; map"),
        (PathRule(kind=RuleKind.MAP, path="$", pairs=(("[1]", "2"),)), "can be mapped; use `ignore`"),
    ],
)
def test_a_rule_that_cannot_be_meant_says_what_to_write(rule: PathRule, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rule_of(rule)
