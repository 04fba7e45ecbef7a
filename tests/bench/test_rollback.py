"""The default rules in the simulation: how often they cry wolf, and how soon they see a regression. One seed, so that a
run is the same every time."""

from pathlib import Path

import pytest

from bench.rollback.__main__ import SCENARIOS, first_alarm, main
from bench.rollback.rules import Ours, Windowed
from bench.rollback.traffic import DAY, Minute, Scenario, minutes
from strangler.core.guard import Phase
from strangler.core.model import Side
from strangler.core.rules import Rollback
from tests.support.guarding import Proxy, config, restarted, route, tally

pytestmark = [pytest.mark.slow, pytest.mark.timeout(360)]
SEED = 20_261_124
ALPHA = 0.01
"""The default chance of a false alarm in the whole life of a migration."""
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
CALM = ("calm, 0.5 %, 60/min", "calm, ramp 1 % to 90 %", "20 % worse, 600/min")


def alarms(scenario: Scenario, *, runs: int) -> list[int]:
    """Return the minutes after which the default rules fired, of all runs in which they did."""
    found = (first_alarm(scenario, lambda: Ours(Rollback()), SEED + run) for run in range(runs))
    return [minute for minute in found if minute is not None]


@pytest.mark.parametrize("name", CALM)
def test_the_default_rules_raise_false_alarms_no_more_often_than_alpha(name: str) -> None:
    assert len(alarms(BY_NAME[name], runs=100)) <= ALPHA * 100


def test_a_window_cries_wolf_on_the_same_traffic() -> None:
    scenario = BY_NAME["calm, 0.5 %, 60/min"]

    fired = [first_alarm(scenario, lambda: Windowed(relative=2.0), SEED + run) for run in range(10)]

    assert None not in fired


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("0.5 % to 1.5 %, 60/min", 60),
        ("0.5 % to 5 %, 60/min", 6),
        ("0.5 % to 5 %, 20/min", 20),
        ("outage 50 %, 20/min", 1),
        ("5x at a 1 % share, ramp", 120),
    ],
)
def test_half_of_the_regressions_are_seen_within_minutes_and_none_is_missed(name: str, within: int) -> None:
    found = sorted(alarms(BY_NAME[name], runs=25))

    assert len(found) == 25
    assert found[12] <= within, found


def test_a_month_of_nothing_holds_over_restarts_and_shares_and_what_comes_then_is_seen(tmp_path: Path) -> None:
    month, step = 30, 10
    by = config(route("a"))
    calm = Scenario(
        name="a month", extracted_per_minute=400, shares=(0.02, 0.1, 0.25, 0.5, 0.9), minutes=month * DAY // step
    )
    worse = Scenario(name="then", extracted_per_minute=400, shares=(0.9,), regressed=0.05, minutes=DAY)
    proxy = Proxy(tmp_path, by)

    for number, minute in enumerate(minutes(calm, SEED)):
        _pass(proxy, minute, seconds=60.0 * step)
        if number % (calm.minutes // 4) == 1:
            proxy = restarted(proxy, tmp_path, by)
    held, peak = proxy.phase("a"), proxy.evidence("a").peak
    failures = proxy.evidence("a").extracted_failures
    needed = 0
    for minute in minutes(worse, SEED):
        if proxy.phase("a") is not Phase.CLOSED:
            break
        needed += 1
        _pass(proxy, minute, seconds=60.0)
    proxy.close()

    assert held is Phase.CLOSED
    assert failures > 3_000, "what was learnt has survived the restarts"
    assert peak < 4.6, "ln(1 / alpha)"
    assert 1 <= needed <= 30


def _pass(proxy: Proxy, minute: Minute, *, seconds: float) -> None:
    """Let time pass, and tell the guards what happened in it."""
    legacy, legacy_failed, extracted, failed = minute.step
    proxy.now += seconds
    proxy.guards.follow_shares({"a": round(minute.share * 10_000)}, proxy.generation)
    proxy.guards.count(
        [
            tally("a", Side.LEGACY, fine=legacy - legacy_failed, failed=legacy_failed),
            tally("a", Side.EXTRACTED, fine=extracted - failed, failed=failed),
        ]
    )
    proxy.guards.tick()


def test_the_table_has_a_row_for_each_rule_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--runs", "1", "--rules", "5-min errors"])

    head, line, *rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert code == 0
    assert head.count("|") == line.count("|") == len(SCENARIOS) + 2
    assert [row.split(" | ")[0] for row in rows] == ["| 5-min errors > 2 %, min 50"]
