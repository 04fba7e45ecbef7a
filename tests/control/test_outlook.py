"""The outlook: which routes would move if other things were served, and how many requests a minute that is."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

from strangler.control.dryrun import Moved, Served
from strangler.control.history import HistoryDesk
from strangler.control.outlook import Outlook
from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.model import Config, Match, Route, Side
from strangler.core.outcome import Outcome
from strangler.core.shares import Overrides
from strangler.core.tally import Tally
from strangler.flags.data import FlagData
from strangler.flags.edit import SetShare, SetStage, apply_edit
from strangler.flags.embedded import data_of

RATES = {"pay": (90.0, 30.0)}


def route(name: str, **more: Any) -> Route:
    return Route(name=name, match=Match(path=f"/{name}"), legacy="monolith", extracted="s", **more)


CONFIG = Config(
    upstreams=(),
    default_upstream="monolith",
    routes=(route("pay", flag="payments"), route("users", share=2_000), route("items", share=0)),
)


def flags(share_bp: int) -> FlagData:
    return data_of({"payments": apply_edit("payments", None, SetShare(share_bp=share_bp))})


def outlook() -> Outlook:
    return Outlook(Truth(CONFIG, flags(2_500)), RATES.get)


def users(after_bp: int) -> Moved:
    return Moved(
        route="users",
        before_bp=2_000,
        after_bp=after_bp,
        per_minute=None,
        extracted_before=None,
        extracted_after=None,
    )


async def test_a_share_moves_its_part_of_the_requests_of_both_sides() -> None:
    moved = await outlook().moved(Served(flags=flags(5_000)))

    assert moved == (
        Moved(
            route="pay",
            before_bp=2_500,
            after_bp=5_000,
            per_minute=120.0,
            extracted_before=30.0,
            extracted_after=60.0,
        ),
    )


async def test_the_kill_switch_takes_back_whatever_the_extracted_side_answers_and_nothing_else() -> None:
    moved = await outlook().moved(Served(overrides=Overrides(is_killed=True)))

    assert [(one.route, one.before_bp, one.after_bp, one.extracted_after) for one in moved] == [
        ("pay", 2_500, 0, 0.0),
        ("users", 2_000, 0, None),
    ]
    assert moved[1] == users(0)


async def test_a_route_that_is_held_back_already_does_not_move() -> None:
    truth = Truth(CONFIG, flags(2_500))
    truth.replace_overrides(Overrides(caps=(("pay", 0),)))

    assert await Outlook(truth, RATES.get).moved(Served(flags=flags(5_000))) == ()


async def test_a_route_that_leaves_the_file_goes_to_the_monolith_and_a_new_one_comes_from_there() -> None:
    other = Config(upstreams=(), default_upstream="monolith", routes=(CONFIG.routes[0], route("new", share=100)))

    moved = await outlook().moved(Served(config=other))

    assert [(one.route, one.before_bp, one.after_bp) for one in moved] == [("users", 2_000, 0), ("new", 0, 100)]


async def test_what_is_no_one_number_for_everybody_goes_by_what_was_counted() -> None:
    words = {
        "key": "payments",
        "version": 1,
        "on": True,
        "variations": ["a", "b", "c"],
        "offVariation": 0,
        "fallthrough": {"variation": 1},
        "salt": "x",
    }
    truth = Truth(CONFIG, data_of({"payments": words}))

    (moved,) = await Outlook(truth, RATES.get).moved(Served(flags=flags(10_000)))
    (back,) = await outlook().moved(Served(flags=truth.flags))

    assert (moved.before_bp, moved.extracted_before, moved.extracted_after) == (None, 30.0, 120.0)
    assert (back.after_bp, back.extracted_before, back.extracted_after) == (None, 30.0, None)


async def test_a_stage_in_which_the_monolith_answers_moves_nothing() -> None:
    staged = [data_of({"payments": apply_edit("payments", None, SetStage(stage=stage))}) for stage in ("off", "shadow")]

    assert await Outlook(Truth(CONFIG, staged[0]), RATES.get).moved(Served(flags=staged[1])) == ()


def tally(side: Side, requests: int) -> Tally:
    return Tally(route="pay", side=side, outcomes=((Outcome.OK_2XX, requests),), latency=(), seconds=0)


def rates(
    folder: Path, *counted: tuple[float, Side, int], now: float, since: float = 0.0
) -> tuple[float, float] | None:
    """Return the rates at `now` of a proxy that runs since then, after so many requests at these times."""
    clock = [since]
    with closing(Store(folder, in_memory=True)) as store:
        desk = HistoryDesk(store.journal, now=lambda: clock[0])
    for at, side, requests in counted:
        clock[0] = at
        desk.count([tally(side, requests)])
    clock[0] = now
    return desk.per_minute("pay")


LEGACY, EXTRACTED = Side.LEGACY, Side.EXTRACTED


def test_a_rate_is_of_the_last_five_minutes(tmp_path: Path) -> None:
    counted = [(100_000.0 + at, LEGACY, 10) for at in range(0, 600, 10)]

    assert rates(tmp_path, *counted, now=100_600.0) == (60.0, 0.0)
    assert rates(tmp_path, *counted, (100_600.0, EXTRACTED, 500), now=100_610.0) == (58.0, 100.0)


def test_a_rate_of_less_than_five_minutes_is_of_what_there_is(tmp_path: Path) -> None:
    assert rates(tmp_path, (1_000.0, LEGACY, 5), (1_010.0, EXTRACTED, 15), now=1_020.0, since=1_000.0) == (15.0, 45.0)


def test_what_came_just_now_counts_also_when_nothing_came_before(tmp_path: Path) -> None:
    assert rates(tmp_path, (1_011.0, LEGACY, 6), now=1_012.0, since=1_000.0) == (30.0, 0.0)


def test_a_quiet_route_of_a_proxy_that_runs_for_long_is_counted_by_all_of_the_five_minutes(tmp_path: Path) -> None:
    assert rates(tmp_path, (1_000.0, LEGACY, 5), now=1_020.0) == (1.0, 0.0)


def test_the_first_requests_of_a_start_are_divided_by_five_seconds_at_least(tmp_path: Path) -> None:
    assert rates(tmp_path, (1_000.0, LEGACY, 1), now=1_001.0, since=1_000.0) == (12.0, 0.0)
    assert rates(tmp_path, (1_000.0, LEGACY, 1), now=1_008.0, since=1_000.0) == (7.5, 0.0)


def test_a_route_that_nobody_asked_for_five_minutes_has_no_rate(tmp_path: Path) -> None:
    assert rates(tmp_path, now=1_000.0) is None
    assert rates(tmp_path, (1_000.0, LEGACY, 5), now=1_400.0) is None


async def test_others_have_their_turn_while_the_shares_of_all_routes_are_looked_at() -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    await outlook().moved(Served(flags=flags(5_000)))
    other.cancel()

    assert turns
