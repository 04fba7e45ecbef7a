"""Report: figures as text for people, and as JSON for machines."""

import dataclasses
import json
import platform
from collections.abc import Iterable, Sequence

from bench.comparison import Plan
from bench.figures import Ratio, Round, Spread, ratios, spread
from bench.load import CONNECTIONS
from bench.subjects import Proxy, Split

BUSY = 0.1
"""What others may use of the proxy's core before the report says so; their caches and switches cost the proxy more."""


def lines(plan: Plan, rounds: Sequence[Round], split: Split) -> Iterable[str]:
    """Return a run as text."""
    yield from heading(plan)
    yield ""
    yield f"{'proxy':<15}{'CPU µs a request':>26}{'requests/s':>12}{'core used':>11}{'p50 ms':>9}{'p99 ms':>9}"
    for proxy in rounds[0]:
        measures = [each[proxy] for each in rounds]
        cpu = _text(spread([measure.cpu_us for measure in measures]), 1)
        rate, busy, p50, p99 = (
            spread([getattr(measure, name) for measure in measures]).median
            for name in ("rate", "busy", "p50_ms", "p99_ms")
        )
        yield f"{proxy:<15}{cpu:>26}{rate:>12,.0f}{busy:>11.0%}{p50:>9.2f}{p99:>9.2f}"
    control = spread([each[Proxy.STRANGLER].beside_us for each in rounds])
    yield f"{'  its control':<15}{_text(control, 1):>26}   a process beside; not in the ratios"
    yield ""
    for ratio in ratios(rounds):
        yield (
            f"strangler / {ratio.other:<15}{_text(ratio.value, 2):>22}   target at most {ratio.target}: "
            f"{'met' if ratio.is_met else 'MISSED'}"
        )
    others = spread([measure.others for each in rounds for measure in each.values()]).median
    if others > BUSY and not plan.cores.are_shared:
        yield f"other processes used {others:.0%} of the proxy's core, so these figures are too high"
    share = split.extracted / (split.legacy + split.extracted)
    yield f"split: {split.legacy + split.extracted:,} requests, {share:.2%} of them to the extracted side"


def heading(plan: Plan) -> Iterable[str]:
    """Return what is about to be done, as text."""
    cores = plan.cores
    yield (
        f"scenario {plan.scenario.name}: {plan.rounds} rounds of {plan.seconds:g} s for each proxy, "
        f"{CONNECTIONS} keep-alive connections, {plan.scenario.method} {plan.scenario.path}"
    )
    if cores.are_shared:
        yield f"there is only core {cores.proxy}: proxy, origin and load share it, so requests/s say little"
    else:
        yield f"proxy on core {cores.proxy}; origin and wrk on core {cores.load}"


def as_json(plan: Plan, rounds: Sequence[Round], split: Split) -> str:
    """Return a run as JSON, with every round in it."""
    return json.dumps(
        {
            "scenario": plan.scenario.name,
            "rounds": [
                {proxy: {**dataclasses.asdict(measure), "cpu_us": measure.cpu_us} for proxy, measure in each.items()}
                for each in rounds
            ],
            "seconds": plan.seconds,
            "connections": CONNECTIONS,
            "cores": dataclasses.asdict(plan.cores),
            "split": dataclasses.asdict(split),
            "ratios": {f"strangler/{ratio.other}": _ratio(ratio) for ratio in ratios(rounds)},
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        indent=2,
    )


def _ratio(ratio: Ratio) -> dict[str, float | bool]:
    return {**dataclasses.asdict(ratio.value), "target": ratio.target, "is_met": ratio.is_met}


def _text(value: Spread, digits: int) -> str:
    return f"{value.median:.{digits}f} ({value.lowest:.{digits}f}-{value.highest:.{digits}f})"
