"""Patterns: regular expressions of flag rules that a caller can make take for ever.

The SDK searches with Python's `re`, which tries every way to share a text out among repeats inside repeats:
`([a-z]+-?)+@` takes a second for 24 letters and twice that for each further one. So a caller who chooses the
attribute keeps a worker busy until `stall` ends it.
"""

import re

_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def may_stall(pattern: str) -> bool:
    """Return whether a group that repeats without bound has a repeat without bound inside."""
    repeats = [False]
    """For the pattern and each group that is open: whether something in it repeats without bound."""
    position = 0
    while position < len(pattern):
        atom = _ATOM.match(pattern, position)
        if atom is not None:
            position = atom.end()
            continue
        sign = pattern[position]
        found = _UNBOUNDED.match(pattern, position)
        position += 1
        if sign == "(":
            repeats.append(False)
        elif sign == ")" and len(repeats) > 1:
            inner = repeats.pop()
            if inner and _UNBOUNDED.match(pattern, position):
                return True
            repeats[-1] |= inner
        elif found is not None:
            repeats[-1] = True
            position = found.end()
    return False
