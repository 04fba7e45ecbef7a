"""`strangler guards`: what guards every route, and of one route the evidence that its guard goes by."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from strangler.cli import admin, exits, options
from strangler.cli.outlet import say
from strangler.cli.status import share_text, table
from strangler.cli.times import date_text

_EXIT_CODES = exits.codes(
    {
        0: "no route that is shown has tripped",
        3: "a route that is shown has tripped, or of all routes the kill switch is on",
    }
)
_CLOSED = "closed"
_TAKEN_BACK = ("tripped", "cooling")
_RULES: Mapping[str, str] = {
    "error_rate": "failures, short window",
    "connect_failures": "failed connections in a row",
    "sequential": "fails more often than the monolith",
    "mismatch_rate": "answers that differ",
}
_VERDICTS: Mapping[str, str] = {"hold": "too little data"}
_SAMPLE_HEAD = ("REQUEST", "OUTCOME", "UPSTREAM", "TOOK", "DETAIL", "ID")
_HEAD = ("RULE", "SAYS", "MEASURED", "LIMIT", "MONOLITH", "RESTS ON")


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "guards",
        help="show the guards of all routes, or one with its evidence",
        description="Show the guards of all routes; or of one what each rule measured, and why it tripped.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("route", nargs="?", type=options.name, metavar="ROUTE", help="one route (default: all)")
    parser.add_argument("--json", action="store_true", help="print the API's answer as it is")
    options.add_admin(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    path = "/api/v1/guards" if given.route is None else f"/api/v1/guards/{quote(given.route, safe='')}"
    answer = admin.find(given).ask("GET", path)
    if given.json:
        print(json.dumps(answer, indent=2))
    else:
        for line in catalogue(answer) if given.route is None else lines(answer):
            say(line)
    shown = answer["guards"] if given.route is None else [answer]
    has_tripped = any(guard["phase"] != _CLOSED for guard in shown)
    return 3 if has_tripped or answer.get("is_killed") else 0


def catalogue(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the guards of all routes as text."""
    if answer["is_killed"]:
        yield "KILLED   the kill switch is on: the monolith answers everything"
    if answer["store_fault"]:
        yield f"store    {answer['store_fault']}"
    if not answer["guards"]:
        yield "no route is guarded"
        return
    yield from table(
        ("ROUTE", "PHASE", "SINCE", "TRIPS", "WHY"),
        [
            (guard["route"], guard["phase"], _time(guard["since"]), f"{guard['trips']:,}", _why(guard))
            for guard in answer["guards"]
        ],
    )


def lines(guard: Mapping[str, Any]) -> Iterator[str]:
    """Yield one guard with its evidence as text."""
    phase, sequential = guard["phase"], guard["sequential"]
    yield f"route     {guard['route']}"
    yield f"phase     {phase} since {_time(guard['since'])}"
    if phase != _CLOSED:
        yield from _cause(guard)
    elif why := _why(guard):
        yield f"why       {why}"
    yield f"trips     {guard['trips']:,}"
    yield f"evidence  {sequential['log_e']:.2f} of a regression, at most {sequential['peak']:.2f}"
    compared = (sequential["extracted_failures"], sequential["legacy_failures"])
    yield f"compared  {compared[0]:,} failures of the extracted side, {compared[1]:,} of the monolith"
    # Because while the monolith answers everything, what is measured says nothing of the trip.
    if phase not in _TAKEN_BACK:
        yield ""
        yield from _findings("what each rule measures now", guard["findings"])


def _cause(guard: Mapping[str, Any]) -> Iterator[str]:
    cause = guard["cause"] or {}
    yield f"why       {_why(guard)}"
    yield f"by        {cause.get('who', 'guard')}"
    if cause.get("share_bp") is not None:
        yield f"share     {share_text(cause['share_bp'])} then"
    if guard["wake_at"] is not None:
        yield f"back      {_time(guard['wake_at'])}"
    if findings := cause.get("findings"):
        whose = f" of {cause['with']}" if cause.get("with") else ""
        yield ""
        yield from _findings(f"what each rule{whose} said when it tripped", findings, cause.get("rule"))
    if samples := cause.get("samples"):
        yield ""
        yield f"the last {len(samples)} requests that failed"
        yield from table(_SAMPLE_HEAD, [_sample(one) for one in samples])
    yield ""


def _findings(
    caption: str, findings: Sequence[Mapping[str, Any]], tripped: Mapping[str, Any] | None = None
) -> Iterator[str]:
    if not findings:
        yield "no request of the extracted side was judged yet"
        return
    yield caption
    yield from table(_HEAD, [_finding(one, tripped or {}) for one in findings])


def _finding(one: Mapping[str, Any], tripped: Mapping[str, Any]) -> Sequence[str]:
    metric, quantile = one["metric"], one.get("quantile")
    is_it = metric == tripped.get("metric") and quantile == tripped.get("quantile")
    says = [_VERDICTS.get(one["verdict"], one["verdict"])]
    says += ["dry run"] if one["dry_run"] else []
    says += ["it tripped"] if is_it else []
    baseline = one.get("baseline")
    return (
        f"latency, p{quantile * 100:.10g}" if quantile else _RULES.get(metric, metric),
        ", ".join(says),
        _value(metric, one["measured"]),
        _value(metric, one["limit"]),
        "-" if baseline is None else _value(metric, baseline),
        f"{one['requests']:,}",
    )


def _sample(one: Mapping[str, Any]) -> Sequence[str]:
    took = one.get("ms")
    return (
        f"{one.get('method', '')} {one.get('path', '')}".strip(),
        f"{one.get('outcome', '')} {one.get('status') or ''}".strip(),
        str(one.get("upstream") or ""),
        "-" if took is None else f"{took:.1f} ms",
        str(one.get("detail") or ""),
        str(one.get("request_id") or ""),
    )


def _why(guard: Mapping[str, Any]) -> str:
    if guard["phase"] != _CLOSED:
        return str((guard["cause"] or {}).get("why", "no cause was recorded"))
    return "nothing to compare with: only absolute limits guard it" if guard["is_alone"] else ""


def _value(metric: str, number: float) -> str:
    match metric:
        case "latency":
            return f"{number * 1e3:.1f} ms"
        case "error_rate" | "mismatch_rate":
            return f"{number * 100:.1f}%"
        case _:
            return f"{round(number, 2):.10g}"


def _time(at: float) -> str:
    # Because a guard that never tripped has been as it is since no time that anybody knows.
    if not at:
        return "ever"
    return date_text(at)
