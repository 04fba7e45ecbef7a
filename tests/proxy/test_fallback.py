"""The monolith answers in place of an extracted side that failed, where that is safe, and exactly once."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from strangler.core.fallback import KEPT_BYTES
from strangler.core.model import FULL_SHARE, Config, Fallback, Timeouts
from tests.support.backend import Conversation, Received, Script, backend, ok, says
from tests.support.plane import Proxy, Wire, config, field_of, proxy, route
from tests.support.waiting import until

QUICK = Timeouts(connect_s=2.0, response_s=0.3, idle_s=0.3)
CLOSED = 1
"""A port that nothing listens on."""


async def hang_up(_received: Received, _conversation: Conversation) -> None:
    """Read the request and end the connection."""


async def reset(_received: Received, conversation: Conversation) -> None:
    conversation.writer.transport.abort()


async def silent(_received: Received, conversation: Conversation) -> None:
    await conversation.reader.read(1)


async def cut_in_the_head(_received: Received, conversation: Conversation) -> None:
    await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Le")


FAILURES: dict[str, tuple[Script, str]] = {
    "it hangs up": (hang_up, "reset"),
    "it resets": (reset, "reset"),
    "it is silent": (silent, "timeout"),
    "its head is cut": (cut_in_the_head, "reset"),
    "its framing is bad": (says(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "bad_framing"),
    "it speaks garbage": (says(b"\x00\x01\x02 garbage\r\n\r\n"), "bad_framing"),
}


def migrated(monolith: int, extracted: int, fallback: Fallback = Fallback.SAFE, **more: Any) -> Config:
    """Return a config whose one route is wholly on the extracted side."""
    served = route("r", "/r", share=FULL_SHARE, fallback=fallback, timeouts=QUICK, **more)
    return config(monolith, extracted, served, decision_header=True)


async def _ask(wire: Wire, method: bytes, body: bytes = b"") -> tuple[bytes, bytes]:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    await wire.send(b"%b /r HTTP/1.1\r\nHost: a\r\n%b\r\n%b" % (method, length, body))
    return await wire.answer()


async def _to_the_end(wire: Wire) -> None:
    """Read until the proxy ends the connection, in whatever way."""
    with suppress(ConnectionError):
        await wire.rest()


def _fallbacks(running: Proxy) -> dict[str, int]:
    return {outcome.value: count for tally in running.plane.take_tallies() for outcome, count in tally.fallbacks}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_read_that_the_extracted_side_fails_is_answered_by_the_monolith(failure: str) -> None:
    script, kind = FAILURES[failure]
    async with (
        backend(says(ok(b"legacy"))) as monolith,
        backend(script) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()

        head, body = await _ask(wire, b"GET")

        assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"legacy")
        assert field_of(head, b"x-strangler-decision") == b"legacy; reason=fallback; route=r"
        assert running.counts() == {("r", "extracted", kind): 1, ("r", "legacy", "2xx"): 1}
        assert len(monolith.received) == 1


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("body", [b"", b"x"])
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH"])
async def test_a_write_that_was_sent_gets_the_error_and_the_monolith_never_sees_it(
    failure: str, method: bytes, body: bytes
) -> None:
    script, kind = FAILURES[failure]
    async with (
        backend(says(ok())) as monolith,
        backend(script) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()

        _, problem = await _ask(wire, method, body)

        assert json.loads(problem)["reason"] == kind
        assert (len(extracted.received), monolith.received) == (1, [])


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_a_request_that_found_no_place_is_answered_by_the_monolith(method: bytes) -> None:
    over = asyncio.Event()

    async def busy(_received: Received, _conversation: Conversation) -> None:
        await over.wait()

    async with backend(says(ok(b"legacy"))) as monolith, backend(busy) as extracted:
        served = migrated(monolith.port, extracted.port)
        patient = replace(served.routes[0], timeouts=Timeouts())
        narrow = replace(served.upstreams[1], max_connections=1, max_pending=1)
        served = replace(served, routes=(patient,), upstreams=(served.upstreams[0], narrow))
        async with proxy(served) as running:
            first, second, third = [await running.connect() for _ in range(3)]
            await first.send(b"GET /r HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.wait_for(extracted.arrived.wait(), 10)
            await second.send(b"GET /r HTTP/1.1\r\nHost: a\r\n\r\n")
            await until(lambda: running.plane.gauges()["upstream_pending"] == 1)

            _, body = await _ask(third, method, b"x")

            assert body == b"legacy"
            assert _fallbacks(running) == {"refused": 1}
            assert (len(extracted.received), len(monolith.received)) == (1, 1)
            over.set()


async def test_a_write_that_could_not_be_sent_is_answered_by_the_monolith_with_its_whole_body() -> None:
    payload = b"p" * 300_000
    async with backend(says(ok(b"legacy"))) as monolith, proxy(migrated(monolith.port, CLOSED)) as running:
        wire = await running.connect()

        _, body = await _ask(wire, b"POST", payload)

        assert body == b"legacy"
        assert [got.body == payload for got in monolith.received] == [True]
        assert _fallbacks(running) == {"connect": 1}


async def test_a_chunked_write_that_could_not_be_sent_arrives_at_the_monolith_with_its_trailers() -> None:
    async with backend(says(ok(b"legacy"))) as monolith, proxy(migrated(monolith.port, CLOSED)) as running:
        wire = await running.connect()

        await wire.send(
            b"POST /r HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n"
        )

        assert (await wire.answer())[1] == b"legacy"
        assert [(got.body, got.trailers) for got in monolith.received] == [(b"abc", ((b"X-Sum", b"3"),))]


async def test_a_declared_write_is_asked_of_the_monolith_with_its_whole_body() -> None:
    async with (
        backend(says(ok(b"legacy"))) as monolith,
        backend(hang_up) as extracted,
        proxy(migrated(monolith.port, extracted.port, Fallback.DECLARED)) as running,
    ):
        wire = await running.connect()

        _, body = await _ask(wire, b"POST", b"payload")

        assert body == b"legacy"
        assert [got.body for got in extracted.received + monolith.received] == [b"payload", b"payload"]


async def test_a_declared_write_whose_body_was_not_kept_whole_gets_the_error() -> None:
    async with (
        backend(says(ok())) as monolith,
        backend(hang_up) as extracted,
        proxy(migrated(monolith.port, extracted.port, Fallback.DECLARED)) as running,
    ):
        wire = await running.connect()

        _, body = await _ask(wire, b"POST", b"p" * (KEPT_BYTES + 1))

        assert json.loads(body)["reason"] == "reset"
        assert monolith.received == []


async def test_a_body_that_still_comes_goes_on_to_the_monolith() -> None:
    async with (
        backend(says(ok(b"legacy"))) as monolith,
        backend(hang_up, on_head=True) as extracted,
        proxy(migrated(monolith.port, extracted.port, Fallback.DECLARED)) as running,
    ):
        wire = await running.connect()

        await wire.send(b"POST /r HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        await asyncio.wait_for(extracted.arrived.wait(), 10)
        await wire.send(b"def")

        assert (await wire.answer())[1] == b"legacy"
        assert [got.body for got in monolith.received] == [b"abcdef"]


async def test_a_route_that_is_off_gives_the_error_of_the_extracted_side() -> None:
    async with (
        backend(says(ok())) as monolith,
        proxy(migrated(monolith.port, CLOSED, Fallback.OFF)) as running,
    ):
        wire = await running.connect()

        _, body = await _ask(wire, b"GET")

        assert json.loads(body)["reason"] == "connect"
        assert monolith.received == []


@pytest.mark.parametrize("status", [b"500 Internal Server Error", b"503 Service Unavailable", b"404 Not Found"])
async def test_an_answer_is_an_answer_whatever_its_status(status: bytes) -> None:
    answer = b"HTTP/1.1 %b\r\nContent-Length: 3\r\n\r\nbad" % status
    async with (
        backend(says(ok())) as monolith,
        backend(says(answer)) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()

        head, body = await _ask(wire, b"GET")

        assert (head[: 9 + len(status)], body) == (b"HTTP/1.1 " + status, b"bad")
        assert monolith.received == []


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/1.1 103 Hints\r\n\r\n"])
async def test_nothing_falls_back_once_the_client_has_seen_a_part_of_an_answer(begun: bytes) -> None:
    seen = asyncio.Event()

    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(begun)
        await seen.wait()

    async with backend(says(ok())) as monolith, backend(script) as extracted:
        served = migrated(monolith.port, extracted.port)
        patient = replace(served.routes[0], timeouts=Timeouts())
        async with proxy(replace(served, routes=(patient,))) as running:
            wire = await running.connect()

            await wire.send(b"GET /r HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            await wire.head()
            seen.set()
            await _to_the_end(wire)

            assert monolith.received == []


async def test_the_monolith_is_asked_once_and_its_failure_is_the_answer() -> None:
    async with (
        backend(hang_up) as monolith,
        backend(hang_up) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()

        _, body = await _ask(wire, b"GET")

        assert json.loads(body)["reason"] == "reset"
        assert (len(extracted.received), len(monolith.received)) == (1, 1)
        assert running.counts() == {("r", "extracted", "reset"): 1, ("r", "legacy", "reset"): 1}


async def test_both_sides_see_the_same_request_id_and_trace_and_the_log_names_it() -> None:
    async with (
        backend(says(ok())) as monolith,
        backend(hang_up) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()

        await _ask(wire, b"GET")

        first, second = extracted.received[0], monolith.received[0]
        for name in (b"x-request-id", b"traceparent"):
            assert first.values(name) == second.values(name)
        event, fields = running.notices[0]
        assert (event, fields["side"], fields["outcome"], fields["fallback"]) == (
            "exchange_failed", "extracted", "reset", True,
        )  # fmt: skip
        assert [fields["request_id"].encode()] == second.values(b"x-request-id")


async def test_what_no_route_names_never_falls_back() -> None:
    async with backend(hang_up) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await _ask(wire, b"GET")

        assert running.counts() == {("", "legacy", "reset"): 1}


async def test_the_monolith_has_its_own_time_after_the_extracted_sides_is_up() -> None:
    late = asyncio.Event()

    async def slow(_received: Received, _conversation: Conversation) -> bytes:
        await late.wait()
        return ok(b"legacy")

    async with (
        backend(slow) as monolith,
        backend(silent) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()

        await wire.send(b"GET /r HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        late.set()

        assert (await wire.answer())[1] == b"legacy"


async def test_nothing_falls_back_when_the_time_for_the_whole_exchange_is_up() -> None:
    async with backend(says(ok())) as monolith, backend(silent) as extracted:
        served = migrated(monolith.port, extracted.port)
        limited = replace(served.routes[0], timeouts=Timeouts(total_s=0.3))
        async with proxy(replace(served, routes=(limited,))) as running:
            wire = await running.connect()

            _, body = await _ask(wire, b"GET")

            assert json.loads(body)["reason"] == "timeout"
            assert monolith.received == []


async def test_an_upgrade_that_the_extracted_side_fails_is_granted_by_the_monolith() -> None:
    async def chat(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
        while data := await conversation.reader.read(1_000):
            await conversation.send(data.upper())

    async with (
        backend(chat) as monolith,
        backend(hang_up) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()

        await wire.send(b"GET /r HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nearly")
        await wire.head()

        assert await wire.exactly(5) == b"EARLY"


async def test_the_monolith_may_be_asked_twice_though_the_extracted_side_was() -> None:
    """Because an idle connection to either of them may be gone."""

    def gone_at_the_second(served: set[int], body: bytes, most: int) -> Script:
        async def script(_received: Received, conversation: Conversation) -> bytes | None:
            if conversation.number in served or conversation.number > most:
                return None
            served.add(conversation.number)
            return ok(body)

        return script

    async with (
        backend(gone_at_the_second(set(), b"legacy", 2)) as monolith,
        backend(gone_at_the_second(set(), b"extracted", 1)) as extracted,
        proxy(migrated(monolith.port, extracted.port)) as running,
    ):
        wire = await running.connect()
        await wire.send(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await wire.answer())[1] == b"legacy"
        assert (await _ask(wire, b"GET"))[1] == b"extracted"

        _, body = await _ask(wire, b"GET")

        assert body == b"legacy"
        assert (extracted.connections, monolith.connections) == (2, 2)
