"""Stages in decisions: who answers, whether a read is asked of both sides, and whether a write goes to both."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.decide import Decision, Flags, Reason, decide
from strangler.core.migration import SIDES, Stage, facing
from strangler.core.model import Fallback, Route, Side
from strangler.core.rules import Rollback
from strangler.core.shadowing import Shadow, ShadowMode
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.snapshot import compile_snapshot
from strangler.flags.evaluator import Evaluator
from tests.core.requests import ASSIGNED, COUNTRY, USER, Fixed, Request, config, route
from tests.support.flags import Item, flag_data

OLD, NEW = Side.LEGACY, Side.EXTRACTED
BOTH_READS, BOTH_WRITES = "reads", "writes"
ASKED = {
    Stage.OFF: set(),
    Stage.DUALWRITE: {BOTH_WRITES},
    Stage.SHADOW: {BOTH_READS, BOTH_WRITES},
    Stage.LIVE: {BOTH_READS, BOTH_WRITES},
    Stage.RAMPDOWN: {BOTH_WRITES},
    Stage.COMPLETE: set(),
}
"""What of a key in a stage goes to both sides."""
DECLARED = Shadow(mode=ShadowMode.STAGE, writes=True)
stages = st.sampled_from(Stage)


def at(stage: Stage) -> Flags:
    return Fixed(stage.value, stage=stage, ratio=1)


def flag(*weights: int, **fields: Any) -> Item:
    """Return a migration flag `f` with these weights, in per cent, of the six stages."""
    parts = [{"variation": index, "weight": weight * 1_000} for index, weight in enumerate(weights)]
    return {
        "key": "f",
        "version": 1,
        "on": True,
        "salt": "f",
        "variations": [stage.value for stage in Stage],
        "offVariation": 0,
        "migration": {},
        "fallthrough": {"rollout": {"contextKind": "user", "variations": parts}},
        **fields,
    }


def evaluated(*weights: int, **fields: Any) -> Flags:
    return Evaluator(on_problem=lambda _flag, _reason: None).apply(flag_data(flag(*weights, **fields)))


def ask(
    flags: Flags, *, key: str = "ann", overrides: Overrides = NO_OVERRIDES, spare: str = "spare", **fields: Any
) -> Decision:
    by = config(route("r", "/a", **{"flag": "f", "shadow": DECLARED, **fields}))
    headers = ((b"X-User-Id", key.encode()),) if key else ()
    request = Request(target=b"/a", headers=headers)
    snapshot = compile_snapshot(by, generation=1, flags=flags, overrides=overrides)
    return decide(snapshot, **request._asdict(), spare_key=spare)[0]


def asked(found: Decision) -> set[str]:
    return ({BOTH_READS} if found.shadow else set()) | ({BOTH_WRITES} if found.writes else set())


def cap(share: int) -> Overrides:
    return Overrides(caps=(("r", share),))


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_is_part_of_the_decision_and_says_what_goes_to_both_sides(stage: Stage) -> None:
    found = ask(at(stage))

    assert (found.side, found.stage, found.reason) == (SIDES[stage], stage, Reason.FLAG_FALLTHROUGH)
    assert asked(found) == ASKED[stage]


@given(st.text("abcdef0123456789", min_size=1, max_size=8))
def test_each_key_has_a_stage_of_its_own(key: str) -> None:
    flags = evaluated(20, 20, 20, 20, 10, 10)

    found = ask(flags, key=key)

    assert found.stage is not None
    assert found.stage is flags.evaluate("f", key, ()).stage
    assert (found.side, asked(found)) == (SIDES[found.stage], ASKED[found.stage])


def test_there_is_one_decision_for_all_requests_of_a_stage() -> None:
    snapshot = compile_snapshot(
        config(route("r", "/a", flag="f")), generation=1, flags=evaluated(20, 20, 20, 20, 10, 10)
    )
    requests = [Request(target=b"/a", headers=((b"X-User-Id", b"user-%d" % n),)) for n in range(500)]

    found = [decide(snapshot, **request._asdict(), spare_key="spare")[0] for request in requests]

    assert len(set(map(id, found))) == len(Stage) == len({decision.stage for decision in found})


@given(stages, st.sampled_from(ShadowMode))
def test_without_a_declaration_a_write_goes_to_one_side_whatever_stage_and_mode_say(
    stage: Stage, mode: ShadowMode
) -> None:
    assert ask(at(stage), shadow=Shadow(mode=mode)).writes is None
    assert ask(at(stage), shadow=None).writes is None


@given(stages)
def test_off_forbids_what_a_stage_wants(stage: Stage) -> None:
    assert asked(ask(at(stage), shadow=Shadow(mode=ShadowMode.OFF, writes=True))) == set()


@given(stages)
def test_a_route_that_says_nothing_has_its_reads_asked_as_the_stage_says(stage: Stage) -> None:
    assert asked(ask(at(stage), shadow=None)) == ASKED[stage] - {BOTH_WRITES}


@given(st.booleans())
def test_a_flag_that_is_no_migration_flag_asks_nothing_of_a_route_that_says_nothing(value: bool) -> None:
    found = ask(Fixed(value), shadow=None)

    assert (found.stage, asked(found)) == (None, set())


@given(stages)
def test_an_upstream_that_is_called_like_a_stage_does_not_change_what_the_stage_means(stage: Stage) -> None:
    by = route("r", "/a", flag="f", shadow=DECLARED)
    renamed = Route(
        name=by.name,
        match=by.match,
        flag="f",
        identity=by.identity,
        legacy=Stage.LIVE.value,
        extracted=Stage.SHADOW.value,
    )
    snapshot = compile_snapshot(config(renamed), generation=1, flags=at(stage))

    found, _ = decide(snapshot, **Request(target=b"/a", headers=((b"X-User-Id", b"ann"),))._asdict(), spare_key="spare")

    assert found.side is SIDES[stage]


@given(stages)
def test_a_tripped_route_answers_from_the_monolith_and_goes_on_asking_the_other_side(stage: Stage) -> None:
    found = ask(at(stage), overrides=cap(0))

    assert (found.side, found.reason, found.stage) == (OLD, Reason.TRIPPED, stage)
    assert asked(found) == ASKED[stage] == ASKED[facing(stage, OLD)]


@given(stages)
def test_a_key_that_a_probe_does_not_let_back_is_as_in_a_trip(stage: Stage) -> None:
    kept = next(f"user-{n}" for n in range(100) if ask(Fixed(True), key=f"user-{n}", overrides=cap(1)).side is OLD)

    found = ask(at(stage), key=kept, overrides=cap(1))

    assert (found.side, found.reason, found.stage, asked(found)) == (OLD, Reason.PROBING, stage, ASKED[stage])


@given(stages)
def test_the_kill_switch_leaves_the_extracted_side_alone(stage: Stage) -> None:
    found = ask(at(stage), overrides=Overrides(is_killed=True, caps=(("r", 0),)))

    assert (found.side, found.reason, found.shadow) == (OLD, Reason.KILLED, None)
    assert asked(ask(Fixed(True), overrides=Overrides(is_killed=True), shadow=Shadow(mode=ShadowMode.BOTH))) == set()


@given(stages)
def test_under_the_kill_switch_it_is_known_which_writes_the_extracted_side_will_lack(stage: Stage) -> None:
    found = ask(at(stage), overrides=Overrides(is_killed=True))

    assert (found.writes is not None) == (BOTH_WRITES in ASKED[facing(stage, OLD)])


@pytest.mark.parametrize("overrides", [NO_OVERRIDES, cap(0), cap(1)])
def test_a_caller_without_an_identity_is_in_no_stage_of_a_migration(overrides: Overrides) -> None:
    found = ask(at(Stage.LIVE), key="", overrides=overrides)

    assert (found.side, found.stage, asked(found)) == (OLD, Stage.OFF, set())
    assert found.reason is (Reason.TRIPPED if overrides == cap(0) else Reason.NO_IDENTITY)


@pytest.mark.parametrize("overrides", [NO_OVERRIDES, cap(0)])
def test_a_caller_that_is_assigned_a_key_has_its_stage(overrides: Overrides) -> None:
    found = ask(at(Stage.LIVE), key="", overrides=overrides, identity=(USER, ASSIGNED))

    assert (found.stage, asked(found)) == (Stage.LIVE, ASKED[Stage.LIVE])


def test_a_caller_without_an_identity_is_as_the_mode_says_with_a_plain_flag() -> None:
    found = ask(Fixed(True), key="", shadow=Shadow(mode=ShadowMode.SHADOW))

    assert (found.stage, found.reason, asked(found)) == (None, Reason.NO_IDENTITY, {BOTH_READS})


def test_a_tripped_route_with_a_plain_flag_reads_no_key() -> None:
    found = ask(Fixed(True), key="", overrides=cap(0), shadow=Shadow(mode=ShadowMode.BOTH), identity=(USER, ASSIGNED))

    assert (found.reason, found.stage, asked(found)) == (Reason.TRIPPED, None, {BOTH_READS})


def test_the_stage_in_a_trip_goes_by_the_attributes_too() -> None:
    clause = {"attribute": "country", "op": "in", "values": ["DE"]}
    flags = evaluated(100, 0, 0, 0, 0, 0, rules=[{"id": "de", "clauses": [clause], "variation": 3}])
    by = config(route("r", "/a", flag="f", shadow=DECLARED, attributes=(COUNTRY,)))
    snapshot = compile_snapshot(by, generation=1, flags=flags, overrides=cap(0))
    request = Request(target=b"/a", headers=((b"X-User-Id", b"ann"), (COUNTRY.source.name.encode(), b"DE")))

    found, _ = decide(snapshot, **request._asdict(), spare_key="spare")

    assert (found.reason, found.stage) == (Reason.TRIPPED, Stage.LIVE)


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (Stage.LIVE, Reason.HOLD_BACK),
        (Stage.RAMPDOWN, Reason.HOLD_BACK),
        (Stage.COMPLETE, Reason.FLAG_FALLTHROUGH),
        (Stage.SHADOW, Reason.FLAG_FALLTHROUGH),
    ],
)
def test_a_key_that_is_held_back_is_in_the_same_step_on_the_monolith(stage: Stage, reason: Reason) -> None:
    flags = evaluated(fallthrough={"variation": list(Stage).index(stage)})

    found = ask(flags, rollback=Rollback(hold_back=10_000))

    assert (found.reason, found.stage) == (reason, stage)
    assert found.side is (OLD if reason is Reason.HOLD_BACK else SIDES[stage])
    assert asked(found) == ASKED[stage]


@given(stages, st.sampled_from(Side))
def test_a_write_that_is_kept_on_the_side_of_its_first_try_goes_on_from_there(stage: Stage, side: Side) -> None:
    by = config(route("r", "/a", flag="f", shadow=DECLARED))
    (compiled,) = compile_snapshot(by, generation=1, flags=at(stage)).routes

    found = compiled.decision(side, Reason.KEPT, stage)

    assert (found.side, asked(found)) == (side, ASKED[stage])


@pytest.mark.parametrize("stage", [stage for stage in Stage if SIDES[stage] is NEW])
@pytest.mark.parametrize("fallback", [Fallback.SAFE, Fallback.DECLARED])
def test_a_write_that_the_monolith_answered_instead_goes_to_the_extracted_side_as_well(
    stage: Stage, fallback: Fallback
) -> None:
    instead = ask(at(stage), fallback=fallback).instead

    assert instead is not None
    assert (instead.side, instead.reason, instead.stage) == (OLD, Reason.FALLBACK, stage)
    assert (instead.writes is not None) == (BOTH_WRITES in ASKED[stage])


INVALID: Mapping[str, tuple[Mapping[str, Any], Reason]] = {
    "a value that is no stage": ({"variations": ["bogus"], "fallthrough": {"variation": 0}}, Reason.FLAG_INVALID),
    "off without an off variation": ({"on": False, "offVariation": None}, Reason.FLAG_OFF),
    "a variation that is not there": ({"fallthrough": {"variation": 17}}, Reason.FLAG_INVALID),
}


@pytest.mark.parametrize("what", INVALID)
def test_a_migration_flag_that_says_no_stage_says_off(what: str) -> None:
    fields, reason = INVALID[what]

    found = ask(evaluated(100, 0, 0, 0, 0, 0, **fields))

    assert (found.side, found.reason, found.stage, asked(found)) == (OLD, reason, Stage.OFF, set())


@pytest.mark.parametrize("flags", [Fixed(None, Reason.FLAG_MISSING), Fixed(None, Reason.FLAGS_NOT_READY)])
def test_while_nobody_knows_the_flag_the_mode_decides(flags: Flags) -> None:
    assert asked(ask(flags)) == set()
    assert asked(ask(flags, shadow=Shadow(mode=ShadowMode.SHADOW, writes=True))) == {BOTH_READS, BOTH_WRITES}
    assert asked(ask(flags, shadow=Shadow(mode=ShadowMode.REVERSE, writes=True))) == set()


STEPS = {
    Stage.OFF: (0, None),
    Stage.DUALWRITE: (0, Shadow(mode=ShadowMode.BOTH, writes=True, sample=0)),
    Stage.SHADOW: (0, Shadow(mode=ShadowMode.BOTH, writes=True)),
    Stage.LIVE: (10_000, Shadow(mode=ShadowMode.BOTH, writes=True)),
    Stage.RAMPDOWN: (10_000, Shadow(mode=ShadowMode.BOTH, writes=True, sample=0)),
    Stage.COMPLETE: (10_000, None),
}
"""The same six steps for a share or a plain flag (docs/flags.md)."""


@pytest.mark.parametrize("stage", Stage)
def test_a_share_follows_the_same_six_steps_with_a_mode(stage: Stage) -> None:
    share, shadow = STEPS[stage]

    ways: list[dict[str, Any]] = [{"flag": None, "share": share}, {}]
    for fields in ways:
        found = ask(Fixed(bool(share)), **fields, shadow=shadow)
        is_sampled = found.shadow is not None and found.shadow.sample > 0

        assert found.side is SIDES[stage]
        assert is_sampled == (BOTH_READS in ASKED[stage])
        assert (found.writes is not None) == (BOTH_WRITES in ASKED[stage])
