"""Stages beside LaunchDarkly's own migrator: the same calls in the same order, and the same answer for the caller."""

from collections.abc import Callable
from typing import Any

import pytest
from ldclient import Context, Result
from ldclient.client import LDClient
from ldclient.migrations import ExecutionOrder, MigratorBuilder
from ldclient.migrations import Stage as LdStage
from ldclient.versioned_data_kind import FEATURES

from strangler.core.decide import Decision, decide
from strangler.core.migration import Stage
from strangler.core.model import Side
from strangler.core.shadowing import Shadow, ShadowMode
from strangler.core.snapshot import compile_snapshot
from strangler.flags.evaluator import Evaluator
from strangler.flags.sdk import Decoder, fixed_client
from tests.core.requests import Request, config, route
from tests.support.flags import Item, flag_data, percent_flag

SIDES = {"old": Side.LEGACY, "new": Side.EXTRACTED}
KEYS = [f"user-{number}" for number in range(60)]
STAGES = [stage.value for stage in Stage]
Calls = tuple[list[str], str, bool]
"""Who was called in what order, whose answer the caller gets, and whether two answers were compared."""


def migration(served: Item, **fields: Any) -> Item:
    return {
        "key": "f",
        "version": 1,
        "on": True,
        "salt": "s",
        "variations": STAGES,
        "offVariation": 0,
        "migration": {"checkRatio": 1},
        "fallthrough": served,
        **fields,
    }


def client(flag: Item | None) -> LDClient:
    return fixed_client(Decoder(FEATURES).decode({} if flag is None else {"f": flag}), {})


def theirs(flag: Item | None, key: str, *, is_write: bool, failing: str = "") -> Calls:
    """Return what LaunchDarkly's migrator does."""
    called: list[str] = []
    compared: list[bool] = []

    def calling(name: str) -> Callable[[Any], Result]:
        def call(_payload: Any) -> Result:
            called.append(name)
            return Result.fail("down") if name == failing else Result.success(name)

        return call

    def compare(_one: Any, _other: Any) -> bool:
        compared.append(True)
        return True

    migrator = (
        MigratorBuilder(client(flag))
        .read(calling("old"), calling("new"), compare)
        .write(calling("old"), calling("new"))
        .read_execution_order(ExecutionOrder.SERIAL)
        .build()
    )
    assert not isinstance(migrator, str)
    context = Context.create(key)
    if is_write:
        answer = migrator.write("f", context, LdStage.OFF).authoritative
    else:
        answer = migrator.read("f", context, LdStage.OFF)
    return called, answer.origin.value, bool(compared)


def decided(flag: Item | None, key: str, mode: ShadowMode = ShadowMode.STAGE) -> Decision:
    by = config(route("r", "/a", flag="f", shadow=Shadow(mode=mode, writes=True)))
    flags = Evaluator(on_problem=lambda _flag, _reason: None).apply(flag_data(*([] if flag is None else [flag])))
    request = Request(target=b"/a", headers=((b"X-User-Id", key.encode()),))
    return decide(compile_snapshot(by, generation=1, flags=flags), **request._asdict(), spare_key="spare")[0]


def ours(flag: Item | None, key: str, *, is_write: bool, mode: ShadowMode = ShadowMode.STAGE) -> Calls:
    """Return what our decision says."""
    found = decided(flag, key, mode)
    first = next(name for name, side in SIDES.items() if side is found.side)
    second = "new" if first == "old" else "old"
    goes_to_both = (found.writes if is_write else found.shadow) is not None
    return [first, second] if goes_to_both else [first], first, goes_to_both and not is_write


@pytest.mark.parametrize("is_write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("mode", [mode for mode in ShadowMode if mode is not ShadowMode.OFF])
def test_each_stage_asks_whom_launchdarklys_migrator_asks_in_its_order(
    stage: str, mode: ShadowMode, is_write: bool
) -> None:
    flag = migration({"variation": STAGES.index(stage)})

    assert ours(flag, "ann", is_write=is_write, mode=mode) == theirs(flag, "ann", is_write=is_write)


@pytest.mark.parametrize("is_write", [False, True], ids=["read", "write"])
def test_a_percentage_over_stages_has_the_same_stage_for_each_key(is_write: bool) -> None:
    parts = [{"variation": index, "weight": weight} for index, weight in enumerate([20_000] * 4 + [10_000] * 2)]
    flag = migration({"rollout": {"contextKind": "user", "variations": parts}})

    found = [ours(flag, key, is_write=is_write) for key in KEYS]

    assert found == [theirs(flag, key, is_write=is_write) for key in KEYS]
    assert {decided(flag, key).stage for key in KEYS} == set(Stage)


@pytest.mark.parametrize("is_write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize(
    "flag",
    [
        None,
        percent_flag("f", 10_000),
        migration({"variation": 0}, variations=["bogus", "live"]),
        migration({"variation": 9}),
        migration({"variation": 3}, on=False),
        migration({"variation": 3}, on=False, offVariation=None),
        migration({"variation": 0}, targets=[{"values": ["ann"], "variation": 4}]),
    ],
    ids=["none", "another kind", "no stage", "no variation", "off", "off without a value", "a target"],
)
def test_whatever_settles_the_stage_or_leaves_it_open_both_do_the_same(flag: Item | None, is_write: bool) -> None:
    if flag is not None and flag["variations"] == [False, True]:
        # Because a plain flag splits here, where LaunchDarkly's migrator refuses it, only its lower half is the same.
        flag = percent_flag("f", 0)

    assert ours(flag, "ann", is_write=is_write) == theirs(flag, "ann", is_write=is_write)


@pytest.mark.parametrize("stage", STAGES)
def test_launchdarkly_too_writes_to_the_second_side_only_after_the_first_succeeded(stage: str) -> None:
    flag = migration({"variation": STAGES.index(stage)})
    first = ours(flag, "ann", is_write=True)[1]

    called, answer, _ = theirs(flag, "ann", is_write=True, failing=first)

    assert (called, answer) == ([first], first)


@pytest.mark.parametrize("ratio", [None, -1, 0, 1, 2, 10])
def test_launchdarkly_too_compares_one_read_in_so_many(ratio: int | None) -> None:
    flag = migration({"variation": 2}, migration={} if ratio is None else {"checkRatio": ratio})
    flags = Evaluator(on_problem=lambda _flag, _reason: None).apply(flag_data(flag))

    compared = sum(theirs(flag, "ann", is_write=False)[2] for _ in range(200))

    share = 1 if ratio is None else 1 / ratio if ratio > 0 else 0
    # Because its sampler throws dice: six standard deviations are one run in 500 million.
    assert abs(compared - 200 * share) <= 6 * (200 * share * (1 - share)) ** 0.5
    assert flags.check_ratio("f") == (1 if ratio is None else max(ratio, 0))
