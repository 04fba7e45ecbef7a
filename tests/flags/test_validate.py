"""Which definitions are refused, and by what name."""

import copy
from typing import Any

import pytest
from hypothesis import given

from strangler.errors import FlagError
from strangler.flags.validate import cautions, faults, validate
from tests.support.flags import broken_flags, json_values, percent_flag

Item = dict[str, Any]


def rollout(*weights: tuple[Any, Any]) -> Item:
    return {"rollout": {"variations": [{"variation": index, "weight": weight} for index, weight in weights]}}


def clause(**fields: Any) -> Item:
    return {"rules": [{"clauses": [{"attribute": "a", "op": "in", "values": [], **fields}], "variation": 0}]}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"key": "other"}, "key"),
        ({"version": "1"}, "version"),
        ({"version": True}, "version"),
        ({"version": -1}, "version"),
        ({"on": None}, "on"),
        ({"on": "true"}, "on"),
        ({"salt": 7}, "salt"),
        ({"variations": []}, "variations"),
        ({"variations": {}}, "variations"),
        ({"offVariation": 2}, "offVariation"),
        ({"offVariation": False}, "offVariation"),
        ({"fallthrough": None}, "fallthrough"),
        ({"fallthrough": {}}, "fallthrough"),
        ({"fallthrough": {"variation": 2}}, "fallthrough.variation"),
        ({"fallthrough": {"variation": 0, **rollout((0, 100_000))}}, "fallthrough"),
        ({"fallthrough": rollout()}, "fallthrough.rollout.variations"),
        ({"fallthrough": rollout((0, 10_000), (1, 10_000))}, "fallthrough.rollout.variations"),
        ({"fallthrough": rollout((0, 100_001))}, "fallthrough.rollout.variations[0].weight"),
        ({"fallthrough": rollout((0, 50_000.0), (1, 50_000))}, "fallthrough.rollout.variations[0].weight"),
        ({"fallthrough": rollout((0, 50_000), (2, 50_000))}, "fallthrough.rollout.variations[1].variation"),
        ({"fallthrough": {"rollout": {"seed": "7", **rollout((0, 100_000))["rollout"]}}}, "fallthrough.rollout.seed"),
        ({"targets": {}}, "targets"),
        ({"targets": [{"values": "vip", "variation": 0}]}, "targets[0].values"),
        ({"targets": [{"values": [1], "variation": 0}]}, "targets[0].values[0]"),
        ({"targets": [{"values": []}]}, "targets[0].variation"),
        ({"contextTargets": [7]}, "contextTargets[0]"),
        ({"rules": [{"clauses": []}]}, "rules[0]"),
        ({"rules": [{"variation": 0}]}, "rules[0].clauses"),
        (clause(op="is"), "rules[0].clauses[0].op"),
        (clause(op="matches", values=["("]), "rules[0].clauses[0].values[0]"),
        (clause(attribute=None), "rules[0].clauses[0].attribute"),
        (clause(negate="no"), "rules[0].clauses[0].negate"),
        ({"prerequisites": [{"variation": 0}]}, "prerequisites[0].key"),
        ({"migration": 10}, "migration"),
        *(({"migration": {"checkRatio": bad}}, "migration.checkRatio") for bad in (-1, 1.5, "10", True, [10])),
    ],
)
def test_a_broken_definition_is_refused_by_the_name_of_its_field(fields: Item, where: str) -> None:
    flag = {**percent_flag("f", 0), **fields}

    found = [str(fault) for fault in faults("f", flag)]

    assert len(found) == 1
    assert found[0].startswith(f"{where}: ")


def test_every_fault_is_told_at_once() -> None:
    flag = percent_flag("f", 0, on="yes", offVariation=5, fallthrough=rollout((0, 1)))

    with pytest.raises(FlagError) as caught:
        validate(flag)

    assert str(caught.value) == (
        "flag 'f': on: must be true or false, not 'yes'; "
        "offVariation: is 5, but the variations are numbered 0 to 1; "
        "fallthrough.rollout.variations: the weights add up to 1; make it 100000 (1 % is 1000)"
    )


def test_a_whole_launchdarkly_flag_is_sound() -> None:
    flag = percent_flag(
        "f",
        2_500,
        targets=[{"values": ["vip"], "variation": 0}],
        contextTargets=[{"contextKind": "tenant", "values": ["acme"], "variation": 1}],
        rules=[
            {
                "id": "s",
                "clauses": [{"op": "segmentMatch", "attribute": "", "values": ["staff"]}],
                **rollout((0, 100_000)),
            }
        ],
        prerequisites=[{"key": "g", "variation": 3}],
        migration={"checkRatio": 10},
        samplingRatio=1,
        trackEvents=False,
        fieldOfTomorrow={"any": 1},
    )

    assert faults("f", flag) == ()


@given(broken_flags)
def test_any_json_at_all_is_judged_without_an_error(flag: Item) -> None:
    kept = copy.deepcopy(flag)

    faults("f", flag)

    assert flag == kept


@given(json_values)
def test_what_is_no_flag_at_all_is_refused(value: Any) -> None:
    assert faults("f", value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ()),
        ({"offVariation": 1}, ("offVariation means the extracted side",)),
        ({"variations": [1, 2]}, ("its values are neither",)),
        ({"fallthrough": rollout((1, 20_000), (0, 80_000))}, ("fallthrough.rollout lists the extracted side first",)),
    ],
)
def test_what_is_rarely_meant_is_cautioned(fields: Item, said: tuple[str, ...]) -> None:
    found = cautions(percent_flag("f", 0, **fields))

    assert len(found) == len(said)
    assert all(sentence.startswith(start) for sentence, start in zip(found, said, strict=True))
