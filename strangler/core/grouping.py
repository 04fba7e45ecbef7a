"""Grouping: the place of a difference without what tells one document from the next."""

import re
from collections.abc import Callable
from functools import lru_cache

from strangler.core.comparison import Difference, Kind, Place
from strangler.core.jsonpath import JsonPath, advance, hits, print_place, start
from strangler.core.secrets import is_secret_name, mask_text

GroupKey = tuple[str, str]
"""A place without its indexes, and a kind."""

MAX_PLACE = 512
"""Characters of a printed place; a document may have names of any length."""

_LONGEST_NAME = 64
"""Characters of a name whose secrecy is remembered."""

_ID = re.compile(
    r"[0-9]+|[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|(?=[^0-9]*[0-9])[0-9a-f]{12,}"
    r"|(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{20,}|[^@\s]+@[^@\s]+",
    re.IGNORECASE,
)
"""Names that say which, not what: numbers, UUIDs, long hexadecimal, long mixes of letters and digits, addresses."""


def is_id(name: str) -> bool:
    """Return whether a name says which, not what: a number, a UUID, a long mix of letters and digits, an address."""
    return _ID.fullmatch(name) is not None


def general_place(
    place: Place, paths: tuple[JsonPath, ...] = (), hides: Callable[[str], bool] = lambda _name: False
) -> str:
    """Return a place with `[*]` for its indexes and for names that are ids, and `[known]` for those that are hidden.

    What stands below a secret, by its name or by one of the paths, is told as `..[*]`, because names may tell it.
    """
    steps, state = [], start(paths)
    for key in place:
        steps.append(_step(key, hides))
        state = advance(paths, state, key)
        if len(steps) < len(place) and (_is_secret(key) or hits(paths, state)):
            steps.append("..[*]")
            break
    # Because JSON may escape half of a surrogate pair, which no encoding can write.
    text = "".join(steps)[: MAX_PLACE + 1].encode("utf-8", "backslashreplace").decode("utf-8")
    return "$" + (text if len(text) <= MAX_PLACE else text[:MAX_PLACE] + "...")


def group_key(
    difference: Difference, paths: tuple[JsonPath, ...] = (), hides: Callable[[str], bool] = lambda _name: False
) -> GroupKey:
    """Return which group a difference belongs to; `paths` and `hides` say what else may not be told of its place."""
    match difference.kind:
        case Kind.STATUS:
            return "status", difference.kind.value
        case Kind.HEADER:
            return f"header {difference.place[0]}", difference.kind.value
        case _:
            # Because a member's name may be somebody's card or address.
            place = mask_text(general_place(difference.place, paths, hides), _named)
            return printable(place), difference.kind.value


def printable(text: str) -> str:
    """Return text that has an encoding: JSON may write half a surrogate pair, which has none."""
    return text.encode("utf-8", "backslashreplace").decode()


def _step(key: str | int, hides: Callable[[str], bool]) -> str:
    if isinstance(key, str) and hides(key):
        return ".[known]"
    return "[*]" if isinstance(key, int) or is_id(key) else print_place((key,)).removeprefix("$")


def _is_secret(key: str | int) -> bool:
    # Because a longer name is none that anybody chose for what stands under it, it would only fill the memory.
    return isinstance(key, str) and (_is_secret_name(key) if len(key) <= _LONGEST_NAME else is_secret_name(key))


@lru_cache(maxsize=4_096)
def _is_secret_name(name: str) -> bool:
    return is_secret_name(name)


def _named(what: str, _: str) -> str:
    return f"[{what}]"
