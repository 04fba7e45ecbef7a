"""What a flag amounts to."""

from typing import Any

import pytest

from strangler.flags.edit import SetStage, TurnOff, apply_edit
from strangler.flags.listing import summaries
from strangler.flags.summary import FlagKind, FlagSummary, summarise
from tests.support.flags import flag_data, percent_flag


def summary(**fields: Any) -> FlagSummary:
    plain: dict[str, Any] = {
        "key": "f",
        "kind": FlagKind.BOOLEAN,
        "version": 1,
        "on": True,
        "share_bp": 2_500,
        "served_bp": 2_500,
        "stage": None,
        "rules": 0,
        "targets": 0,
    }
    return FlagSummary(**{**plain, **fields})


RULE = {"clauses": [], "variation": 1}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"on": False}, {"on": False, "served_bp": 0}),
        ({"on": False, "offVariation": 1}, {"on": False, "served_bp": 10_000}),
        ({"fallthrough": {"variation": 1}}, {"share_bp": 10_000, "served_bp": 10_000}),
        ({"rules": [RULE, RULE]}, {"rules": 2}),
        ({"targets": [{"values": ["a", "b"], "variation": 0}]}, {"targets": 2}),
        ({"variations": ["legacy", "extracted"]}, {"kind": FlagKind.STRING}),
        ({"variations": ["monolith", "payments-v2"]}, {"kind": FlagKind.STRING}),
        ({"variations": [1, 2]}, {"kind": FlagKind.OTHER, "share_bp": None, "served_bp": None}),
        ({"variations": [False, "extracted"]}, {"kind": FlagKind.OTHER}),
    ],
)
def test_a_flag_is_summed_up(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert summarise(percent_flag("f", 2_500, **fields)) == summary(**expected)


def test_a_migration_flag_shows_its_stage() -> None:
    flag = apply_edit("f", None, SetStage(stage="live"))

    assert summarise(flag) == summary(kind=FlagKind.MIGRATION, share_bp=10_000, served_bp=10_000, stage="live")


def test_a_migration_flag_that_is_off_shows_the_stage_off() -> None:
    flag = apply_edit("f", apply_edit("f", None, SetStage(stage="live")), TurnOff())

    expected = summary(kind=FlagKind.MIGRATION, version=2, on=False, share_bp=10_000, served_bp=0, stage="off")
    assert summarise(flag) == expected


def test_upstream_names_mean_sides() -> None:
    flag = percent_flag("f", 2_500, variations=["core", "billing"])

    found = summarise(flag, legacy_name="core", extracted_name="billing")

    assert found == summary(kind=FlagKind.STRING)


def test_a_list_of_flags_has_the_broken_ones_too() -> None:
    data = flag_data(percent_flag("sound", 0), percent_flag("broken", 0, fallthrough={}))

    found = summaries(data)

    assert [(flag.key, flag.kind) for flag in found] == [("broken", FlagKind.INVALID), ("sound", FlagKind.BOOLEAN)]
