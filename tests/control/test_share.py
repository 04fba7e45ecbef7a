"""Shares as shown."""

from typing import Any

import pytest

from strangler.control.share import Share, share_of
from strangler.core.model import Match, Route
from strangler.flags.edit import SetShare, SetStage, SetStages, TurnOff, apply_edit

QUARTER = apply_edit("flag", None, SetShare(share_bp=2_500))


def route(**more: Any) -> Route:
    return Route(name="r", match=Match(path="/"), legacy="monolith", **{"extracted": "service", **more})


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


def test_before_flags_are_ready_every_flagged_route_is_on_the_monolith() -> None:
    assert share_of(route(flag="flag"), {"flag": QUARTER}, is_ready=False) == Share(
        basis_points=0, note="flags not ready"
    )
