"""What the evaluator promises: LaunchDarkly's answer, remembered, per data set."""

import gc
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.decide import Evaluation, Reason
from strangler.core.migration import Stage
from strangler.flags.data import NOT_READY, FlagData
from strangler.flags.evaluator import Evaluator
from strangler.flags.stall import LONGEST_S, MOST_TEXT
from tests.support.flags import Problems, broken_flags, flag_data, json_values, percent_flag


def evaluator(problems: Problems | None = None, **options: Any) -> Evaluator:
    return Evaluator(on_problem=problems or Problems(), **options)


TARGET = {"values": ["vip"], "variation": 1}


def rule(variation: int, *values: str, attribute: str = "country") -> dict[str, Any]:
    clause = {"attribute": attribute, "op": "in", "values": list(values), "contextKind": "user"}
    return {"id": "r", "clauses": [clause], "variation": variation}


@pytest.mark.parametrize(
    ("fields", "key", "value", "reason"),
    [
        ({"on": False}, "u", False, Reason.FLAG_OFF),
        ({"on": False, "offVariation": None}, "u", None, Reason.FLAG_OFF),
        ({"targets": [{"values": ["u"], "variation": 1}]}, "u", True, Reason.FLAG_TARGET),
        ({"rules": [rule(1, "DE")]}, "u", True, Reason.FLAG_RULE),
        ({}, "u", False, Reason.FLAG_FALLTHROUGH),
        ({"prerequisites": [{"key": "absent", "variation": 0}]}, "u", False, Reason.FLAG_OFF),
        ({"fallthrough": {"variation": 7}}, "u", None, Reason.FLAG_INVALID),
        ({"fallthrough": {}}, "u", None, Reason.FLAG_INVALID),
        ({"variations": [1, 2]}, "u", None, Reason.FLAG_INVALID),
        ({"variations": ["legacy", "extracted"]}, "u", "legacy", Reason.FLAG_FALLTHROUGH),
        ({}, "", None, Reason.NO_IDENTITY),
    ],
)
def test_every_way_a_flag_can_answer_has_its_reason(
    fields: dict[str, Any], key: str, value: bool | str | None, reason: Reason
) -> None:
    flags = evaluator().apply(flag_data(percent_flag("f", 0, **fields)))

    answer = flags.evaluate("f", key, (("country", "DE"),))

    assert answer == Evaluation(value=value, reason=reason)


def test_a_flag_that_does_not_exist_is_missing() -> None:
    flags = evaluator().apply(flag_data())

    answer = flags.evaluate("f", "u", ())

    assert answer == Evaluation(value=None, reason=Reason.FLAG_MISSING)


def test_without_data_every_flag_is_not_ready() -> None:
    flags = evaluator().apply(NOT_READY)

    answer = flags.evaluate("f", "u", ())

    assert answer == Evaluation(value=None, reason=Reason.FLAGS_NOT_READY)


def test_a_segment_decides_a_rule() -> None:
    clause = {"op": "segmentMatch", "attribute": "", "values": ["staff"]}
    flag = percent_flag("f", 0, rules=[{"id": "s", "clauses": [clause], "variation": 1}])
    segment = {"key": "staff", "version": 1, "included": ["ann"], "salt": "x"}
    flags = evaluator().apply(flag_data(flag, segments=[segment]))

    answers = [flags.evaluate("f", key, ()).value for key in ("ann", "bob")]

    assert answers == [True, False]


def test_one_broken_flag_leaves_the_others_in_force() -> None:
    broken = percent_flag("broken", 0, targets=[{"values": "not a list", "variation": 0}])
    flags = evaluator().apply(flag_data(broken, percent_flag("sound", 10_000)))

    answers = [flags.evaluate(flag, "u", ()) for flag in ("broken", "sound")]

    assert answers == [
        Evaluation(value=None, reason=Reason.FLAG_INVALID),
        Evaluation(value=True, reason=Reason.FLAG_FALLTHROUGH),
    ]


def test_a_flag_that_left_the_data_is_gone() -> None:
    one = evaluator()
    one.apply(flag_data(percent_flag("f", 10_000), version=1))

    flags = one.apply(flag_data(version=2))

    assert flags.evaluate("f", "u", ()).reason is Reason.FLAG_MISSING


@pytest.mark.parametrize("version", [1, 5, 9])
def test_new_data_wins_whatever_the_versions_of_its_flags_are(version: int) -> None:
    one = evaluator()
    one.apply(flag_data(percent_flag("f", 0, version=5))).evaluate("f", "u", ())

    flags = one.apply(flag_data(percent_flag("f", 10_000, version=version)))

    assert flags.evaluate("f", "u", ()).value is True


def test_flags_that_were_returned_before_keep_their_data() -> None:
    one = evaluator()
    before = one.apply(flag_data(percent_flag("f", 0)))

    one.apply(flag_data(percent_flag("f", 10_000)))

    assert before.evaluate("f", "u", ()).value is False


