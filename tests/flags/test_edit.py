"""What operators may ask of a flag, and what comes of it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.errors import FlagError
from strangler.flags.edit import (
    Edit,
    Replace,
    SetShare,
    SetStage,
    SetStages,
    TurnOff,
    TurnOn,
    apply_edit,
    describe,
    parse_edit,
)
from strangler.flags.evaluator import Evaluator
from strangler.flags.validate import MAX_VERSION, faults
from tests.support.flags import flag_data, percent_flag

STAGES = ["off", "dualwrite", "shadow", "live", "rampdown", "complete"]
RULE = {"id": "r", "clauses": [{"attribute": "country", "op": "in", "values": ["DE"]}], "variation": 1}
TARGET = {"values": ["vip"], "variation": 1}

shares = st.builds(SetShare, share_bp=st.integers(0, 10_000))
edits = st.one_of(shares, st.just(TurnOn()), st.just(TurnOff()))


def weights(flag: dict[str, Any]) -> list[tuple[int, int]]:
    parts = flag["fallthrough"]["rollout"]["variations"]
    return [(part["variation"], part["weight"]) for part in parts]


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("25%", SetShare(share_bp=2_500)),
        (" 2.5 % ", SetShare(share_bp=250)),
        ("0%", SetShare(share_bp=0)),
        ("0.01%", SetShare(share_bp=1)),
        ("12.340%", SetShare(share_bp=1_234)),
        ("100%", SetShare(share_bp=10_000)),
        ("on", TurnOn()),
        ("OFF", TurnOff()),
        *((stage, SetStage(stage=stage)) for stage in STAGES[1:]),
        ("live=25%", SetStages(shares=(("shadow", 7_500), ("live", 2_500)))),
        ("live = 100%", SetStages(shares=(("live", 10_000),))),
        ("Live=2.5%, shadow=97.5%", SetStages(shares=(("shadow", 9_750), ("live", 250)))),
    ],
)
def test_what_an_operator_types_is_one_edit(text: str, edit: Edit) -> None:
    assert parse_edit(text) == edit


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("25", "write 25%"),
        ("0.5", "write 0.5%"),
        ("101%", "more than 100%"),
        ("2.555%", "at most two digits"),
        ("-1%", "a percentage such as 25%"),
        ("1e1%", "a percentage such as 25%"),
        ("", "a percentage such as 25%"),
        ("shado", "did you mean shadow?"),
        ("shado=5%", "did you mean shadow?"),
        ("x=5%", "the stages are off, dualwrite"),
        ("live=5", "is no percentage: write live=25%"),
        ("live=101%", "more than 100%"),
        ("live=5%,live=95%", "has the stage live twice"),
        ("off=5%", "adds up to 5%, not 100%"),
        ("live=5%,shadow=5%", "adds up to 10%, not 100%"),
        ("٢٥%x", "a percentage such as 25%"),
    ],
)
def test_what_is_no_edit_is_refused_with_what_to_type(text: str, remedy: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse_edit(text)

    assert remedy in str(caught.value)


@given(st.integers(0, 10_000))
def test_an_edit_reads_back_from_its_description(share_bp: int) -> None:
    stages = (("dualwrite", 10_000 - share_bp), ("live", share_bp))

    for edit in (SetShare(share_bp=share_bp), SetStages(shares=stages)):
        assert parse_edit(describe(edit).removeprefix("set ")) == edit


def test_a_new_percentage_flag_is_boolean_with_the_monolith_first() -> None:
    flag = apply_edit("payments", None, SetShare(share_bp=2_500))

    assert flag == {
        "key": "payments",
        "version": 1,
        "on": True,
        "salt": "payments",
        "variations": [False, True],
        "offVariation": 0,
        "prerequisites": [],
        "targets": [],
        "rules": [],
        "fallthrough": {
            "rollout": {
                "contextKind": "user",
                "variations": [{"variation": 0, "weight": 75_000}, {"variation": 1, "weight": 25_000}],
            }
        },
    }


@given(st.lists(edits, min_size=1, max_size=8))
def test_weights_always_sum_up_and_the_order_stays_and_the_version_grows(chain: list[Edit]) -> None:
    flag: dict[str, Any] | None = None
    version = 0

    for edit in chain:
        flag = apply_edit("f", flag, edit)

        assert sum(weight for _, weight in weights(flag)) == 100_000
        assert [variation for variation, _ in weights(flag)] == [0, 1]
        assert flag["version"] == version + 1
        assert faults("f", flag) == ()
        version = flag["version"]


@given(edits, edits)
def test_an_edit_leaves_the_flag_before_as_it_was(first: Edit, second: Edit) -> None:
    before = apply_edit("f", None, first)
    kept = copy.deepcopy(before)

    apply_edit("f", before, second)

    assert before == kept


@given(st.integers(0, 10_000))
def test_a_percentage_keeps_targets_rules_and_all_that_places_a_key(share_bp: int) -> None:
    before = percent_flag("f", 1_000, targets=[TARGET], rules=[RULE], custom="kept")
    before["fallthrough"]["rollout"] |= {"contextKind": "tenant", "bucketBy": "region", "seed": 7}
    expected = copy.deepcopy(before)
    expected["version"] = 2
    expected["fallthrough"]["rollout"]["variations"] = [
        {"variation": 0, "weight": 100_000 - share_bp * 10},
        {"variation": 1, "weight": share_bp * 10},
    ]

    after = apply_edit("f", before, SetShare(share_bp=share_bp))

    assert after == expected


def test_an_order_that_is_there_is_never_turned_round() -> None:
    before = percent_flag("f", 2_000)
    before["fallthrough"]["rollout"]["variations"].reverse()

    after = apply_edit("f", before, SetShare(share_bp=3_000))

    assert weights(after) == [(1, 30_000), (0, 70_000)]


@pytest.mark.parametrize(
    ("variations", "legacy", "extracted"),
    [([True, False], 1, 0), (["extracted", "legacy"], 1, 0), (["monolith", "payments"], 0, 1)],
)
def test_a_percentage_knows_which_variation_is_which(variations: list[Any], legacy: int, extracted: int) -> None:
    before = percent_flag("f", 0, variations=variations, offVariation=legacy, fallthrough={"variation": legacy})

    after = apply_edit("f", before, SetShare(share_bp=1_000))

    assert weights(after) == [(legacy, 90_000), (extracted, 10_000)]


def test_off_and_on_keep_the_percentage() -> None:
    before = percent_flag("f", 2_500)

    off = apply_edit("f", before, TurnOff())
    on = apply_edit("f", off, TurnOn())

    assert off == {**before, "on": False, "version": 2}
    assert on == {**before, "on": True, "version": 3}


def test_a_percentage_turns_the_flag_on() -> None:
    off = apply_edit("f", percent_flag("f", 0), TurnOff())

    after = apply_edit("f", off, SetShare(share_bp=100))

    assert after["on"] is True


def test_on_makes_a_missing_flag_for_everybody_and_off_for_nobody() -> None:
    on, off = apply_edit("f", None, TurnOn()), apply_edit("f", None, TurnOff())

    assert (on["on"], weights(on)) == (True, [(0, 0), (1, 100_000)])
    assert (off["on"], weights(off)) == (False, [(0, 100_000), (1, 0)])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_makes_and_moves_a_six_stage_migration_flag(stage: str) -> None:
    made = apply_edit("m", None, SetStage(stage="shadow"))

    moved = apply_edit("m", made, SetStage(stage=stage))

    assert made["variations"] == STAGES
    assert moved == {**made, "version": 2, "fallthrough": {"variation": STAGES.index(stage)}}


courses = st.lists(st.integers(0, 10_000), min_size=5, max_size=5).map(sorted)
"""How many keys are at most in each stage but the last."""


def shares_of(course: list[int]) -> tuple[tuple[str, int], ...]:
    below = [0, *course, 10_000]
    return tuple((stage, below[index + 1] - below[index]) for index, stage in enumerate(STAGES))


@given(courses, courses, st.text("abcdef0123456789", min_size=1, max_size=8))
def test_moving_shares_on_to_later_stages_never_sends_a_key_back(one: list[int], other: list[int], key: str) -> None:
    before = apply_edit("m", None, SetStages(shares=shares_of(one)))
    further = [min(pair) for pair in zip(one, other, strict=True)]

    after = apply_edit("m", before, SetStages(shares=shares_of(further)))

    stages = [str(evaluated(flag, key)) for flag in (before, after)]
    assert stages == sorted(stages, key=STAGES.index)
    assert faults("m", after) == ()


def evaluated(flag: dict[str, Any], key: str) -> bool | str | None:
    return Evaluator(on_problem=lambda _flag, _reason: None).apply(flag_data(flag)).evaluate("m", key, ()).value


def test_a_stage_for_some_keys_lists_all_stages_in_the_order_of_a_migration() -> None:
    made = apply_edit("m", None, SetStages(shares=(("shadow", 7_500), ("live", 2_500))))

    assert made["migration"] == {}
    assert made["on"] is True
    assert weights(made) == [(0, 0), (1, 0), (2, 75_000), (3, 25_000), (4, 0), (5, 0)]


def test_a_stage_for_some_keys_keeps_what_says_which_keys_and_an_order_of_its_own() -> None:
    parts = [{"variation": 3, "weight": 50_000, "untracked": True}, {"variation": 2, "weight": 50_000}]
    before = {
        **apply_edit("m", None, SetStage(stage="off")),
        "fallthrough": {"rollout": {"bucketBy": "country", "seed": 7, "variations": parts}},
        "migration": {"checkRatio": 9},
    }

    after = apply_edit("m", before, SetStages(shares=(("dualwrite", 1_000), ("live", 9_000))))

    rollout = after["fallthrough"]["rollout"]
    assert (rollout["bucketBy"], rollout["seed"], after["migration"]) == ("country", 7, {"checkRatio": 9})
    assert rollout["variations"][0] == {"variation": 3, "weight": 90_000, "untracked": True}
    assert weights(after) == [(3, 90_000), (2, 0), (0, 0), (1, 10_000), (4, 0), (5, 0)]


TWICE = [{"variation": 0, "weight": 50_000}, {"variation": 0, "weight": 50_000}]
MIGRATION = apply_edit("f", None, SetStage(stage="live"))
SOME = SetStages(shares=(("shadow", 5_000), ("live", 5_000)))


@pytest.mark.parametrize(
    ("before", "edit", "message"),
    [
        (percent_flag("f", 0), SOME, "is a boolean flag, which has no stages"),
        (percent_flag("f", 0, variations=["off", "live"]), SOME, "has no stage 'shadow'"),
        ({**MIGRATION, "fallthrough": {"rollout": {"variations": TWICE}}}, SOME, "lists one variation more than once"),
        ({**MIGRATION, "variations": [*STAGES, "bogus"]}, SOME, "has values that are no stages"),
        (percent_flag("f", 0), SetStage(stage="live"), "is a boolean flag, which has no stages"),
        (apply_edit("f", None, SetStage(stage="live")), SetShare(share_bp=1), "is a migration flag"),
        (percent_flag("f", 0, variations=["off", "live"]), SetStage(stage="shadow"), "has no stage 'shadow'"),
        (percent_flag("f", 0, variations=["a", "b"]), SetShare(share_bp=1), "needs exactly two"),
        (percent_flag("f", 0, variations=[1, 2]), SetShare(share_bp=1), "needs exactly two"),
        (percent_flag("f", 0), Replace(flag=percent_flag("g", 0)), "the definition's key is 'g'"),
        (percent_flag("f", 0), Replace(flag=percent_flag("f", 0, on="yes")), "on: must be true or false"),
        (percent_flag("f", 0), SetShare(share_bp=10_001), "from 0 to 10000"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_and_changes_nothing(
    before: dict[str, Any], edit: Edit, message: str
) -> None:
    kept = copy.deepcopy(before)

    with pytest.raises(FlagError, match=message):
        apply_edit("f", before, edit)

    assert before == kept


def test_a_rollout_that_lists_a_variation_twice_is_not_changed_by_a_percentage() -> None:
    before = percent_flag("f", 0)
    before["fallthrough"]["rollout"]["variations"] = [
        {"variation": 0, "weight": 30_000},
        {"variation": 1, "weight": 40_000},
        {"variation": 0, "weight": 30_000},
    ]

    with pytest.raises(FlagError, match="more than once"):
        apply_edit("f", before, SetShare(share_bp=1))


@pytest.mark.parametrize("key", ["", "a/b", "a b", "ä", "x" * 257, "a\n"])
def test_a_key_that_launchdarkly_would_not_take_is_refused(key: str) -> None:
    with pytest.raises(FlagError, match="is no flag key"):
        apply_edit(key, None, TurnOn())


@pytest.mark.parametrize(("given", "version"), [(1, 6), (6, 6), (50, 50), (None, 6)])
def test_a_replaced_flag_gets_a_higher_version(given: int | None, version: int) -> None:
    flag = percent_flag("f", 0)
    del flag["version"]
    if given is not None:
        flag["version"] = given

    after = apply_edit("f", percent_flag("f", 0, version=5), Replace(flag=flag))

    assert after["version"] == version


def test_a_new_definition_without_a_salt_keeps_every_keys_bucket() -> None:
    flag = percent_flag("f", 0)
    del flag["salt"]

    after = apply_edit("f", percent_flag("f", 0, salt="first"), Replace(flag=flag))

    assert after["salt"] == "first"


def test_a_flag_at_the_largest_version_can_still_be_turned_off() -> None:
    before = percent_flag("f", 10_000, version=MAX_VERSION)

    after = apply_edit("f", before, TurnOff())

    assert (after["on"], after["version"]) == (False, MAX_VERSION)


def test_a_definition_that_is_nested_without_end_is_refused() -> None:
    nested: Any = []
    for _ in range(5_000):
        nested = [nested]

    with pytest.raises(FlagError, match="nested"):
        apply_edit("f", None, Replace(flag=percent_flag("f", 0, extra=nested)))
