"""`strangler shadow report`, `reset` and `accept`: what comparing both sides' answers has shown, for people."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from strangler.cli import accept, admin, changing, exits, export, options, recordings
from strangler.cli.status import share_text
from strangler.cli.times import date_text

_EXIT_CODES = exits.codes(
    {3: "with --bound: it is not proven of every route that is shown and has reads, or none that is shown has"}
)


def add(commands: Any, epilog: str) -> None:
    """Add the command and its own."""
    parser = commands.add_parser(
        "shadow",
        help="show what comparing both sides' answers has found",
        description="Show what comparing both sides' answers has found, forget it, or accept what differs.",
        epilog=epilog,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    about = "show comparisons, the proven parity and the differences, the most frequent first"
    report = actions.add_parser("report", help=about, epilog=_EXIT_CODES, allow_abbrev=False)
    report.add_argument("route", nargs="?", type=options.name, metavar="ROUTE", help="one route (default: all)")
    report.add_argument("--json", action="store_true", help="print the API's answers as they are")
    report.add_argument("--format", choices=("text", "json"), default="text", help="json is --json")
    report.add_argument(
        "--bound", type=_parity, metavar="PERCENT", help="a parity that is wanted, such as 99.9%%; exits 3 if unproven"
    )
    options.add_admin(report)
    report.set_defaults(run=_report)

    about = "forget what was found of a route, and begin anew; it is recorded in the audit log"
    reset = actions.add_parser("reset", help=about, epilog=epilog, allow_abbrev=False)
    reset.add_argument("route", type=options.name, metavar="ROUTE")
    reset.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_change(reset)
    options.add_admin(reset)
    reset.set_defaults(run=_reset)

    accept.add(actions)
    recordings.add(actions, epilog)
    export.add(actions)


def _report(given: argparse.Namespace) -> int:
    given.json = given.json or given.format == "json"
    running = admin.find(given)
    if given.route is not None:
        routes = [running.ask("GET", _path(given.route))]
    else:
        listed = running.ask("GET", "/api/v1/shadow")["routes"]
        routes = [running.ask("GET", _path(one["route"])) for one in listed]
    judged = None if given.bound is None else _judged(routes, given.bound)
    if given.json:
        print(json.dumps({"routes": routes} if judged is None else {"routes": routes, "bound": judged}, indent=2))
    elif not routes:
        print("no route is shadowed")
    else:
        print("\n\n".join("\n".join(lines(route, given.bound)) for route in routes))
    if judged is None:
        return 0
    if judged["without"]:
        names = ", ".join(map(plain, judged["without"]))
        print(f"strangler: writes alone, of which there is no bound to prove: {names}.", file=sys.stderr)
    if not judged["proven"] and not judged["unproven"]:
        # Because a pipeline that asks for a proof must not take it for one that there was nothing to prove.
        print("strangler: no route that is shown has reads to compare, so nothing is proven.", file=sys.stderr)
    return 0 if judged["proven"] and not judged["unproven"] else 3


def _reset(given: argparse.Namespace) -> int:
    def tell(answer: Any) -> None:
        print(f"reset: {', '.join(answer['reset'])}")

    return changing.run(given, "POST", f"{_path(given.route)}/reset", {}, tell)


def lines(route: Mapping[str, Any], wanted: float | None = None) -> Iterator[str]:
    """Return one route's findings as text."""
    since = f", since {date_text(route['since'])}" if route["since"] else ""
    yield f"{plain(route['route'])}: {_mode(route)}{since}"
    yield from body(route, wanted)


def body(
    route: Mapping[str, Any], wanted: float | None = None, nature: Callable[[Any], str] | None = None
) -> Iterator[str]:
    """Return what was found as text, without the line that says of what; `nature` says what a group is held to be."""
    if not _has_reads(route):
        yield "  it has writes alone, which are sent on and not compared: strangler divergences"
        return
    counts = route["counts"]
    compared = (
        f"{counts['compared']:,} compared: {counts['equal']:,} equal, {counts['ignored']:,} ignored, "
        f"{counts['different']:,} different"
    )
    yield f"  {compared}; {counts['not_comparable']:,} not comparable{_reasons(route['obstacles'])}"
    yield from _silent(route)
    yield f"  {sum(route['dropped'].values()):,} dropped{_reasons(route['dropped'])}"
    # Because recordings are chosen by kind, no share of live requests follows from a replay, which states none.
    if "parity" in route:
        yield f"  {_statement(route)}"
        yield from _ever(route)
        for needed in _needed(route, wanted):
            yield f"  {needed}"
    for group in route["groups"]:
        yield ""
        yield from _group(group, (nature or _nature)(group))
    if route["uncounted"]:
        yield ""
        yield f"  {route['uncounted']:,} differences more, in groups that found no room"


