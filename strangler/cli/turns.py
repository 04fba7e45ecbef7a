"""Turn by turn: one change of many things after another, and what was done and what was not if that breaks off."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from strangler.cli import failures
from strangler.errors import AdminError

_OF_ONE = (404, 409, 422)
"""What the admin API refuses for what one thing is, or how it stands; anything else would meet the next one too."""
_MOST_NAMED = 20
"""As many as fit on a screen; --json has all."""


def take(ids: Sequence[str], change: Callable[[str], Any]) -> Iterator[tuple[str, Any | AdminError]]:
    """Change one after another, and yield what was answered of each, or why it was refused.

    Ends early after a refusal that the others would meet too. Raises AdminError if there is one alone and it fails.
    """
    for one in ids:
        try:
            yield one, change(one)
        except AdminError as error:
            if len(ids) == 1:
                raise
            yield one, error
            if not _is_of_one(error):
                return


def tell(
    document: dict[str, Any], ids: Sequence[str], taken: Sequence[tuple[str, Any | AdminError]], *, is_json: bool
) -> int:
    """Print what was done and what was not, and return the exit code of what broke it off; 0 if nothing did."""
    last, untried = taken[-1][1], ids[len(taken) :]
    error = last if isinstance(last, AdminError) and not _is_of_one(last) else None
    if error is not None:
        document |= {"untried": list(untried), **failures.document(error)}
        print(f"strangler: {error}", file=sys.stderr)
    if error is not None and untried:
        more = f" and {len(untried) - _MOST_NAMED:,} more" if len(untried) > _MOST_NAMED else ""
        print(f"strangler: not tried: {', '.join(untried[:_MOST_NAMED])}{more}", file=sys.stderr)
    if is_json:
        print(json.dumps(document, indent=2))
    return 0 if error is None else failures.code_of(error)


def _is_of_one(error: AdminError) -> bool:
    problem = error.problem if isinstance(error.problem, dict) else {}
    return problem.get("status") in _OF_ONE
