"""Repeats: a name that stands twice in one object of a JSON text, of which readers would take the last unsaid."""

import json
import re
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_COLON = re.compile(r"[ \t\r\n]*:")


def first_repeat(text: str) -> tuple[str, int] | None:
    """Return the first name that stands twice in one object, and where it does so again; None if none does.

    The text is valid JSON. Raises RecursionError if it is nested too deep.
    """
    try:
        # Because what has no repeats, as nearly all, is read by C; and a long number is a fault of nobody here.
        json.loads(text, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except _RepeatedError:
        return _found(text)
    return None


class _RepeatedError(Exception):
    """A name stands twice."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _RepeatedError


def _found(text: str) -> tuple[str, int] | None:
    names: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "{" | "[":
                names.append(set())
            case "}" | "]":
                names.pop()
            case word if _COLON.match(text, token.end()):
                name = json.loads(word)
                if name in names[-1]:
                    return name, token.start()
                names[-1].add(name)
    return None
