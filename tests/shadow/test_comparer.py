"""The comparer: it asks the other side the same, compares, and never more than its bounds allow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from strangler.core.breaker import FAILURES
from strangler.core.findings import Findings
from strangler.core.model import Config, HostRule, Route, Side
from strangler.core.offer import Answer, Drop, Offer
from strangler.core.shadowing import Credentials, PathRule, RuleKind, Shadow, ShadowMode
from strangler.shadow import comparer as module
from strangler.shadow.budget import Budget
from strangler.shadow.comparer import Comparer
from strangler.shadow.ledger import Ledger
from strangler.shadow.queue import Queue
from strangler.shadow.recorder import Recorder
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import config, route
from tests.support.waiting import until

JSON = b"Content-Type: application/json"
TYPED = ((b"Content-Type", b"application/json"),)


def shadowed(**more: Any) -> Route:
    return route("users", "/users/{id}", shadow=Shadow(noise=0) if "shadow" not in more else more.pop("shadow"), **more)


def offer(body: bytes = b'{"id":7}', **more: Any) -> Offer:
    given: dict[str, Any] = {
        "route": "users",
        "primary": Side.LEGACY,
        "method": b"GET",
        "target": b"/users/7?full=1",
        "host": b"shop.example",
        "headers": ((b"Accept", b"*/*"), (b"Authorization", b"Bearer abc"), (b"Cookie", b"a=b")),
        "body": b"",
        "request_id": b"request-1",
        "trace": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "answer": Answer(status=200, headers=TYPED, body=body),
    }
    return Offer(**{**given, **more})


@asynccontextmanager
async def comparing(served: Config) -> AsyncIterator[Comparer]:
    """Run a comparer's tasks on the test's loop."""
    comparer = Comparer()
    comparer.apply(served)
    tasks = [asyncio.create_task(comparer.work()) for _ in range(module.MOST_AT_ONCE)]
    try:
        yield comparer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await comparer.close()
        assert comparer.budget.held == 0, "what was taken is given back"


async def found(comparer: Comparer, *, compared: int = 1, dropped: int = 0) -> Findings:
    """Return the findings once so many comparisons were made and so many offers dropped or not answered."""
    kept: dict[str, Findings] = {}

    def is_there() -> bool:
        kept.update((findings.route, findings) for findings in comparer.news())
        users = kept.get("users")
        if users is None:
            return False
        left = sum(users.dropped.values()) + sum(sum(whys.values()) for whys in users.no_answer.values())
        return users.compared + users.not_comparable >= compared and left >= dropped

    await until(is_there, what="comparisons")
    return kept["users"]


async def test_the_same_answer_is_equal_and_the_shadow_is_asked_what_the_client_asked() -> None:
    async with (
        backend(says(ok(b'{ "id": 7 }', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer())
        findings = await found(comparer)
    assert (findings.equal, findings.different) == (1, 0)
    (received,) = extracted.received
    assert (received.method, received.target, received.body) == (b"GET", b"/users/7?full=1", b"")
    assert received.values(b"X-Strangler-Shadow") == [b"1"]
    assert received.values(b"Host") == [b"shop.example"]
    assert received.values(b"Authorization") == [b"Bearer abc"]
    assert received.values(b"X-Request-Id") == [b"request-1"]
    assert received.values(b"User-Agent") == []


async def test_a_difference_is_found_with_its_place_and_an_example() -> None:
    async with (
        backend(says(ok(b'{"id":8}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer())
        findings = await found(comparer)
    assert (findings.equal, findings.different) == (0, 1)
    (group,) = findings.groups
    assert (group.place, group.kind, group.count) == ("$.id", "value", 1)
    (example,) = group.examples
    assert (example.method, example.path, example.primary, example.shadow) == ("GET", "/users/7?full=1", "7", "8")
    assert example.request_id == "request-1"


async def test_what_a_side_lacks_has_no_value_there() -> None:
    async with (
        backend(says(ok(b'{"extra":null}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer(b'{"missing":null}'))
        findings = await found(comparer)
    told = {group.kind: (group.examples[0].primary, group.examples[0].shadow) for group in findings.groups}
    assert told == {"missing": ("null", ""), "extra": ("", "null")}


async def test_half_a_surrogate_pair_can_be_told_and_stored() -> None:
    async with (
        backend(says(ok(b'{"\\ud800":1,"b":"\\udfff"}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer(b'{"\\ud800":2,"b":"x"}'))
        findings = await found(comparer)
    assert len(findings.groups) == 2
    assert msgspec.json.decode(msgspec.json.encode(findings), type=Findings) == findings


async def test_what_a_rule_explains_is_ignored() -> None:
    rules = Shadow(noise=0, rules=(PathRule(kind=RuleKind.IGNORE, path="$.at"),))
    async with (
        backend(says(ok(b'{"at":2}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed(shadow=rules))) as comparer,
    ):
        comparer.offer(offer(b'{"at":1}'))
        findings = await found(comparer)
    assert (findings.ignored, findings.different, findings.groups) == (1, 0, ())


async def test_what_the_extracted_side_answered_is_checked_against_the_monolith() -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as monolith,
        comparing(config(monolith.port, 1, shadowed())) as comparer,
    ):
        comparer.offer(offer(primary=Side.EXTRACTED))
        findings = await found(comparer)
    assert findings.equal == 1
    assert len(monolith.received) == 1


async def test_credentials_are_removed_where_the_route_says_so_but_not_for_the_answering_side() -> None:
    rules = Shadow(noise=10_000, credentials=Credentials.REMOVE)
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(extracted.port, extracted.port, shadowed(shadow=rules))) as comparer,
    ):
        comparer.offer(offer(headers=(*offer().headers, (b"X-Api-Key", b"k"), (b"X-Forwarded-For", b"10.0.0.1"))))
        await found(comparer)
    received, again = extracted.received
    assert received.values(b"Authorization") == received.values(b"Cookie") == received.values(b"X-Api-Key") == []
    assert received.values(b"X-Forwarded-For") == [b"10.0.0.1"]
    assert (again.values(b"Authorization"), again.values(b"X-Api-Key")) == ([b"Bearer abc"], [b"k"])
    assert received.values(b"Accept") == [b"*/*"]


async def test_the_shadow_sees_the_host_that_the_route_says() -> None:
    rule: dict[str, Any] = {"host": HostRule.LITERAL, "host_value": "users.internal"}
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed(**rule))) as comparer,
    ):
        comparer.offer(offer())
        await found(comparer)
    assert extracted.received[0].values(b"Host") == [b"users.internal"]


async def test_a_place_at_which_the_monolith_differs_from_itself_is_counted_as_such() -> None:
    times = iter(range(100))

    async def changing(_received: Received, _conversation: Conversation) -> bytes:
        return ok(b'{"at":%d,"id":7}' % (1_000 + next(times)), JSON)

    async with (
        backend(changing) as monolith,
        backend(says(ok(b'{"at":5,"id":8}', JSON))) as extracted,
        comparing(config(monolith.port, extracted.port, shadowed(shadow=Shadow(noise=10_000)))) as comparer,
    ):
        for _ in range(3):
            comparer.offer(offer(b'{"at":1,"id":7}'))
        findings = await found(comparer, compared=3)
    groups = {group.place: group for group in findings.groups}
    assert findings.asked_twice == 3
    assert (groups["$.at"].both, groups["$.at"].raw_only) == (3, 0)
    assert (groups["$.id"].both, groups["$.id"].raw_only) == (0, 3)
    assert len(monolith.received) == 3


async def test_a_side_that_refuses_is_left_alone_after_a_few_failures() -> None:
    async with comparing(config(1, 1, shadowed())) as comparer:
        for number in range(FAILURES + 2):
            assert comparer.resting() == (() if number < FAILURES else ("extracted",))
            comparer.offer(offer())
            await found(comparer, compared=0, dropped=number + 1)
        comparer.offer(offer())
        findings = await found(comparer, compared=0, dropped=FAILURES + 3)
    assert (findings.no_answer, findings.dropped) == ({"extracted": {Drop.CONNECT: FAILURES}}, {Drop.BREAKER: 3})
    assert (findings.compared, findings.unanswered, findings.left_alone) == (0, FAILURES, 3)


async def test_a_route_that_leaves_it_to_the_stage_is_compared_by_the_defaults_of_the_file() -> None:
    usual = Shadow(mode=ShadowMode.STAGE, noise=0, rules=(PathRule(kind=RuleKind.IGNORE, path="$.id"),))
    staged = route("users", "/users/{id}", flag="users")
    async with (
        backend(says(ok(b'{"id":8}', JSON))) as extracted,
        comparing(config(1, extracted.port, staged, shadow=usual)) as comparer,
    ):
        assert comparer.news() == ()
        comparer.offer(offer())
        findings = await found(comparer, compared=1)
        comparer.apply(config(1, extracted.port, staged, shadow=replace(usual, mode=ShadowMode.OFF)))
        comparer.offer(offer())
        await asyncio.sleep(0)
    assert (findings.ignored, findings.different) == (1, 0)
    assert len(extracted.received) == 1


async def test_a_side_that_hangs_costs_its_timeout_and_no_more() -> None:
    async def hang(_received: Received, _conversation: Conversation) -> None:
        await asyncio.Event().wait()

    rules = Shadow(noise=0, timeout_s=0.1)
    async with backend(hang) as extracted, comparing(config(1, extracted.port, shadowed(shadow=rules))) as comparer:
        comparer.offer(offer())
        findings = await found(comparer, compared=0, dropped=1)
    assert (findings.no_answer, findings.dropped) == ({"extracted": {Drop.TIMEOUT: 1}}, {})


async def test_an_answer_of_the_shadow_over_the_bound_is_not_kept() -> None:
    rules = Shadow(noise=0, max_body_bytes=1_000)
    async with (
        backend(says(ok(b"x" * 100_000))) as extracted,
        comparing(config(1, extracted.port, shadowed(shadow=rules))) as comparer,
    ):
        comparer.offer(offer())
        findings = await found(comparer, compared=0, dropped=1)
    assert (findings.no_answer, findings.dropped) == ({"extracted": {Drop.BODY_TOO_LARGE: 1}}, {})


async def test_what_the_queue_has_no_room_for_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    comparer = Comparer()
    comparer.apply(config(1, 1, shadowed()))
    for _ in range(1_002):
        comparer.offer(offer())
    (findings,) = comparer.news()
    assert findings.dropped == {Drop.QUEUE_FULL: 2}
    await comparer.close()


async def test_bytes_of_offers_leave_half_of_the_budget_to_answers() -> None:
    comparer = Comparer()
    comparer.apply(config(1, 1, shadowed()))
    large = b"x" * (16 * 1_048_576)
    for _ in range(5):
        comparer.offer(offer(large))
    (findings,) = comparer.news()
    assert findings.dropped == {Drop.QUEUE_FULL: 3}
    await comparer.close()


@pytest.mark.parametrize(("body", "half", "quarter"), [(b"{}", 501, 250), (b"x" * 1_048_576, 17, 8)])
async def test_the_comparer_is_behind_from_half_of_what_may_wait_until_a_quarter_of_it(
    body: bytes, half: int, quarter: int
) -> None:
    queue = Queue(Budget())
    told = []

    for _ in range(half):
        queue.put(offer(body))
        told.append(queue.is_behind())
    while len(queue) > quarter:
        assert queue.is_behind()
        await queue.take()

    assert told == [False] * (half - 1) + [True]
    assert not queue.is_behind()


async def test_an_answer_that_is_no_http_is_a_failure_of_the_shadow() -> None:
    async with (
        backend(says(b"SMTP ready\r\n\r\n")) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer())
        findings = await found(comparer, compared=0, dropped=1)
    assert (findings.no_answer, findings.dropped) == ({"extracted": {Drop.FAILED: 1}}, {})


async def test_findings_go_on_after_a_restart_and_begin_anew_when_told() -> None:
    async with backend(says(ok(b'{"id":8}', JSON))) as extracted:
        async with comparing(config(1, extracted.port, shadowed())) as first:
            first.offer(offer())
            kept = await found(first)
        async with comparing(config(1, extracted.port, shadowed())) as second:
            second.recall(kept)
            second.offer(offer())
            after = await found(second, compared=2)
            assert (after.different, after.groups[0].count, after.since) == (2, 2, kept.since)
            second.forget("users")
            assert (await found(second, compared=0)).compared == 0


async def test_no_secret_of_a_request_or_an_answer_is_kept() -> None:
    secret, card = b"s3cr3t-password", b"4111111111111111"
    body = b'{"password":"s3cr3t-password","pan":"4111111111111111","note":"for ann@example.com, Bearer abcdefgh12345"}'
    others = b'{"password":"other-secret","pan":"5500005555555559","note":"x"}'
    async with (
        backend(says(ok(others, JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        bearer = ((b"Authorization", b"Bearer abcdefgh12345"),)
        comparer.offer(offer(body, headers=bearer, target=b"/users/7?token=abcdefgh12345"))
        findings = await found(comparer)
    told = repr(findings).encode()
    assert len(findings.groups) == 3
    for each in (secret, card, b"ann@example.com", b"abcdefgh12345", b"other-secret", b"5500005555555559"):
        assert each not in told


async def test_a_number_with_an_exponent_that_differs_is_a_difference_like_any_other() -> None:
    async with (
        backend(says(ok(b'{"n":4.1111111112e20,"m":6.62607015e-34}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer(b'{"n":4.1111111111e20,"m":3.14159265e-10}'))
        findings = await found(comparer)
    assert {group.place: group.count for group in findings.groups} == {"$.n": 1, "$.m": 1}
    assert findings.dropped == {}


async def test_an_offer_that_cannot_be_compared_by_our_fault_is_counted_and_told_once_without_its_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def add(*_: Any) -> None:
        raise ValueError("hunter2hunter2")

    async with (
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        with monkeypatch.context() as broken:
            # Because a fault that is known is mended, one is made.
            broken.setattr(Ledger, "add", add)
            for _ in range(module.MOST_AT_ONCE + 1):
                comparer.offer(offer())
            await found(comparer, compared=0, dropped=module.MOST_AT_ONCE + 1)
        comparer.offer(offer())
        findings = await found(comparer)
    assert (findings.equal, findings.dropped) == (1, {Drop.FAULT: module.MOST_AT_ONCE + 1})
    (line,) = [record for record in caplog.records if record.message == "shadow_fault"]
    assert "ValueError in add, test_comparer.py" in str(vars(line)["fields"])
    assert "hunter2" not in repr(vars(line))


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_read_that_finds_no_memory_to_be_recorded_counts_as_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    def take(*_: Any) -> None:
        raise MemoryError

    # Because memory that is really short ends the test itself, it is pretended.
    monkeypatch.setattr(Recorder, "take", take)
    async with backend(says(ok(b'{"id":7}', JSON))) as extracted:
        port = extracted.port if is_there else 1
        async with comparing(config(1, port, shadowed())) as comparer:
            for _ in range(module.MOST_AT_ONCE + 1):
                comparer.offer(offer())
            await until(lambda: not comparer.gauges()["shadow_asking"] and not comparer.gauges()["shadow_waiting"])
            (findings,) = comparer.news()
            assert comparer.gauges()["shadow_bytes"] == 0
    assert findings.compared == (module.MOST_AT_ONCE + 1 if is_there else 0)
    assert Drop.BUDGET not in findings.dropped
    assert sum(findings.dropped.values()) + findings.unanswered + findings.compared == module.MOST_AT_ONCE + 1
