"""Generated JSON documents, as the deciders hold them."""

from decimal import Decimal

from hypothesis import strategies as st

from strangler.core.comparison import Json
from strangler.core.diff import Differences, diff
from strangler.core.document import dump_json, read_json
from strangler.core.matching import MAX_MATCHED
from strangler.core.rewrite import Rule

NAMES = st.sampled_from(["id", "name", "items", "at", "x", "a b", "ü", ""]) | st.text(max_size=4)
REALS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000)
SCALARS: st.SearchStrategy[Json] = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.integers(), REALS, st.text(max_size=6), st.just(Decimal("1.0"))
)
DOCUMENTS: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def written(value: Json) -> Json:
    """Return a document with its numbers as they are written, which is how documents are compared."""
    return read_json(dump_json(value))


def differences(one: Json, other: Json, rules: tuple[Rule, ...] = (), *, matches: int = MAX_MATCHED) -> Differences:
    """Return what differs between two documents."""
    return diff(written(one), written(other), rules, matches=matches)


def sameness(value: Json) -> object:
    """Return something that is equal for the same JSON and for no other, told without the code under test."""
    match value:
        case dict():
            return "object", frozenset((name, sameness(inner)) for name, inner in value.items())
        case list():
            return "list", tuple(sameness(inner) for inner in value)
        case _:
            return type(value).__name__, value
