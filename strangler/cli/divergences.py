"""`strangler divergences`: writes that are not on both sides, and mending them."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from strangler.cli import admin, changing, exits, options, turns
from strangler.cli.outlet import say
from strangler.cli.status import side_text, table, waiting_text
from strangler.errors import AdminError, UsageError

_REPAIR_S = 75.0
"""How long a repair is waited for; the other side has the route's `timeout`, a minute at most."""
_PAGE = 500
_LIMIT = 100
_MOST = 1_000
"""Of a page; control.divergencedesk.MOST_LISTED."""
_ANYTHING = "*"
"""Because one write is mended whatever else was changed meanwhile."""

_WHYS = {
    "status": "it answered {status}",
    "connect": "it could not be reached",
    "late": "it would have come too late",
    "killed": "the kill switch was on",
    "fallback": "it failed with the request in hand, and the monolith answered in its place",
    "marked": "it came marked as sent on already",
    "body_too_large": "its body is over `max_body`",
    "incomplete": "it was answered before it had come whole",
    "journal_full": "too many writes waited, or the disk was full",
    "undeclared": "the routes file does not declare it any more",
    "no_credentials": "its credentials were lost with the processes that knew them",
    "unaskable": "it cannot be sent as it was",
    "timeout": "it did not answer in time",
    "broke_off": "its answer broke off",
    "comparer_ended": "who sent it ended before the answer",
    "no_answer": "the answering side did not answer whole",
    "worker_ended": "who waited for the answering side ended",
    "neither": "both sides were sent it, and neither said what became of it",
    "redirected": "the answering side redirected: after a success, or to a sign-in page",
}
"""What is said of the side that lacks it, by core.divergence.Why."""


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    parser = commands.add_parser(
        "divergences",
        help="list the writes that are not on both sides, and mend them",
        description="List the writes of routes with `writes: true` that one side carried out and the other one surely, "
        "or perhaps, did not; show, repair and settle them. A list exits with 0 whatever is on it; with --json it has "
        "`open` and `waiting`.",
        epilog=epilog,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(metavar="ACTION")
    parser.set_defaults(run=_list)
    _add_listing(parser)
    options.add_admin(parser)

    listing = actions.add_parser("list", help="list them, the oldest first", epilog=epilog, allow_abbrev=False)
    _without_defaults(listing, _add_listing)
    _add_admin(listing)
    listing.set_defaults(run=_list)

    about = "show what a write has in it, without its secrets"
    show = actions.add_parser("show", help=about, epilog=epilog, allow_abbrev=False)
    show.add_argument("id", type=options.name, metavar="ID")
    show.add_argument("--raw", action="store_true", help="with its secrets, but for credentials; this is recorded")
    options.add_change(show)
    _add_json(show)
    _add_admin(show)
    show.set_defaults(run=_show)

    about = "send a write once more to the side that lacks it, with the key it had; this is recorded"
    failed = exits.codes({1: f"{exits.DECLINED}, or a write was not carried out"})
    repair = actions.add_parser("repair", help=about, epilog=failed, allow_abbrev=False)
    _add_chosen(repair)
    repair.add_argument(
        "--carried-out",
        action="store_true",
        help="somebody looked: the side that was asked first has it, though nobody knew",
    )
    repair.add_argument(
        "--headers",
        type=Path,
        metavar="FILE",
        help="lines `Name: value` to send along, such as credentials; - is stdin",
    )
    repair.add_argument("--yes", action="store_true", help="do not ask")
    repair.set_defaults(run=_repair)

    about = "take a write off the list: it was repaired by hand, or does not matter; this is recorded"
    failed = exits.codes({1: f"{exits.DECLINED}, or a write was not settled"})
    settle = actions.add_parser("settle", help=about, epilog=failed, allow_abbrev=False)
    _add_chosen(settle)
    settle.add_argument("--yes", action="store_true", help="do not ask")
    settle.set_defaults(run=_settle)


def _add_chosen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", type=options.name, metavar="ID")
    about = "every one of a route, the oldest first, in place of IDs"
    parser.add_argument("--all-of", type=options.name, metavar="ROUTE", help=about)
    _add_json(parser)
    options.add_change(parser)
    _add_admin(parser)


def _add_listing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--route", type=options.name, metavar="ROUTE", help="list those of one route alone")
    parser.add_argument("--limit", type=_limit, default=_LIMIT, metavar="N", help="at most so many (default: 100)")
    _add_json(parser, False)


def _add_json(parser: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    parser.add_argument("--json", action="store_true", default=default, help="print the API's answers as they are")


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_MOST)) or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST}")
    return int(text)


