"""`python -m bench.shadow`: what shadowing costs, as a command."""

import argparse
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.__main__ import count, guarded, seconds
from bench.cpu import choose_cores
from bench.errors import MissingToolError
from bench.shadow import documents, paired, report, throughput
from bench.shadow.instance import Pinned, backends

ROUNDS = 8
"""Blocks of six rounds; fewer than ranks.FEWEST give no interval."""
SECONDS = 1.0
PARTS = ("latency", "throughput", "documents")


def main() -> int:
    """Run all parts or one; return 0 with figures, 1 without, 2 if the machine or the command line is at fault."""
    given = _parser().parse_args()
    return guarded(lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    parts = PARTS if given.only is None else (given.only,)
    if "documents" in parts:
        _documents(given.rounds)
    if "latency" not in parts and "throughput" not in parts:
        return 0
    if shutil.which("wrk") is None:
        raise MissingToolError("wrk not found. On Debian: apt-get install --no-install-recommends wrk")
    cores = choose_cores()
    os.sched_setaffinity(0, {cores.load})
    with TemporaryDirectory(prefix="strangler-bench-") as name:
        folder = Path(name)
        if "throughput" in parts:
            pinned = Pinned(worker=cores.load, comparer=cores.proxy, load=cores.load)
            _tell(f"\n{given.seconds * 2:g} s of small reads, all of them shadowed; {pinned}")
            with backends(core=pinned.load, folder=folder) as behind:
                found = throughput.measure(behind, seconds=given.seconds * 2, pinned=pinned, folder=folder)
            _tell(*report.of_throughput(found))
        if "latency" in parts:
            pinned = Pinned(worker=cores.proxy, comparer=cores.load, load=cores.load)
            _tell(
                f"\n{given.rounds} blocks of six rounds of {given.seconds:g} s, without shadow, without it again and "
                f"with it in turns; in brackets the interval of 95 %; {pinned}"
            )
            with backends(core=pinned.load, folder=folder) as behind:
                for case in (each for each in paired.CASES if given.case in (None, each.name)):
                    _tell(
                        *report.of_pairs(
                            paired.measure(
                                case,
                                behind,
                                rounds=given.rounds,
                                seconds=given.seconds,
                                pinned=pinned,
                                folder=folder,
                            )
                        )
                    )
    return 0


def _documents(rounds: int) -> None:
    _tell("two documents of 1 MiB, least CPU time: parsing both, comparing, the ratio, and the ratio of each pair")
    for case in documents.cases():
        _tell(report.of_documents(documents.measure(case, rounds=rounds)))


def _tell(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.shadow", description="What shadowing costs clients and cores.", allow_abbrev=False
    )
    parser.add_argument("--only", choices=PARTS, help="default: all")
    parser.add_argument("--case", choices=[each.name for each in paired.CASES], help="of latency; default: all")
    parser.add_argument("--rounds", type=count, default=ROUNDS, metavar="N", help=f"default: {ROUNDS}")
    parser.add_argument(
        "--seconds", type=seconds, default=SECONDS, metavar="S", help=f"of each round, default: {SECONDS:g}"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
