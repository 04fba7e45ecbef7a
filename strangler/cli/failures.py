"""Failures: what a command that failed says, for people on standard error, for machines on standard output."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from strangler.errors import AdminError, ConfigError, StranglerError, UsageError

_MISTAKEN = (400, 404, 422)
"""What the admin API answers to a body, a name and a definition that are at fault."""


def tell(error: StranglerError, *, is_json: bool) -> int:
    """Say why a command failed, in JSON too if its output is, and return its exit code."""
    code = code_of(error)
    faults = error.faults if isinstance(error, ConfigError) else ()
    for line in map(str, faults) if faults else (f"strangler: {error}",):
        print(line, file=sys.stderr)
    if is_json:
        print(json.dumps(document(error), indent=2))
    return code


def code_of(error: StranglerError) -> int:
    """Return the exit code of a command that ends with this."""
    return 2 if isinstance(error, ConfigError | UsageError) or _is_of_the_command_line(error) else 1


def document(error: StranglerError) -> Mapping[str, Any]:
    """Return why a command failed as JSON."""
    faults = [asdict(fault) for fault in error.faults] if isinstance(error, ConfigError) else []
    problem = error.problem if isinstance(error, AdminError) else None
    return _document(code_of(error), str(error), faults=faults, problem=problem)


def _is_of_the_command_line(error: StranglerError) -> bool:
    """Return whether the instance found at fault what was typed: a value, or a name that there is not."""
    found = error.problem if isinstance(error, AdminError) and isinstance(error.problem, dict) else {}
    # Because an instance of another release may lack a path, which nobody typed.
    return found.get("status") in _MISTAKEN and found.get("title") != "not_found"


def tell_usage(code: int) -> None:
    """Say in JSON that a command line cannot be read; the parser has told people already."""
    told = "the command line cannot be read; standard error says why"
    print(json.dumps(_document(code, told, faults=[], problem=None), indent=2))


def _document(code: int, detail: str, *, faults: object, problem: object) -> Mapping[str, Any]:
    return {"error": {"exit_code": code, "detail": detail, "faults": faults, "problem": problem}}