def _add_admin(parser: argparse.ArgumentParser) -> None:
    _without_defaults(parser, options.add_admin)


def _without_defaults(parser: argparse.ArgumentParser, add_options: Callable[[argparse.ArgumentParser], None]) -> None:
    known = set(parser._actions)
    add_options(parser)
    for action in parser._actions:
        if action not in known:
            # Because a default would take the place of what stands before the action's name.
            action.default = argparse.SUPPRESS


def _list(given: argparse.Namespace) -> int:
    found = _page(admin.find(given), given.route, "", given.limit)
    if given.json:
        print(json.dumps(found, indent=2))
        return 0
    for line in lines(found, given.route):
        say(line)
    return 0


def lines(found: Mapping[str, Any], route: str | None = None) -> Iterator[str]:
    """Return a page, of one route if it is given, as text."""
    listed = found["divergences"]
    # Because what was settled may be on one side alone, an empty list never says that all are on both.
    if not listed and route is not None and found["open"]:
        yield f"no write of {route} is listed, {found['open']:,} of other routes"
    elif not listed:
        yield "no write is listed"
    else:
        yield from table(
            ("ID", "SINCE", "ROUTE", "WRITE", "ANSWERED BY", "LACKING ON", "WHAT IS KNOWN"),
            [
                (
                    one["id"],
                    _date(one["at"]),
                    one["route"],
                    f"{one['method']} {one['path']}",
                    f"{side_text(one['answered_by'])} {one['answered'] or '?'}",
                    side_text(one["lacking_on"]),
                    _known(one),
                )
                for one in listed
            ],
        )
    if found["next"] is not None:
        yield f"{found['open']:,} are open; --limit shows more"
    yield waiting_text(found["waiting"]) or "none waits to be sent on or listed"
    if found["unlisted"]:
        yield f"{found['unlisted']:,} more found no room in the list: compare both sides' data as a whole"


def _show(given: argparse.Namespace) -> int:
    _refuse_listing(given)
    path, running = _path(given.id), admin.find(given)
    if given.raw:
        return changing.run(given, "POST", f"{path}/reveal", {}, _print, running=running, tag=_ANYTHING)
    _print(running.ask("GET", path))
    return 0


def _print(found: Any) -> None:
    print(json.dumps(found, indent=2))


def _repair(given: argparse.Namespace) -> int:
    _refuse_listing(given)
    running = admin.find(given)
    ids = _chosen(running, given)
    headers = [] if given.headers is None else _headers(given.headers)
    why = options.reason(given)
    if not _agrees(given, f"Send {_counted(ids)} once more?"):
        return 1
    order = {"carried_out": given.carried_out, "headers": headers}

    def change(one: str) -> Any:
        path = f"{_path(one)}/repair"
        return changing.ask(running, given, "POST", path, order, why=why, tag=_ANYTHING, timeout_s=_REPAIR_S)

    taken, answers = [], []
    for one, found in turns.take(ids, change):
        taken.append((one, found))
        answers.append({"id": one, **(_unrepaired(found) if isinstance(found, AdminError) else found)})
        if not given.json:
            print(f"{one}: {_repaired(answers[-1])}")
    code = turns.tell({**_dry(given), "repairs": answers}, ids, taken, is_json=given.json)
    if given.dry_run and not given.json and not code:
        print(changing.NOTHING)
    return code or (0 if all(answer.get("dry_run") or answer["is_carried_out"] for answer in answers) else 1)


def _unrepaired(error: AdminError) -> Mapping[str, Any]:
    # Because a write whose answer was lost may well have been carried out.
    known = None if isinstance(error, changing.DoubtError) else False
    return {"is_carried_out": known, "detail": str(error), "problem": error.problem}


