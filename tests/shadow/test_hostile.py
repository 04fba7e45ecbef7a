"""The comparer among hostile sides and changes under way: it goes on, within its bounds, and tells nobody's secrets."""

import asyncio
import gzip
import logging
from dataclasses import replace

import msgspec
import pytest
import trustme

from strangler.core.breaker import FAILURES
from strangler.core.model import Config, UpstreamTls
from strangler.core.offer import Drop
from strangler.core.shadowing import Shadow
from strangler.shadow import asker
from tests.shadow.test_comparer import JSON, comparing, found, offer, shadowed
from tests.support import certificates
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import config, route
from tests.support.waiting import until


def _with_tls(served: Config, tls: UpstreamTls) -> Config:
    monolith, extracted = served.upstreams
    return replace(served, upstreams=(monolith, replace(extracted, tls=tls)))


async def test_a_route_that_is_shadowed_no_more_while_it_is_asked_is_left_alone() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_received: Received, _conversation: Conversation) -> bytes:
        asked.set()
        await go_on.wait()
        return ok(b'{"id":8}', JSON)

    async with backend(slow) as extracted, comparing(served := config(1, extracted.port, shadowed())) as comparer:
        comparer.offer(offer())
        await asked.wait()
        others = route("others", "/others", shadow=Shadow())
        comparer.apply(config(1, extracted.port, shadowed(shadow=None), others))
        comparer.forget("users")
        go_on.set()
        await until(lambda: not comparer.gauges()["shadow_asking"], what="the end of the comparison")
        assert [one.route for one in comparer.news()] == ["others"], "what nobody wants compared is not kept"
        comparer.apply(served)
        comparer.offer(offer())
        assert (await found(comparer)).different == 1


async def test_a_side_that_is_gone_before_it_is_asked_a_second_time_costs_the_noise_alone() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_received: Received, _conversation: Conversation) -> bytes:
        asked.set()
        await go_on.wait()
        return ok(b'{"id":7}', JSON)

    rules = Shadow(noise=10_000)
    async with (
        backend(slow) as extracted,
        comparing(config(1, extracted.port, shadowed(shadow=rules))) as comparer,
    ):
        comparer.offer(offer())
        await asked.wait()
        comparer.apply(config(1, extracted.port, shadowed(shadow=rules, legacy="extracted")))
        go_on.set()
        await until(lambda: not comparer.gauges()["shadow_asking"], what="the end of the comparison")
        comparer.offer(offer())
        await found(comparer)


async def test_names_that_are_no_text_are_kept_as_something_that_can_be_written() -> None:
    body = rb'{"\ud800":1,"a\udfffb":{"\ud83d":2},"id":7}'
    async with (
        backend(says(ok(body, JSON))) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer())
        findings = await found(comparer)
    assert findings.different == 1
    assert msgspec.json.decode(msgspec.json.encode(findings), type=type(findings)) == findings


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nS3cr3t-answer\r\n\r\n",
        b"s3cr3t-answer\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cr3t-answer\r\n",
    ],
)
async def test_why_a_side_is_left_alone_has_nothing_of_a_request_or_an_answer(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with backend(says(said)) as extracted, comparing(config(1, extracted.port, shadowed())) as comparer:
        with caplog.at_level(logging.WARNING, asker.__name__):
            for number in range(FAILURES):
                comparer.offer(offer(target=b"/users/7?token=s3cr3t-query"))
                await found(comparer, compared=0, dropped=number + 1)
    (record,) = [record for record in caplog.records if record.msg == "shadow_paused"]
    told = repr(vars(record)).lower()
    assert "s3cr3t" not in told
    assert "extracted" in told or "users" in told


async def test_a_side_is_asked_for_by_the_name_that_its_certificate_has() -> None:
    ca = trustme.CA()
    tls = UpstreamTls(server_name="users.internal", ca=certificates.pem(ca))
    async with (
        backend(says(ok(b'{"id":7}', JSON)), tls=certificates.server(ca, "users.internal")) as extracted,
        comparing(_with_tls(config(1, extracted.port, shadowed()), tls)) as comparer,
    ):
        comparer.offer(offer())
        findings = await found(comparer)
    assert findings.equal == 1


@pytest.mark.parametrize("answer", [ok(b'{"id":8}', JSON), b"no HTTP"])
async def test_an_upstream_that_moves_is_not_blamed_for_what_was_under_way(answer: bytes) -> None:
    go_on = asyncio.Event()

    async def slow(_received: Received, _conversation: Conversation) -> bytes:
        await go_on.wait()
        return answer

    async with (
        backend(slow) as before,
        backend(says(ok(b'{"id":7}', JSON))) as after,
        comparing(config(1, before.port, shadowed())) as comparer,
    ):
        for _ in range(FAILURES):
            comparer.offer(offer())
        await until(lambda: len(before.received) == FAILURES, what="requests")
        comparer.apply(config(1, after.port, shadowed()))
        comparer.offer(offer())
        await found(comparer)
        go_on.set()
        await until(lambda: comparer.gauges()["shadow_asking"] == 0, what="answers")
        comparer.offer(offer())
        findings = await found(comparer, compared=2)
    # What has failed is counted all the same: its client's request was not compared.
    assert (findings.equal, findings.different) == (2, 0)
    assert findings.dropped.get(Drop.BREAKER) is None


async def test_an_upstream_that_moves_is_asked_at_once_though_it_was_left_alone() -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as after,
        comparing(config(1, 1, shadowed())) as comparer,
    ):
        for number in range(FAILURES):
            comparer.offer(offer())
            await found(comparer, compared=0, dropped=number + 1)
        comparer.apply(config(1, after.port, shadowed()))
        comparer.offer(offer())
        findings = await found(comparer)
    assert (findings.equal, findings.dropped) == (1, {})


async def test_answers_that_are_too_large_are_no_failures_of_the_side() -> None:
    rules = Shadow(noise=0, max_body_bytes=1_000)
    async with (
        backend(says(ok(b"x" * 2_000))) as extracted,
        comparing(config(1, extracted.port, shadowed(shadow=rules))) as comparer,
    ):
        for number in range(FAILURES):
            comparer.offer(offer())
            await found(comparer, compared=0, dropped=number + 1)
        comparer.offer(offer())
        findings = await found(comparer, compared=0, dropped=FAILURES + 1)
    assert (findings.no_answer, findings.dropped) == ({"extracted": {Drop.BODY_TOO_LARGE: FAILURES + 1}}, {})


async def test_a_redirect_is_an_answer_and_leads_nowhere() -> None:
    said = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=shadow; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with (
        backend(says(said)) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        for _ in range(2):
            comparer.offer(offer(headers=((b"X-Strangler-Shadow", b"0"),)))
        findings = await found(comparer, compared=2)
    assert [group.place for group in findings.groups if group.kind == "status"] == ["status"]
    assert [received.target for received in extracted.received] == [b"/users/7?full=1"] * 2
    assert [received.values(b"Cookie") for received in extracted.received] == [[], []], "cookies are the client's own"
    assert extracted.received[0].values(b"X-Strangler-Shadow") == [b"1"]


async def test_a_packed_answer_is_compared_by_what_is_in_it() -> None:
    packed = gzip.compress(b'{ "id": 7 }')
    said = ok(packed, JSON + b"\r\nContent-Encoding: gzip")
    async with (
        backend(says(said)) as extracted,
        comparing(config(1, extracted.port, shadowed())) as comparer,
    ):
        comparer.offer(offer())
        findings = await found(comparer)
    assert (findings.equal, findings.not_comparable) == (1, 0)
