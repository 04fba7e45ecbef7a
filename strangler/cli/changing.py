"""Changing: what every command that changes something does alike, and what it says when it is only tried."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from strangler.cli import admin, options
from strangler.cli.admin import Admin
from strangler.cli.outlet import say
from strangler.cli.status import share_text
from strangler.errors import AdminError

NOTHING = "dry run: nothing was changed"
_MOST_ROUTES = 20
"""Routes that move, as many as fit on a screen; --json has all."""


class DoubtError(AdminError):
    """A change was asked for, and nothing came that says whether it was made."""


def run(
    given: argparse.Namespace,
    method: str,
    path: str,
    body: Mapping[str, Any],
    tell: Callable[[Any], None],
    *,
    running: Admin | None = None,
    tag: str | None = None,
) -> int:
    """Make one change, and have its answer told to people; with --json print it; with --dry-run say what it would do.

    `tag` is what is looked at unless the command line says; without one the change is of what is served now.
    """
    why = options.reason(given)
    answer = ask(running or admin.find(given), given, method, path, body, why=why, tag=tag)
    if given.json:
        print(json.dumps(answer, indent=2))
    elif given.dry_run:
        for line in lines(answer):
            say(line)
    else:
        tell(answer)
    return 0


def ask(
    running: Admin,
    given: argparse.Namespace,
    method: str,
    path: str,
    body: Mapping[str, Any],
    *,
    why: str,
    tag: str | None = None,
    timeout_s: float | None = None,
) -> Any:
    """Make one change, or try it, and return what the instance answers.

    Raises AdminError; it is a DoubtError if the change may have been made all the same.
    """
    tag = given.if_match or tag
    if given.dry_run:
        return attempt(running, method, path, body, tag=tag, timeout_s=timeout_s)
    tag = tag or running.tag()
    try:
        return running.change(method, path, {**body, "reason": why}, tag=tag, timeout_s=timeout_s)
    except AdminError as error:
        if not _is_in_doubt(error):
            raise
        raise DoubtError(
            f"{str(error).rstrip('.')}. Whether the change was made is not known: `strangler audit list` tells.",
            error.problem,
        ) from error


def attempt(
    running: Admin,
    method: str,
    path: str,
    body: Mapping[str, Any],
    *,
    tag: str | None = None,
    timeout_s: float | None = None,
) -> Any:
    """Try one change, and return what the instance says that it would do. Raises AdminError as the change would."""
    # Because an instance of a former release, which knows no dry run, would else make the change: it refuses one
    # without a reason.
    answer = running.change(method, f"{path}?dry_run=true", body, tag=tag, timeout_s=timeout_s)
    if not isinstance(answer, dict) or answer.get("dry_run") is not True:
        raise AdminError(
            "the instance knows no dry run, and answered as if asked for the change. `strangler audit list` tells "
            "whether it made it; restart it with this release."
        )
    return answer


def lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Return what a change would do as text."""
    yield from answer["diff"]
    for change in answer["changes"]:
        yield from change_text(change)
    yield from _moved(answer["moved"])
    yield from answer["notes"]
    if not answer["changes"] and not answer["notes"]:
        yield "nothing would be otherwise"
    yield NOTHING


def change_text(change: Mapping[str, Any]) -> Iterator[str]:
    """Return what becomes of one thing as text; of what is new or gone, its name."""
    yield f"{change['kind']} {change['what']} {change['name']}"
    if change["kind"] == "changed":
        for field in change["fields"]:
            yield f"  {field['name']}: {field['before'] or '(none)'} -> {field['after'] or '(none)'}"


def _is_in_doubt(error: AdminError) -> bool:
    """Return whether what was asked for may have been done: it left, and no refusal came back."""
    if isinstance(error.problem, dict) and isinstance(status := error.problem.get("status"), int):
        return status >= 500
    return not isinstance(error.__cause__, ConnectionRefusedError)


def _moved(moved: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in moved[:_MOST_ROUTES]:
        yield f"{one['route']}: {share_text(one['before_bp'])} -> {share_text(one['after_bp'])} extracted{_rates(one)}"
    if len(moved) > _MOST_ROUTES:
        yield f"... and {len(moved) - _MOST_ROUTES} routes more: --json"
    if not moved:
        return
    known = [one for one in moved if one["per_minute"] is not None and one["extracted_after"] is not None]
    if not known:
        yield "there was no request in the last five minutes, so nothing can be said of how many would move"
        return
    total, before, after = (
        sum(one[name] for one in known) for name in ("per_minute", "extracted_before", "extracted_after")
    )
    change = after - before
    than = f"{_rate(abs(change))} {'more' if change > 0 else 'fewer'} than now"
    yield f"about {_rate(after)} of {_rate(total)} requests a minute would be answered by the extracted side: {than}"


def _rates(one: Mapping[str, Any]) -> str:
    if one["per_minute"] is None or one["extracted_after"] is None:
        return ""
    before, after, total = (_rate(one[name]) for name in ("extracted_before", "extracted_after", "per_minute"))
    return f", {before} -> {after} of {total} requests a minute"


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
