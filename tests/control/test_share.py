"""Shares as shown."""

import json
from dataclasses import replace
from typing import Any

import pytest

from strangler.control.share import Share, share_of
from strangler.core.decide import Reason
from strangler.core.explain import explain
from strangler.core.model import Match, Route, Source, SourceKind
from strangler.core.rules import Rollback
from strangler.core.snapshot import compile_snapshot
from strangler.flags.data import FlagData
from strangler.flags.edit import Edit, SetShare, SetStage, SetStages, TurnOff, apply_edit
from strangler.flags.evaluator import Evaluator
from tests.support.plane import config

QUARTER = apply_edit("flag", None, SetShare(share_bp=2_500))
HEADER = Source(kind=SourceKind.HEADER, name="x-user-id")
KEYS = 2_000


def route(**more: Any) -> Route:
    return Route(name="r", match=Match(path="/"), legacy="monolith", **{"extracted": "service", **more})


def decided(guarded: Route, flag: dict[str, Any]) -> list[Reason]:
    """Return why each of many keys goes where a worker sends it."""
    document = json.dumps({"flags": {"flag": flag}, "segments": {}}).encode()
    flags = Evaluator(on_problem=lambda _flag, _reason: None).apply(FlagData(version=1, ready=True, document=document))
    snapshot = compile_snapshot(config(1, 1, replace(guarded, extracted="extracted")), generation=1, flags=flags)

    def reason(number: int) -> Reason:
        headers = ((b"x-user-id", b"user %d" % number),)
        return explain(
            snapshot,
            method=b"GET",
            target=b"/",
            host=b"a.test",
            headers=headers,
            peer="127.0.0.1",
            spare_key="spare",
        ).reason

    return [reason(number) for number in range(KEYS)]


@pytest.mark.parametrize(
    ("shown", "flags", "share"),
    [
        (route(extracted=None), {}, Share(basis_points=0, note="no extracted service")),
        (route(share=2_000), {}, Share(basis_points=2_000, note="")),
        (route(flag="flag"), {}, Share(basis_points=0, note="flag missing")),
        (route(flag="flag"), {"flag": {"key": "flag"}}, Share(basis_points=0, note="flag invalid")),
        (route(flag="flag"), {"flag": QUARTER}, Share(basis_points=2_500, note="")),
        (
            route(flag="flag"),
            {"flag": apply_edit("flag", QUARTER, TurnOff())},
            Share(basis_points=0, note="flag off"),
        ),
        (
            route(flag="flag"),
            {"flag": apply_edit("flag", None, SetStage(stage="live"))},
            Share(basis_points=10_000, note="stage live", stages={"live": 10_000}),
        ),
        (
            route(flag="flag"),
            {"flag": apply_edit("flag", None, SetStages(shares=(("shadow", 9_000), ("live", 1_000))))},
            Share(basis_points=1_000, note="stages shadow 90%, live 10%", stages={"shadow": 9_000, "live": 1_000}),
        ),
        (
            route(flag="flag"),
            {"flag": {**QUARTER, "targets": [{"values": ["vip"], "variation": 1}]}},
            Share(basis_points=2_500, note="0 rules and 1 targets go first"),
        ),
    ],
)
def test_a_share_says_how_far_and_why(shown: Route, flags: dict[str, Any], share: Share) -> None:
    assert share_of(shown, flags, is_ready=True) == share


@pytest.mark.parametrize(
    ("edit", "held_bp"),
    [
        (SetShare(share_bp=10_000), 2_000),
        (SetShare(share_bp=9_500), 1_500),
        (SetShare(share_bp=8_000), 0),
        (SetStage(stage="live"), 2_000),
        # A key in the last stage has nothing to be compared with any more.
        (SetStage(stage="complete"), 0),
        (SetStages(shares=(("rampdown", 5_000), ("complete", 5_000))), 2_000),
        (SetStages(shares=(("rampdown", 500), ("complete", 9_500))), 500),
    ],
)
def test_what_is_told_to_be_held_back_is_what_is_held_back(edit: Edit, held_bp: int) -> None:
    flag = apply_edit("flag", None, edit)
    guarded = route(flag="flag", identity=(HEADER,), rollback=Rollback(hold_back=2_000))

    told = share_of(guarded, {"flag": flag}, is_ready=True)

    assert told.held_bp == held_bp
    reasons = decided(guarded, flag)
    assert reasons.count(Reason.HOLD_BACK) / KEYS == pytest.approx(held_bp / 10_000, abs=0.03)


def test_nothing_is_held_back_of_a_route_that_is_not_guarded_or_a_flag_that_is_off() -> None:
    whole = apply_edit("flag", None, SetShare(share_bp=10_000))

    assert share_of(route(flag="flag"), {"flag": whole}, is_ready=True).held_bp == 0
    assert (
        share_of(
            route(flag="flag", rollback=Rollback()), {"flag": {**whole, "on": False, "offVariation": 1}}, is_ready=True
        ).held_bp
        == 0
    )


def test_the_flags_that_a_flag_asks_first_are_named_each_once() -> None:
    def asking(key: str, *others: str) -> dict[str, Any]:
        return {**QUARTER, "key": key, "prerequisites": [{"key": other, "variation": 0} for other in others]}

    flags = {
        "flag": asking("flag", "eu", "new-cards"),
        "eu": asking("eu", "new-cards"),
        "new-cards": asking("new-cards", "gone"),
    }

    assert share_of(route(flag="flag"), flags, is_ready=True).prerequisites == ("eu", "new-cards", "gone")


def test_before_flags_are_ready_every_flagged_route_is_on_the_monolith() -> None:
    assert share_of(route(flag="flag"), {"flag": QUARTER}, is_ready=False) == Share(
        basis_points=0, note="flags not ready"
    )