def test_a_problem_is_told_once_until_the_flag_changes() -> None:
    problems = Problems()
    one = evaluator(problems)
    broken = percent_flag("f", 0, fallthrough={})
    mended = percent_flag("f", 0, fallthrough={"variation": 9})

    for data in (flag_data(), flag_data(version=2), flag_data(broken), flag_data(broken), flag_data(mended)):
        flags = one.apply(data)
        for user in range(20):
            flags.evaluate("f", f"u{user}", ())

    assert problems.told == [("f", Reason.FLAG_MISSING), ("f", Reason.FLAG_INVALID), ("f", Reason.FLAG_INVALID)]


def test_a_broken_flag_that_nobody_asks_for_is_no_problem() -> None:
    problems = Problems()

    evaluator(problems).apply(flag_data(percent_flag("f", 0, fallthrough={})))

    assert problems.told == []


def test_a_hundred_evaluations_log_nothing(caplog: pytest.LogCaptureFixture) -> None:
    waits = percent_flag("waits", 0, prerequisites=[{"key": "absent", "variation": 0}])
    flags = evaluator().apply(flag_data(percent_flag("broken", 0, fallthrough={}), waits))

    with caplog.at_level(logging.DEBUG, logger="strangler"):
        for user in range(100):
            for flag in ("broken", "waits", "missing"):
                flags.evaluate(flag, f"u{user}", ())

    assert caplog.records == []


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["f", "g"]), st.one_of(json_values, broken_flags)))
def test_whatever_a_flag_is_the_evaluator_answers(flags: dict[str, Any]) -> None:
    document = json.dumps({"flags": flags, "segments": flags}).encode()

    found = evaluator().apply(FlagData(version=1, ready=True, document=document))

    for flag in ("f", "g"):
        assert found.evaluate(flag, "u", ()).reason in Reason


def calls_of(function: Callable[[], object]) -> int:
    """Return how many Python functions a call enters: a cost that does not depend on the machine."""
    entered = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal entered
        entered += event == "call"

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return entered - 1


def test_a_remembered_answer_costs_one_call() -> None:
    flags = evaluator().apply(flag_data(percent_flag("f", 5_000)))
    flags.evaluate("f", "u", ())

    cost = calls_of(lambda: flags.evaluate("f", "u", ()))

    assert cost == 1


def test_the_memo_stays_within_its_bound() -> None:
    flags: Any = evaluator(memo_keys=100).apply(flag_data(percent_flag("f", 5_000)))

    for user in range(1_000):
        flags.evaluate("f", f"u{user}", ())

    assert len(flags._young) + len(flags._old) <= 200


def test_a_full_memo_still_knows_who_came_lately() -> None:
    flags = evaluator(memo_keys=100).apply(flag_data(percent_flag("f", 5_000)))
    for user in range(150):
        flags.evaluate("f", f"u{user}", ())

    cost = calls_of(lambda: flags.evaluate("f", "u60", ()))

    assert cost == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": [{"values": ["vip"], "variation": 1}]},
        {"contextTargets": [{"contextKind": "user", "values": [], "variation": 1}], "targets": [TARGET]},
        {"rules": [rule(1, "vip", attribute="key")]},
        {"prerequisites": [{"key": "absent", "variation": 0}], "offVariation": 1},
    ],
)
def test_one_variation_for_all_leaves_exceptions_in_force(fields: dict[str, Any]) -> None:
    flags = evaluator().apply(flag_data(percent_flag("f", 0, fallthrough={"variation": 0}, **fields)))

    answer = flags.evaluate("f", "vip", ())

    assert answer.value is True


@pytest.mark.parametrize("fields", [{"on": False}, {"fallthrough": {"variation": 1}}])
def test_a_flag_that_says_the_same_to_everybody_fills_no_memory(fields: dict[str, Any]) -> None:
    flags: Any = evaluator().apply(flag_data(percent_flag("f", 0, **fields)))
    flags.evaluate("f", "somebody", ())

    cost = calls_of(lambda: flags.evaluate("f", "somebody new", ()))

    assert cost == 2
    assert not flags._young


def test_very_long_keys_are_answered_and_not_kept() -> None:
    flags: Any = evaluator().apply(flag_data(percent_flag("f", 10_000)))

    answer = flags.evaluate("f", "x" * 5_000, ())

    assert answer.value is True
    assert not flags._young


@pytest.mark.parametrize("name", ["key", "kind", "anonymous"])
def test_an_attribute_cannot_replace_the_identity(name: str) -> None:
    flags = evaluator().apply(flag_data(percent_flag("f", 0, targets=[{"values": ["vip"], "variation": 1}])))

    answer = flags.evaluate("f", "u", ((name, "vip"),))

    assert answer == Evaluation(value=False, reason=Reason.FLAG_FALLTHROUGH)


def test_a_key_that_is_no_unicode_has_a_side_all_the_same() -> None:
    flags = evaluator().apply(flag_data(percent_flag("f", 5_000)))

    answers = {flags.evaluate("f", f"u\udcff{number}", ()).value for number in range(50)}

    assert answers == {True, False}


