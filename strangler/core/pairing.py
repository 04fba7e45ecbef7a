"""Pairing: for which places two comparisons of one request tell anything of noise.

A place that one of them never looked at did not stay the same there. So a place in the body takes part only if both
looked at both bodies to their end, and neither found something else above it.
"""

from collections.abc import Callable, Iterable

from strangler.core.comparison import Comparison, Difference, Kind
from strangler.core.grouping import GroupKey
from strangler.core.noise import Pairs, pair

_HEADS = (Kind.STATUS, Kind.HEADER)


def pairs_of(raw: Comparison, noise: Comparison, key_of: Callable[[Difference], GroupKey]) -> dict[GroupKey, Pairs]:
    """Return one paired sample for each group that differs in either: between the sides, or within the primary."""
    between, within = _first(raw.differences, key_of), _first(noise.differences, key_of)
    is_blind = _is_blind(raw) or _is_blind(noise)
    found: dict[GroupKey, Pairs] = {}
    for key in {**between, **within}:
        one, other = between.get(key), within.get(key)
        if not _is_head(one or other) and (
            is_blind or _is_hidden(one, other, noise.differences) or _is_hidden(other, one, raw.differences)
        ):
            continue
        found[key] = pair(raw=one is not None, noise=other is not None)
    return found


def _first(differences: Iterable[Difference], key_of: Callable[[Difference], GroupKey]) -> dict[GroupKey, Difference]:
    found: dict[GroupKey, Difference] = {}
    for difference in differences:
        found.setdefault(key_of(difference), difference)
    return found


def _is_head(difference: Difference | None) -> bool:
    return difference is not None and difference.kind in _HEADS


def _is_blind(comparison: Comparison) -> bool:
    """Return whether a comparison did not look at the bodies, or not at all of them."""
    has_status = any(difference.kind is Kind.STATUS for difference in comparison.differences)
    return has_status or comparison.is_cut or comparison.obstacle is not None


def _is_hidden(one: Difference | None, other: Difference | None, others: Iterable[Difference]) -> bool:
    """Return whether what differs in one comparison alone stands below something that differs in the other."""
    if one is None or other is not None:
        return False
    above = (found.place for found in others if found.kind not in _HEADS)
    return any(len(place) < len(one.place) and one.place[: len(place)] == place for place in above)
