"""Bounds: how large and how deep flag data may be, so that no data set can stop the workers that read it."""

from strangler.errors import FlagError

MAX_DOCUMENT_BYTES = 16 * 1_048_576
"""About 30,000 flags; a bound, because the whole document goes to every worker, in one message of the link's 64 MiB."""
MAX_DEPTH = 64
"""Levels of lists and objects. A flag needs 8; Python's reader gives up at 990 or less."""


def is_too_deep(value: object, depth: int = MAX_DEPTH) -> bool:
    """Return whether a JSON value is nested deeper than `depth` levels; costs no recursion itself."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return any(isinstance(outer, dict | list) for outer in level)


def check_size(document: bytes) -> None:
    """Raise FlagError if a data set is too large to be sent to workers."""
    if len(document) > MAX_DOCUMENT_BYTES:
        raise FlagError(
            f"all flags together have {len(document):,} bytes; the limit is {MAX_DOCUMENT_BYTES:,}. Remove some"
        )