def test_a_generation_that_was_replaced_answers_the_same_and_remembers_nothing() -> None:
    made = evaluator()
    old = made.apply(flag_data(percent_flag("f", 5_000)))
    before = [old.evaluate("f", f"u{number}", ()) for number in range(200)]

    made.apply(flag_data(percent_flag("f", 0)))
    after = [old.evaluate("f", f"u{number}", ()) for number in range(200)]

    assert after == before
    assert {answer.value for answer in after} == {True, False}
    assert not [held for held in gc.get_referents(old) if isinstance(held, dict) and ("f", "u1", ()) in held]


def matching(*patterns: str) -> dict[str, Any]:
    clause = {"attribute": "mail", "op": "matches", "values": list(patterns), "contextKind": "user"}
    return percent_flag("f", 0, rules=[{"id": "r", "clauses": [clause], "variation": 1}])


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "^(a|a)*$", "(a*)*b"])
async def test_a_pattern_that_takes_for_ever_is_given_up_and_the_monolith_answers(pattern: str) -> None:
    problems = Problems()
    flags = evaluator(problems).apply(flag_data(matching(pattern)))

    stalled = flags.evaluate("f", "u", (("mail", "a" * 60 + "!"),))
    others = [flags.evaluate("f", key, (("mail", mail),)) for key, mail in (("v", "aaab"), ("w", "?"))]

    assert stalled == Evaluation(value=None, reason=Reason.FLAG_INVALID)
    assert {one.reason for one in others} <= {Reason.FLAG_RULE, Reason.FLAG_FALLTHROUGH}
    assert problems.told == [("f", Reason.FLAG_INVALID)]


async def test_a_thousand_patterns_that_are_slow_together_are_given_up_as_one_would_be() -> None:
    asked = evaluator()
    flags = asked.apply(flag_data(matching(*(f"^(a+)+[{number}]$" for number in range(1_000)))))
    text = _slow_text("^(a+)+[0]$")

    began = time.thread_time()
    found = flags.evaluate("f", "u", (("mail", text),))
    spent = time.thread_time() - began

    assert found == Evaluation(value=None, reason=Reason.FLAG_INVALID)
    # Because each of them alone is within the bound, a bound of each would let a hundred times as much pass.
    assert spent < 100 * LONGEST_S / 5
    assert asked.given_up == 1


async def test_a_thousand_patterns_that_are_quick_are_all_searched() -> None:
    asked = evaluator()
    flags = asked.apply(flag_data(matching(*(f"^b{number}$" for number in range(1_000)))))

    reasons = [flags.evaluate("f", f"u{mail}", (("mail", mail),)).reason for mail in ("b999", "b1000", "b0")]

    assert reasons == [Reason.FLAG_RULE, Reason.FLAG_FALLTHROUGH, Reason.FLAG_RULE]
    assert asked.given_up == 0


def _slow_text(pattern: str) -> str:
    """Return a text in which a search takes a tenth to a half of what an evaluation may."""
    for size in range(8, 60):
        text = "a" * size + "!"
        began = time.thread_time()
        re.search(pattern, text)
        if time.thread_time() - began > LONGEST_S / 10:
            return text
    raise AssertionError


async def test_a_stage_whose_pattern_takes_for_ever_is_off() -> None:
    flag = {**matching("^(a+)+$"), "variations": ["off", "live"], "migration": {"checkRatio": 1}}
    flags = evaluator().apply(flag_data(flag))

    stalled = flags.evaluate("f", "u", (("mail", "a" * 60 + "!"),))

    assert (stalled.stage, stalled.reason) == (Stage.OFF, Reason.FLAG_INVALID)


async def test_what_takes_long_outside_of_an_evaluation_is_not_given_up() -> None:
    flags = evaluator().apply(flag_data(matching("^b")))

    flags.evaluate("f", "u", (("mail", "b"),))
    began = time.process_time()
    while time.process_time() - began < 3 * LONGEST_S:
        pass

    assert flags.evaluate("f", "v", (("mail", "b"),)).reason is Reason.FLAG_RULE


async def test_a_text_that_is_too_long_to_search_is_given_up_without_searching() -> None:
    flags = evaluator().apply(flag_data(matching("a")))

    reasons = [flags.evaluate("f", "u", (("mail", "a" * size),)).reason for size in (MOST_TEXT, MOST_TEXT + 1)]

    assert reasons == [Reason.FLAG_RULE, Reason.FLAG_INVALID]


async def test_work_of_other_threads_gives_no_evaluation_up_and_leaves_no_lock_of_the_sdk_locked() -> None:
    flags = evaluator().apply(flag_data(matching("^b")))
    over = threading.Event()
    others = [threading.Thread(target=_busy, args=(over,)) for _ in range(6)]
    for other in others:
        other.start()

    try:
        reasons = {flags.evaluate("f", f"u{number}", (("mail", "b"),)).reason for number in range(5000)}
    finally:
        over.set()
        for other in others:
            other.join()

    assert reasons == {Reason.FLAG_RULE}


def _busy(over: threading.Event) -> None:
    while not over.is_set():
        sum(range(10_000))
