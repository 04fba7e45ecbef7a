"""`python -m bench.rollback`: prints false-alarm rates and detection times of rollback rules side by side."""

import argparse
from collections.abc import Callable, Sequence

from bench.rollback.rules import RULES, Rule
from bench.rollback.traffic import DAY, Scenario, minutes

RAMP = (0.01, 0.05, 0.1, 0.25, 0.5, 0.9)

SCENARIOS = (
    Scenario(name="calm, 0.5 %, 60/min", extracted_per_minute=60),
    Scenario(name="calm, 0.5 %, 600/min", extracted_per_minute=600),
    Scenario(name="calm, 0.05 %, 20/min", extracted_per_minute=20, baseline=0.0005, regressed=0.0005),
    Scenario(name="calm, ramp 1 % to 90 %", extracted_per_minute=540, shares=RAMP),
    Scenario(name="20 % worse, 600/min", extracted_per_minute=600, shares=(0.5,), regressed=0.006),
    Scenario(name="0.5 % to 1.5 %, 60/min", extracted_per_minute=60, regressed=0.015),
    Scenario(name="0.5 % to 5 %, 60/min", extracted_per_minute=60, regressed=0.05),
    Scenario(name="0.5 % to 5 %, 20/min", extracted_per_minute=20, regressed=0.05),
    Scenario(name="outage 50 %, 20/min", extracted_per_minute=20, regressed=0.5),
    Scenario(name="5x at a 1 % share, ramp", extracted_per_minute=540, shares=RAMP, regressed=0.025),
    Scenario(
        name="0.5 % to 5 % after 7 days",
        extracted_per_minute=60,
        regressed=0.05,
        from_minute=7 * DAY,
        minutes=8 * DAY,
    ),
)


def first_alarm(scenario: Scenario, make: Callable[[], Rule], seed: int) -> int | None:
    """Return the minute, counted from 1, after which the rule fires; None if it never does."""
    rule = make()
    for number, minute in enumerate(minutes(scenario, seed), start=1):
        if rule.fires(minute):
            return number
    return None


def result(scenario: Scenario, make: Callable[[], Rule], *, runs: int, seed: int) -> str:
    """Return one cell: the share of false alarms, or the median minutes from the regression to the alarm."""
    alarms = [first_alarm(scenario, make, seed + run) for run in range(runs)]
    false = sum(alarm is not None and alarm <= scenario.from_minute for alarm in alarms) / runs
    if scenario.is_calm:
        return f"{sum(alarm is not None for alarm in alarms) / runs:.1%} false"
    found = sorted(alarm - scenario.from_minute for alarm in alarms if alarm and alarm > scenario.from_minute)
    median = f"{found[len(found) // 2]} min" if found else "-"
    missed = runs - len(found) - round(false * runs)
    notes = ([f"{false:.0%} before"] if false else []) + ([f"{missed / runs:.0%} missed"] if missed else [])
    return f"{median} ({', '.join(notes)})" if notes else median


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollback", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs of each cell")
    parser.add_argument("--seed", type=int, default=20_261_124)
    parser.add_argument("--rules", default="", metavar="WORD", help="only the rules whose names contain this")
    given = parser.parse_args(argv)
    names = [scenario.name for scenario in SCENARIOS]
    print(f"{given.runs} runs a cell, seed {given.seed}; a day each unless the name says more\n", flush=True)
    print("| rule | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|", flush=True)
    for name, make in RULES:
        if given.rules not in name:
            continue
        cells = [result(scenario, make, runs=given.runs, seed=given.seed) for scenario in SCENARIOS]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