def _silent(route: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the shadowed side did not answer, by that side."""
    found = route.get("unanswered", {})
    for side, means in (("extracted", "counted as different"), ("legacy", "which proves nothing")):
        if reasons := found.get(side):
            name = "monolith" if side == "legacy" else "extracted side"
            yield f"  {sum(reasons.values()):,} not answered by the {name}{_reasons(reasons)}, {means}"


def _group(group: Mapping[str, Any], nature: str) -> Iterator[str]:
    yield f"  {plain(group['place'])}  {group['kind']}, {group['count']:,} times: {nature}"
    yield f"    first seen {date_text(group['first'])}, last {date_text(group['last'])}"
    for example in group["examples"]:
        yield (
            f"    {plain(example['method'])} {plain(example['path'])}  primary: {_value(example['primary'])}  "
            f"shadow: {_value(example['shadow'])}  ({plain(example['request_id'])})"
        )


def _mode(route: Mapping[str, Any]) -> str:
    if not route["is_in_file"]:
        return "route not in the file"
    return "not shadowed now" if route["mode"] is None else f"{route['mode']}, sample {share_text(route['sample_bp'])}"


def _statement(route: Mapping[str, Any]) -> str:
    """Return what is proven, in one sentence."""
    if not route["counts"]["compared"] and not route["counts"].get("no_answer"):
        return "Nothing was compared, so nothing is known of parity."
    confidence = f"{route['parity']['confidence']:.0%}"
    bound = math.floor(route["parity"]["lower_bound"] * 1e6) / 1e4
    return (
        f"With {confidence} confidence, at least {bound:.4f}% of such requests are answered alike "
        "(equal or ignored; noise and no answer count as different)."
    )


def _ever(route: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is proven to whoever looks until it is good enough, which the bound of one look is not for."""
    # Because an instance of a former release does not tell.
    if route["counts"]["compared"] and "anytime_bound" in route["parity"]:
        bound = math.floor(route["parity"]["anytime_bound"] * 1e6) / 1e4
        yield f"  That is for one look. However often it is looked at: at least {bound:.4f}%."


def _needed(route: Mapping[str, Any], wanted: float | None) -> Iterator[str]:
    """Yield how many more comparisons prove more, at any look; for the wanted parity alone, if one is."""
    for one in route["parity"]["needed"] if wanted is None else [_asked(route, wanted)]:
        parity, more = f"{one['parity'] * 100:.10g}%", one["equal_more"]
        if _is_out_of_sight(route, one["parity"]):
            left_alone = route["parity"]["left_alone"]
            yield (
                f"For {parity} too much was not asked: {left_alone:,} requests while the shadowed side was left alone "
                "after failures. Nothing is known of these: mend it, then `strangler shadow reset`."
            )
        elif more is None:
            yield f"For {parity} it takes more than can be counted on; find the differences first."
        elif more:
            yield f"For {parity} it takes {more:,} more without a difference."
        elif wanted is not None:
            yield f"{parity} is proven."


def _asked(route: Mapping[str, Any], wanted: float) -> Mapping[str, Any]:
    # Because this import costs more than the other commands need.
    from strangler.core.parity import Outcomes, state_parity

    counts = route["counts"]
    names = ("equal", "ignored", "different", "no_answer")
    outcomes = Outcomes(**{name: counts.get(name, 0) for name in names})
    return {"parity": wanted, "equal_more": state_parity(route["route"], outcomes, wanted).needed}


def _is_out_of_sight(route: Mapping[str, Any], wanted: float) -> bool:
    """Return whether a wanted parity cannot be proven, because too much was not asked of a side that fails."""
    from strangler.core.parity import is_out_of_sight

    counts = route["counts"]
    compared = counts["compared"] + counts.get("no_answer", 0)
    return is_out_of_sight(compared, route["parity"].get("left_alone", 0), wanted)


def _judged(routes: Sequence[Mapping[str, Any]], wanted: float) -> Mapping[str, Any]:
    """Return of which routes the wanted parity is proven, and of which there is none to prove, as JSON has it."""
    with_reads = [route for route in routes if _has_reads(route)]
    proven = [
        route["route"]
        for route in with_reads
        if _asked(route, wanted)["equal_more"] == 0 and not _is_out_of_sight(route, wanted)
    ]
    return {
        "parity": wanted,
        "proven": proven,
        "unproven": [route["route"] for route in with_reads if route["route"] not in proven],
        "without": [route["route"] for route in routes if not _has_reads(route)],
    }


def _has_reads(route: Mapping[str, Any]) -> bool:
    # Because an instance of a former release does not tell.
    return bool(route.get("has_reads", True))


def _nature(group: Mapping[str, Any]) -> str:
    pairs = (
        f"asked twice: {group['raw_only']:,} differ only between the sides, "
        f"{group['noise_only']:,} only within the answering side, p = {group['p']:.2g}"
    )
    return f"{group['nature']} ({pairs})"


def _reasons(counts: Mapping[str, int]) -> str:
    found = sorted(((count, name) for name, count in counts.items() if count), key=lambda one: (-one[0], one[1]))
    return f" ({', '.join(f'{name} {count:,}' for count, name in found)})" if found else ""


def _value(text: str) -> str:
    return plain(text) if text else "(none)"


def plain(text: str) -> str:
    """Return text that moves no cursor and turns no line around, wherever it came from."""
    return text if text.isprintable() else json.dumps(text)


def _parity(text: str) -> float:
    number = text.removesuffix("%")
    try:
        # Because a division would make 0.9990000000000001 of 99.9.
        parity = float(f"{number}e-2")
    except ValueError:
        parity = math.nan
    if not text.endswith("%") or not 0 < parity < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage over 0% and below 100%, such as 99.9%")
    return parity


def _path(route: str) -> str:
    return f"/api/v1/shadow/{quote(route, safe='')}"
