"""`python -m bench`: the benchmark as a command."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from bench import lookup, report
from bench.comparison import Plan, check_tools, compare
from bench.cpu import choose_cores
from bench.errors import BenchError, MissingToolError
from bench.figures import ratios
from bench.scenarios import SCENARIOS

ROUNDS = 7
"""Enough for a median that two disturbed rounds on either side do not move."""
SECONDS = 2.0
"""A round of 2 s has thousands of requests of the slowest proxy, and is over before a machine becomes another."""
_LOOKUP = "lookup"


def main() -> int:
    """Run one scenario; return 0 with figures, 1 without, 2 if the machine or the command line is at fault."""
    given = _parser().parse_args()
    return guarded(lambda: lookup.run(given.json) if given.scenario == _LOOKUP else _compare(given))


def guarded(run: Callable[[], int]) -> int:
    """Return the exit code of a benchmark, with every failure and an interruption told in a line."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return run()
    except MissingToolError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; every process it started has ended", file=sys.stderr)
        return 130


def _compare(given: argparse.Namespace) -> int:
    check_tools()
    plan = Plan(scenario=SCENARIOS[given.scenario], rounds=given.rounds, seconds=given.seconds, cores=choose_cores())
    os.sched_setaffinity(0, {plan.cores.load})
    rounds, split = compare(plan, tell=print)
    for line in report.lines(plan, rounds, split):
        print(line)
    if given.json is not None:
        given.json.write_text(report.as_json(plan, rounds, split) + "\n", encoding="utf-8")
    return 1 if given.strict and not all(ratio.is_met for ratio in ratios(rounds)) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="CPU a request of strangler, a plain aiohttp proxy and nginx, measured side by side.",
        allow_abbrev=False,
    )
    parser.add_argument("--scenario", choices=(*SCENARIOS, _LOOKUP), default="get", help="default: get")
    parser.add_argument("--rounds", type=count, default=ROUNDS, metavar="N", help=f"default: {ROUNDS}")
    parser.add_argument(
        "--seconds", type=seconds, default=SECONDS, metavar="S", help=f"of each round, default: {SECONDS:g}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to a file")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    return parser


def count(text: str) -> int:
    """Return a number of rounds."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100")
    return int(text)


def seconds(text: str) -> float:
    """Return the length of a round."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.1 <= found <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 600")
    return found


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End a run that got a signal as Ctrl-C would."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
