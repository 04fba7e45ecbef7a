"""From the rules of a routes file to those that compare."""

from strangler.core.compare import Comparing
from strangler.core.document import parse_json
from strangler.core.jsonpath import parse_path
from strangler.core.rewrite import Ignore, Lower, MapValues, Numeric, Round, Rule, Unordered, Uuid, Within
from strangler.core.shadowing import PathRule, RuleKind, Shadow


def rule_of(rule: PathRule) -> Rule:
    """Return what compares; raise ValueError with what is wrong with the rule and what to write."""
    path = parse_path(rule.path)
    match rule.kind:
        case RuleKind.IGNORE:
            return Ignore(path=path)
        case RuleKind.UNORDERED:
            return Unordered(path=path, by=rule.by or None)
        case RuleKind.ROUND:
            return Round(path=path, digits=rule.digits)
        case RuleKind.NUMERIC:
            return Numeric(path=path)
        case RuleKind.WITHIN:
            return Within(path=path, seconds=rule.seconds)
        case RuleKind.UUID:
            return Uuid(path=path)
        case RuleKind.LOWER:
            return Lower(path=path)
        case _:
            # RuleKind.MAP; each kind has a test.
            pairs = tuple((parse_json(old), parse_json(new)) for old, new in rule.pairs)
            return MapValues(path=path, pairs=pairs)


def comparing_of(shadow: Shadow) -> Comparing:
    """Return how a route's answers are compared; its rules have been checked when the file was read."""
    return Comparing(headers=shadow.headers, rules=tuple(map(rule_of, shadow.rules)))
