"""`strangler status`: what runs, on one screen."""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from strangler.cli import admin, exits, options
from strangler.cli.outlet import one_line, say
from strangler.cli.times import date_text
from strangler.core.histogram import BOUNDS_S, SURE_S
from strangler.core.model import Side

_EXIT_CODES = exits.codes(
    {
        0: "the instance runs and is ready",
        1: "it is not ready (what is missing is shown), does not run, or cannot be asked",
        3: "it is ready, and a route has tripped or the kill switch is on",
    }
)


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "status",
        help="show what the running instance does",
        description="Show workers, routes, shares, requests and failures of the running instance.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    options.add_admin(parser)
    parser.add_argument("--json", action="store_true", help="print the API's answer as it is")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    status = admin.find(given).ask("GET", "/api/v1/status")
    if given.json:
        print(json.dumps(status, indent=2))
    else:
        for line in lines(status):
            say(line)
    if not status["is_ready"]:
        return 1
    return 3 if status["is_killed"] or any(_is_tripped(route) for route in status["routes"]) else 0


def lines(status: dict[str, Any]) -> Iterable[str]:
    """Return a status as text."""
    config, flags = status["config"], status["flags"]
    yield f"strangler {status['version']}, generation {status['generation']}, up {status['uptime_s']:.0f} s"
    readiness = "yes" if status["is_ready"] else f"no: {'; '.join(status['unready'])}"
    yield f"ready    {readiness}"
    for lack in status["lacks"]:
        yield f"         {lack}"
    yield f"routes   {config['file']} ({config['state']})"
    for fault in config["faults"]:
        yield f"         {fault}"
    if config["needs_restart"]:
        yield f"         needs a restart: {', '.join(config['needs_restart'])}"
    detail = f": {flags['detail']}" if flags["detail"] else ""
    yield f"flags    {flags['source']} ({flags['state']}{detail}), version {flags['version']}"
    if tls := status["tls"]:
        expires = "nothing to serve" if tls["not_after"] is None else f"until {_date(tls['not_after'])}"
        yield f"tls      {expires} ({tls['state']})"
    if status["store_fault"]:
        yield f"store    {status['store_fault']}"
    divergences = status["divergences"]
    if divergences["open"] or divergences["unlisted"]:
        full = ", and there is no room for more" if divergences["is_full"] else ""
        lost = f", {divergences['unlisted']} more found no room" if divergences["unlisted"] else ""
        yield f"DIVERGED {divergences['open']} writes are not on both sides{lost}{full}: strangler divergences"
    if (status["comparer"] or {}).get("unreadable"):
        yield (
            f"DAMAGED  {status['comparer']['unreadable']} files of noted writes cannot be read: what is in them may be "
            "on one side only"
        )
    if waiting := waiting_text(divergences["waiting"]):
        yield f"writes   {waiting}"
    if status["is_killed"]:
        yield "KILLED   the kill switch is on: the monolith answers everything"
    for route in status["routes"]:
        if _is_tripped(route):
            guard = route["guard"]
            yield f"{guard['phase'].upper():<8} {route['name']} since {date_text(guard['since'])}: {guard['why']}"
    for route in status["routes"]:
        if (shadow := route["shadow"]) and not shadow.get("has_reads", True):
            yield f"shadow   {route['name']} ({shadow['mode']}): writes alone, which are sent on and not compared"
        elif shadow:
            yield (
                f"shadow   {route['name']} ({shadow['mode']}): {shadow['compared']} compared, "
                f"{shadow['different']} different, {shadow.get('no_answer', 0)} without an answer, "
                f"{shadow['dropped']} dropped"
            )
    if comparer := status["comparer"]:
        process = "" if comparer["pid"] is None else f" (process {comparer['pid']})"
        yield (
            f"comparer {comparer['state']}{process}: {comparer['waiting']} comparisons waiting, "
            f"{comparer['asking']} asked, {comparer['bytes'] / 1_048_576:.1f} MiB of bodies, "
            f"{comparer['resting']} upstreams resting, {comparer['restarts']} restarts"
        )
    for worker in status["workers"]:
        yield (
            f"worker   {worker['index']}: process {worker['pid']}, {worker['state']}, generation {worker['generation']}"
        )
    for upstream in status["upstreams"]:
        for one in upstream["addresses"]:
            if one["state"] != "unchecked":
                seen = f" ({one['detail']})" if one["detail"] else ""
                yield f"upstream {upstream['name']}: {one['address']} {one['state']}{seen}"
    if status["restart"]["number"]:
        yield f"restart  {restart_text(status['restart'])}"
    yield ""
    yield from table(
        ("ROUTE", "SHARE", "MONOLITH", "FAILED", "P95 MS", "EXTRACTED", "FAILED", "P95 MS", "NOTE"),
        [
            *(
                (
                    route["name"],
                    "0%" if status["is_killed"] else _share(route),
                    *_side(route["sides"]["legacy"]),
                    *_side(route["sides"]["extracted"]),
                    _note(route, is_killed=status["is_killed"]),
                )
                for route in status["routes"]
            ),
            ("(no route)", "-", *_side(status["unrouted"]), "-", "-", "-", ""),
        ],
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Return rows as aligned text."""
    cells = [head, *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def waiting_text(waiting: int | None) -> str:
    """Return how many writes wait, as a sentence; empty if none does."""
    if waiting is None:
        return "how many writes wait to be sent on or listed is not known until the comparer runs"
    if waiting == 1:
        return "1 write waits to be sent on or listed"
    return f"{waiting:,} writes wait to be sent on or listed" if waiting else ""


def share_text(share_bp: int | None) -> str:
    """Return a share in basis points as per cent."""
    return "?" if share_bp is None else f"{share_bp / 100:.10g}%"


def side_text(side: str) -> str:
    """Return a side as people call it; for machines the monolith's is `legacy`."""
    return "monolith" if side == Side.LEGACY else side


def restart_text(restart: dict[str, Any]) -> str:
    """Return a rolling restart as one line."""
    detail = f": {restart['detail']}" if restart["detail"] else ""
    return f"{restart['state']}, {restart['replaced']} of {restart['workers']} workers replaced{detail}"


def _is_tripped(route: dict[str, Any]) -> bool:
    return route["guard"] is not None and route["guard"]["phase"] != "closed"


def _share(route: dict[str, Any]) -> str:
    if _is_tripped(route):
        return "0%" if route["guard"]["phase"] != "probing" else "probing"
    return share_text(route["served_bp"])


def _note(route: dict[str, Any], *, is_killed: bool) -> str:
    notes = [route["note"]] if route["note"] else []
    if _is_tripped(route):
        notes.insert(0, f"{route['guard']['phase']}, the flag says {share_text(route['share_bp'])}")
        return ", ".join(notes)
    if not is_killed and (held_bp := (route["share_bp"] or 0) - (route["served_bp"] or 0)):
        notes.append(f"{share_text(held_bp)} held back to compare with")
    if route["guard"] is not None and route["guard"]["is_alone"]:
        notes.append("nothing to compare with: only absolute limits guard it")
    return ", ".join(notes)


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _side(side: dict[str, Any]) -> tuple[str, str, str]:
    return str(side["requests"]), str(sum(side["failures"].values())), _milliseconds(side["p95_ms"])


def _milliseconds(quantile: float | None) -> str:
    if quantile is None:
        return "-"
    # Because the last bucket has no end, the number that stands for it is no measurement.
    return f"over {int(SURE_S)} s" if quantile >= BOUNDS_S[-1] * 1e3 else f"{quantile:.1f}"
