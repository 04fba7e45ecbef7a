"""What a flag amounts to."""

from typing import Any

import pytest

from strangler.flags.edit import SetStage, SetStages, TurnOff, apply_edit
from strangler.flags.listing import summaries
from strangler.flags.migration import check_ratio, migrations_of
from strangler.flags.summary import FlagKind, FlagSummary, kind_of, summarise
from tests.support.flags import flag_data, percent_flag


def summary(**fields: Any) -> FlagSummary:
    plain: dict[str, Any] = {
        "key": "f",
        "kind": FlagKind.BOOLEAN,
        "version": 1,
        "on": True,
        "share_bp": 2_500,
        "served_bp": 2_500,
        "off_bp": 0,
        "stage": None,
        "stages": {},
        "check_ratio": None,
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
        ({"on": False, "offVariation": 1}, {"on": False, "served_bp": 10_000, "off_bp": 10_000}),
        ({"fallthrough": {"variation": 1}}, {"share_bp": 10_000, "served_bp": 10_000}),
        ({"rules": [RULE, RULE]}, {"rules": 2}),
        ({"targets": [{"values": ["a", "b"], "variation": 0}]}, {"targets": 2}),
        ({"variations": ["legacy", "extracted"]}, {"kind": FlagKind.STRING}),
        ({"variations": ["monolith", "payments-v2"]}, {"kind": FlagKind.STRING}),
        ({"variations": [1, 2]}, {"kind": FlagKind.OTHER, "share_bp": None, "served_bp": None, "off_bp": None}),
        ({"variations": [False, "extracted"]}, {"kind": FlagKind.OTHER}),
    ],
)
def test_a_flag_is_summed_up(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert summarise(percent_flag("f", 2_500, **fields)) == summary(**expected)


def test_a_migration_flag_shows_its_stage() -> None:
    flag = apply_edit("f", None, SetStage(stage="live"))

    assert summarise(flag) == summary(
        kind=FlagKind.MIGRATION,
        share_bp=10_000,
        served_bp=10_000,
        stage="live",
        stages={"live": 10_000},
        check_ratio=1,
    )


def test_a_migration_flag_that_is_off_shows_the_stage_off() -> None:
    flag = apply_edit("f", apply_edit("f", None, SetStage(stage="live")), TurnOff())

    expected = summary(
        kind=FlagKind.MIGRATION,
        version=2,
        on=False,
        share_bp=10_000,
        served_bp=0,
        stage="off",
        stages={"off": 10_000},
        check_ratio=1,
    )
    assert summarise(flag) == expected
    assert summarise({**flag, "offVariation": None}).stages == {"off": 10_000}


def test_a_mix_of_stages_is_shown_with_its_shares_and_how_many_reads_are_compared() -> None:
    flag = apply_edit("f", None, SetStages(shares=(("shadow", 6_000), ("live", 3_000), ("rampdown", 1_000))))

    found = summarise({**flag, "migration": {"checkRatio": 20}})

    assert found.stages == {"shadow": 6_000, "live": 3_000, "rampdown": 1_000}
    assert (found.stage, found.share_bp, found.check_ratio) == (None, 4_000, 20)


@pytest.mark.parametrize(
    ("flag", "kind"),
    [
        ({"variations": ["off", "live"]}, FlagKind.MIGRATION),
        ({"variations": ["live"]}, FlagKind.MIGRATION),
        ({"variations": ["off"]}, FlagKind.STRING),
        ({"variations": ["off"], "migration": {}}, FlagKind.MIGRATION),
        ({"variations": ["off", "bogus"], "migration": {}}, FlagKind.MIGRATION),
        ({"variations": ["off", "extracted"]}, FlagKind.STRING),
        ({"variations": [False, True], "migration": {}}, FlagKind.BOOLEAN),
    ],
)
def test_a_migration_flag_is_marked_as_one_or_has_stages_alone(flag: dict[str, Any], kind: FlagKind) -> None:
    assert kind_of(flag) is kind
    assert (migrations_of({"f": flag}) == {"f"}) == (kind is FlagKind.MIGRATION)
    assert (check_ratio(flag) is not None) == (kind is FlagKind.MIGRATION)


@pytest.mark.parametrize("broken", [None, 7, [], {}, {"variations": "off"}, {"variations": [], "migration": {}}])
def test_what_is_no_flag_is_no_migration_flag(broken: object) -> None:
    assert migrations_of({"f": broken}) == frozenset()


def test_a_stage_means_its_side_whatever_upstreams_are_called() -> None:
    flag = apply_edit("f", None, SetStage(stage="live"))

    assert summarise(flag, legacy_name="live", extracted_name="off").served_bp == 10_000


def test_upstream_names_mean_sides() -> None:
    flag = percent_flag("f", 2_500, variations=["core", "billing"])

    found = summarise(flag, legacy_name="core", extracted_name="billing")

    assert found == summary(kind=FlagKind.STRING)


def test_a_list_of_flags_has_the_broken_ones_too() -> None:
    data = flag_data(percent_flag("sound", 0), percent_flag("broken", 0, fallthrough={}))

    found = summaries(data)

    assert [(flag.key, flag.kind) for flag in found] == [("broken", FlagKind.INVALID), ("sound", FlagKind.BOOLEAN)]
