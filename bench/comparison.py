"""Comparison: the proxies in one run, round by round, on the same origin and under the same load."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.cpu import Cores, core_used_s, used_s
from bench.errors import BenchError, MissingToolError, NoHistoryError
from bench.figures import Measure, Round, order
from bench.load import apply_load, write_script
from bench.past import COMMIT, extract
from bench.scenarios import Scenario
from bench.subjects import Origin, Proxy, Split, Subject, nginx_proxy, origin, plain_proxy, strangler

WARM_UP_S = 0.5
"""Pools fill and memos warm in the first hundred milliseconds."""
_PACKAGES = {"wrk": "wrk", "nginx": "nginx-light"}
"""Programs and the Debian packages that have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does."""

    scenario: Scenario
    rounds: int
    seconds: float
    cores: Cores


def check_tools() -> None:
    """Raise MissingToolError if a program is not installed."""
    missing = {name: package for name, package in _PACKAGES.items() if shutil.which(name) is None}
    if missing:
        raise MissingToolError(
            f"{' and '.join(missing)} not found, which the benchmark needs. "
            f"On Debian: apt-get install --no-install-recommends {' '.join(missing.values())}"
        )


def compare(plan: Plan, *, tell: Callable[[str], None]) -> tuple[list[Round], Split]:
    """Return what each proxy did in each round; every process has ended when this returns or raises.

    `tell` hears of a proxy that cannot be had here, and is left out.
    """
    with TemporaryDirectory(prefix="strangler-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        behind = stack.enter_context(origin(core=plan.cores.load, folder=folder))
        ours, admin = stack.enter_context(strangler(behind, cores=plan.cores, folder=folder))
        plain = stack.enter_context(plain_proxy(behind, cores=plan.cores, folder=folder))
        nginx = stack.enter_context(nginx_proxy(behind, cores=plan.cores, folder=folder))
        then = _part_1(behind, plan.cores, folder, stack, tell)
        subjects = {subject.proxy: subject for subject in (ours, *then, plain, nginx)}
        script = write_script(plan.scenario, folder)
        for subject in subjects.values():
            _measure(subject, plan, script, WARM_UP_S, folder)
        rounds = [
            {
                proxy: _measure(subjects[proxy], plan, script, plan.seconds, folder)
                for proxy in order(tuple(subjects), number)
            }
            for number in range(plan.rounds)
        ]
        split = admin.split()
    idle = [measure.proxy for each in rounds for measure in each.values() if not measure.requests]
    if idle:
        raise BenchError(f"{', '.join(idle)} answered nothing in a whole round; take longer ones with --seconds")
    if not split.legacy or not split.extracted:
        raise BenchError(f"the split was not used: {split}")
    return rounds, split


def _part_1(
    behind: Origin, cores: Cores, folder: Path, stack: ExitStack, tell: Callable[[str], None]
) -> tuple[Subject, ...]:
    try:
        place = extract(folder)
    except NoHistoryError as error:
        tell(f"part 1 (commit {COMMIT[:7]}) is not measured: {error}")
        return ()
    then, _ = stack.enter_context(strangler(behind, cores=cores, folder=folder, proxy=Proxy.PART_1, place=place))
    return (then,)


def _measure(subject: Subject, plan: Plan, script: Path, seconds: float, folder: Path) -> Measure:
    before = used_s(subject.pid), _beside_s(subject), core_used_s(plan.cores.proxy)
    load = apply_load(script, port=subject.port, seconds=seconds, core=plan.cores.load, folder=folder)
    return Measure(
        proxy=subject.proxy,
        requests=load.requests,
        seconds=load.seconds,
        cpu_s=used_s(subject.pid) - before[0],
        beside_s=_beside_s(subject) - before[1],
        core_s=core_used_s(plan.cores.proxy) - before[2],
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
    )


def _beside_s(subject: Subject) -> float:
    return 0.0 if subject.beside is None else used_s(subject.beside)
