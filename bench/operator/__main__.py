"""`python -m bench.operator`: the operator's place with 10, 1,000 and 5,000 routes, as a command."""

import argparse
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.__main__ import guarded, seconds
from bench.cpu import choose_cores
from bench.operator import asking, looking, report
from bench.operator.world import world

SIZES = (10, 1_000, 5_000)
SECONDS = 10.0
PARTS = ("control", "browser")


def main() -> int:
    """Measure each size; return 0 with figures, 1 without, 2 if the machine or the command line is at fault."""
    given = _parser().parse_args()
    return guarded(lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    cores = choose_cores()
    os.sched_setaffinity(0, {cores.load})
    found: list[report.Column] = []
    with TemporaryDirectory(prefix="strangler-bench-") as name:
        for size in given.routes or SIZES:
            print(f"{size:,} routes ...", flush=True)
            with world(size, cores=cores, folder=Path(name)) as one:
                costs: list[asking.Cost] = []
                sights: list[looking.Sight] = []
                if given.only != "browser":
                    costs.append(asking.idle(one, given.seconds))
                    costs += [asking.listening(one, viewers, given.seconds) for viewers in (1, 8)]
                    costs += asking.answers(one)
                    costs += asking.commands(one)
                if given.only != "control" and (chromium := shutil.which("chromium")):
                    sights += looking.look(one, chromium, given.seconds)
                found.append(report.Column(size=size, costs=costs, sights=sights))
    for line in report.lines(found):
        print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.operator", description="The operator's place with very many routes.", allow_abbrev=False
    )
    parser.add_argument("--only", choices=PARTS, help="default: both; the browser's part needs chromium")
    parser.add_argument("--routes", type=int, choices=SIZES, action="append", help="default: each of them")
    parser.add_argument(
        "--seconds", type=seconds, default=SECONDS, metavar="S", help=f"of looking on, default: {SECONDS:g}"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
