"""Asking again: the same bytes or nothing, only of addresses that are well, and never a side that cannot serve."""

from dataclasses import replace
from typing import Any

import pytest

from strangler.core.breaker import FAILURES
from strangler.core.findings import Findings
from strangler.core.model import Side
from strangler.core.offer import Drop
from strangler.core.shadowing import PathRule, RuleKind, Shadow, ShadowMode
from tests.shadow.test_comparer import JSON, comparing, found, offer, shadowed
from tests.support.backend import backend, ok, says
from tests.support.plane import config


@pytest.mark.parametrize("target", [b"/users/7?", b"/users/7?a=1&b=%2f?", b"//users/./7/../8"])
async def test_the_target_is_sent_with_the_same_bytes(target: bytes) -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer(target=target))
        await found(comparer)

    assert extracted.received[0].target == target


async def test_a_value_of_any_utf_8_is_sent_with_the_same_bytes() -> None:
    name = "Zoë ☃".encode()
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer(headers=((b"X-Name", name),)))
        await found(comparer)

    assert (b"X-Name", name) in extracted.received[0].headers


@pytest.mark.parametrize(
    "more", [{"headers": ((b"X-Name", b"Zo\xeb"),)}, {"target": b"/users/\xeb"}, {"target": b"*"}, {"host": b"\xff"}]
)
async def test_what_would_be_sent_as_something_else_is_not_sent_and_is_no_failure_of_the_side(
    more: dict[str, Any],
) -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        for _ in range(FAILURES):
            comparer.offer(offer(**more))
        await found(comparer, compared=0, dropped=FAILURES)
        comparer.offer(offer())
        findings = await found(comparer)

    assert (findings.equal, findings.dropped) == (1, {Drop.UNASKABLE: FAILURES})
    assert len(extracted.received) == 1


@pytest.mark.parametrize(("status", "is_paused"), [(500, False), (502, True), (503, True), (504, True)])
async def test_a_side_that_says_it_cannot_serve_is_compared_and_then_left_alone(
    status: int, *, is_paused: bool
) -> None:
    async with (
        backend(says(ok(b"{}", JSON).replace(b"200 OK", b"%d Error" % status))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        for number in range(FAILURES):
            comparer.offer(offer())
            await found(comparer, compared=number + 1)
        paused = comparer.gauges()["shadow_breakers_open"]
        comparer.offer(offer())
        findings = await found(comparer, compared=FAILURES, dropped=int(is_paused))

    assert paused == int(is_paused)
    assert findings.groups[0].place == "status"
    assert findings.dropped == ({Drop.BREAKER: 1} if is_paused else {})


async def test_an_address_that_is_not_well_is_not_asked_until_it_is() -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.avoid([("extracted", f"127.0.0.1:{extracted.port}")])
        for _ in range(FAILURES):
            comparer.offer(offer())
        avoided = await found(comparer, compared=0, dropped=FAILURES)
        asked = len(extracted.received)
        comparer.avoid([("monolith", f"127.0.0.1:{extracted.port}")])
        comparer.offer(offer())
        findings = await found(comparer)

    assert (avoided.dropped, asked) == ({Drop.UNHEALTHY: FAILURES}, 0)
    assert findings.equal == 1


def _ignoring(path: str) -> Shadow:
    return Shadow(noise=0, rules=(PathRule(kind=RuleKind.IGNORE, path=path),))


async def test_another_rule_begins_anew_and_another_sample_does_not() -> None:
    async with (
        backend(says(ok(b'{"id":8}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer())
        before = await found(comparer)
        comparer.apply(config(1, extracted.port, shadowed(shadow=Shadow(noise=0, sample=9_999))))
        comparer.offer(offer())
        more = await found(comparer, compared=2)
        comparer.apply(config(1, extracted.port, shadowed(shadow=_ignoring("$.id"))))
        comparer.offer(offer())
        after = await found(comparer)

    assert (more.since, more.different) == (before.since, 2)
    assert (after.since > before.since, after.different, after.ignored, after.groups) == (True, 0, 1, ())


@pytest.mark.parametrize(("compares", "kept"), [("", 5), ("another", 0)])
async def test_findings_of_something_else_are_not_taken_up_again(compares: str, kept: int) -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(1, extracted.port)) as comparer,
    ):
        comparer.recall(Findings(route="users", since=1.0, equal=5, compares=compares))
        comparer.apply(config(1, extracted.port, shadowed()))
        comparer.offer(offer())
        findings = await found(comparer, compared=kept + 1)

    assert (findings.equal, findings.since == 1.0) == (kept + 1, bool(kept))


async def test_what_the_monolith_does_not_answer_is_no_fault_of_the_extracted_side_and_survives_a_restart() -> None:
    gone = replace(offer(), primary=Side.EXTRACTED)
    async with comparing(config(1, 1, shadowed(shadow=Shadow(mode=ShadowMode.REVERSE, noise=0)))) as comparer:
        comparer.offer(gone)
        before = await found(comparer, compared=0, dropped=1)
    async with comparing(config(1, 1, shadowed(shadow=Shadow(mode=ShadowMode.REVERSE, noise=0)))) as comparer:
        comparer.recall(before)
        comparer.offer(gone)
        findings = await found(comparer, compared=0, dropped=2)
    assert findings.no_answer == {"legacy": {Drop.CONNECT: 2}}
    assert findings.unanswered == 0
    assert findings.last > 0