def _dry(given: argparse.Namespace) -> Mapping[str, Any]:
    return {"dry_run": True} if given.dry_run else {}


def _repaired(answer: Mapping[str, Any]) -> str:
    if "detail" in answer:
        return str(answer["detail"])
    if "dry_run" in answer:
        return "; ".join(answer["notes"])
    if answer["is_carried_out"]:
        return "carried out"
    return f"not carried out: {_WHYS[answer['why']].format(status=answer['status'])}"


def _settle(given: argparse.Namespace) -> int:
    _refuse_listing(given)
    running = admin.find(given)
    ids = _chosen(running, given)
    why = options.reason(given)
    if not _agrees(given, f"Take {_counted(ids)} off the list?"):
        return 1

    def change(one: str) -> Any:
        return changing.ask(running, given, "POST", f"{_path(one)}/settle", {}, why=why, tag=_ANYTHING)

    taken: list[tuple[str, Any]] = []
    for one, found in turns.take(ids, change):
        taken.append((one, found))
        if not given.json:
            done = "would be settled" if given.dry_run else "settled"
            print(f"{one}: {f'not settled: {found}' if isinstance(found, AdminError) else done}")
    refused = [{"id": one, **_unsettled(found)} for one, found in taken if isinstance(found, AdminError)]
    settled = [one for one, found in taken if not isinstance(found, AdminError)]
    document = {**_dry(given), "settled": settled, **({"not_settled": refused} if refused else {})}
    code = turns.tell(document, ids, taken, is_json=given.json)
    if given.dry_run and not given.json and not code:
        print(changing.NOTHING)
    return code or (1 if refused else 0)


def _unsettled(error: AdminError) -> Mapping[str, Any]:
    known = None if isinstance(error, changing.DoubtError) else False
    return {"is_settled": known, "detail": str(error), "problem": error.problem}


def _refuse_listing(given: argparse.Namespace) -> None:
    """Refuse what stands before the action and chooses a list, because it would choose nothing of what is done."""
    if given.route is not None or given.limit != _LIMIT:
        raise UsageError("--route and --limit are for the list; all of a route is --all-of ROUTE.")


def _chosen(running: admin.Admin, given: argparse.Namespace) -> list[str]:
    if bool(given.ids) == (given.all_of is not None):
        raise UsageError("name the writes by ID, or all of a route with --all-of ROUTE.")
    if given.ids:
        return list(given.ids)
    ids: list[str] = []
    after = ""
    while True:
        found = _page(running, given.all_of, after, _PAGE)
        ids += [one["id"] for one in found["divergences"]]
        if found["next"] is None:
            break
        after = found["next"]
    if not ids:
        raise UsageError(f"no write of {given.all_of!r} is listed.")
    return ids


def _page(running: admin.Admin, route: str | None, after: str, limit: int) -> Mapping[str, Any]:
    query = {"limit": str(limit), **({} if route is None else {"route": route}), **({"after": after} if after else {})}
    found: Mapping[str, Any] = running.ask("GET", f"/api/v1/divergences?{urlencode(query)}")
    return found


def _headers(path: Path) -> list[tuple[str, str]]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--headers: {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--headers: {path} is no text in UTF-8.") from error
    headers = []
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip() or not value.strip().isprintable():
            # Because it may be a secret, the line itself is not shown.
            raise UsageError(f"{path}: a line is no `Name: value`.")
        headers.append((name.strip(), value.strip()))
    return headers


def _agrees(given: argparse.Namespace, question: str) -> bool:
    if given.yes or given.dry_run:
        return True
    # Because a question would stand in the middle of what a program reads.
    if given.json or not sys.stdin.isatty():
        raise UsageError("nobody can be asked here, so nothing was done. Add --yes to do it.")
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _known(one: Mapping[str, Any]) -> str:
    tries = f", {one['tries']} repairs failed" if one["tries"] else ""
    return f"{one['kind'].replace('_', ' ')}: {_WHYS[one['why']].format(status=one['status'])}{tries}"


def _counted(ids: Sequence[str]) -> str:
    return "1 write" if len(ids) == 1 else f"{len(ids)} writes"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _path(one: str) -> str:
    return f"/api/v1/divergences/{quote(one, safe='')}"
