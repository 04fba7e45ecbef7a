"""An upstream with several addresses: who gets the next request, and who is left out."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest

from strangler.core.model import Address, Config, Ejection, Timeouts, Upstream
from tests.support.backend import Backend, Conversation, Received, backend, ok, says
from tests.support.plane import Proxy, config, field_of, proxy
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
UNUSED = "127.0.0.9"
"""An address of the loopback that nobody listens on."""


def served(*addresses: Address, **more: Any) -> Config:
    """Return a config whose monolith is at these addresses."""
    monolith = Upstream(name="monolith", addresses=addresses, **more)
    return replace(config(1), upstreams=(monolith,), timeouts=Timeouts(connect_s=2.0, response_s=5.0))


def at(*backends: Backend) -> tuple[Address, ...]:
    return tuple(Address(host="127.0.0.1", port=one.port) for one in backends)


async def ask(running: Proxy, request: bytes = GET) -> tuple[int, bytes]:
    """Return status and body of one request on a connection of its own."""
    wire = await running.connect()
    await wire.send(request)
    head, body = await wire.answer()
    wire.close()
    return int(head.split(b" ")[1]), body


def events(running: Proxy, name: str) -> list[dict[str, Any]]:
    return [fields for event, fields in running.notices if event == name]


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_equals_take_turns_and_a_new_connection_is_one_turn(size: int) -> None:
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(backend(says(ok(b"%d" % n)))) for n in range(size)]
        running = await stack.enter_async_context(proxy(served(*at(*backends))))

        answers = [await ask(running) for _ in range(3 * size)]

    turn = [(200, b"%d" % (n % size)) for n in range(1, size + 1)]
    assert answers == turn * 3


async def test_an_address_that_is_slow_gets_what_the_others_cannot_do_at_once() -> None:
    release = asyncio.Event()

    async def slow(_received: Received, _conversation: Conversation) -> bytes:
        await release.wait()
        return ok(b"slow")

    async with (
        backend(slow) as lazy,
        backend(says(ok(b"quick"))) as quick,
        proxy(served(*at(lazy, quick))) as running,
    ):
        wires = [await running.connect(), await running.connect()]
        for wire in wires:
            await wire.send(GET)
        await asyncio.wait_for(lazy.arrived.wait(), 10)
        answers = [await ask(running) for _ in range(10)]
        release.set()

        assert answers == [(200, b"quick")] * 10
        assert len(lazy.received) == 1


async def test_a_dead_address_costs_no_request_not_even_a_write_and_is_left_out() -> None:
    async with backend(says(ok())) as alive:
        dead = Address(host=UNUSED, port=alive.port)
        async with proxy(served(dead, *at(alive))) as running:
            answers = [await ask(running, POST) for _ in range(40)]

            assert answers == [(200, b"ok")] * 40
            assert running.counts() == {("", "legacy", "2xx"): 40}
            (notice,) = events(running, "upstream_ejected")
            assert notice["address"] == f"{UNUSED}:{alive.port}"
            assert notice["for_s"] == 30.0
            assert running.plane.gauges()["upstream_ejected"] == 1
    assert all(received.body == b"hi" for received in alive.received)


async def test_an_address_that_answers_with_5xx_is_left_out_and_comes_back() -> None:
    is_broken = True

    async def sick(_received: Received, _conversation: Conversation) -> bytes:
        return b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" if is_broken else ok(b"well")

    rules = Ejection(base_s=0.2, max_s=0.2)
    async with (
        backend(sick) as first,
        backend(says(ok(b"good"))) as second,
        proxy(served(*at(first, second), ejection=rules)) as running,
    ):
        while not events(running, "upstream_ejected"):
            await ask(running)
        asked = len(first.received)
        is_broken = False
        during = await ask(running)
        await until(lambda: bool(events(running, "upstream_returned")))
        after = {await ask(running) for _ in range(4)}

    assert asked == 5
    assert during == (200, b"good")
    assert after == {(200, b"well"), (200, b"good")}


async def test_a_success_between_failures_keeps_an_address_in() -> None:
    count = 0

    async def sick(_received: Received, _conversation: Conversation) -> bytes:
        nonlocal count
        count += 1
        return ok() if count % 5 == 0 else b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"

    async with (
        backend(sick) as first,
        backend(says(ok())) as second,
        proxy(served(*at(first, second))) as running,
    ):
        for _ in range(60):
            await ask(running)

        assert len(first.received) == 30
        assert events(running, "upstream_ejected") == []


async def test_the_only_address_is_never_left_out_and_ejection_can_be_off() -> None:
    broken = says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    async with backend(broken) as only, backend(broken) as other:
        async with proxy(served(*at(only))) as running:
            alone = [(await ask(running))[0] for _ in range(12)]
            assert running.plane.gauges()["upstream_ejected"] == 0
        async with proxy(served(*at(only, other), ejection=None)) as running:
            off = [(await ask(running))[0] for _ in range(24)]
            assert running.plane.gauges()["upstream_ejected"] == 0

    assert alone == [500] * 12
    assert off == [500] * 24


@pytest.mark.parametrize("target", [b"/silent", b"/garbage", b"/cut", b"/hangup", b"/until-close"])
async def test_silence_and_broken_answers_count_as_failures_too(target: bytes) -> None:
    async def bad(received: Received, conversation: Conversation) -> bytes | None:
        match received.target:
            case b"/silent":
                await conversation.reader.read(1)
            case b"/garbage":
                return b"garbage\r\n\r\n"
            case b"/cut":
                await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            case b"/until-close":
                await conversation.send(b"HTTP/1.1 500 No\r\n\r\nabc")
        return None

    async with backend(bad) as first, backend(bad) as second:
        configured = replace(served(*at(first, second)), timeouts=Timeouts(response_s=0.1, idle_s=0.1))
        async with proxy(configured) as running:
            for _ in range(10):
                wire = await running.connect()
                await wire.send(b"POST %b HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % target)
                with suppress(ConnectionResetError):
                    await wire.rest()

            await until(lambda: len(events(running, "upstream_ejected")) == 1)


async def test_an_unhealthy_address_gets_nothing_until_it_is_healthy_again() -> None:
    async with (
        backend(says(ok(b"1"))) as first,
        backend(says(ok(b"2"))) as second,
        proxy(served(*at(first, second))) as running,
    ):
        running.plane.take_verdicts([("monolith", f"127.0.0.1:{first.port}"), ("other", "x")])
        without = {await ask(running) for _ in range(6)}
        generation = running.plane.serving.snapshot.generation
        running.plane.take_verdicts([])
        again = {await ask(running) for _ in range(6)}

    assert without == {(200, b"2")}
    assert again == {(200, b"1"), (200, b"2")}
    assert generation == 1


async def test_verdicts_hold_for_a_snapshot_that_comes_later() -> None:
    async with (
        backend(says(ok(b"1"))) as first,
        backend(says(ok(b"2"))) as second,
        proxy(served(*at(first, second))) as running,
    ):
        running.plane.take_verdicts([("monolith", f"127.0.0.1:{first.port}")])
        running.apply(served(*at(first, second), max_idle=3))
        answers = {await ask(running) for _ in range(6)}

    assert answers == {(200, b"2")}


async def test_if_all_are_unhealthy_all_are_used_and_it_is_told_once() -> None:
    async with (
        backend(says(ok(b"1"))) as first,
        backend(says(ok(b"2"))) as second,
        proxy(served(*at(first, second))) as running,
    ):
        all_down = [("monolith", f"127.0.0.1:{one.port}") for one in (first, second)]
        running.plane.take_verdicts(all_down)
        running.plane.take_verdicts(all_down)
        answers = {await ask(running) for _ in range(6)}
        running.plane.take_verdicts([])

        assert len(events(running, "upstream_all_down")) == 1
        assert len(events(running, "upstream_usable")) == 1
    assert answers == {(200, b"1"), (200, b"2")}


def names(*answers: Sequence[str] | OSError) -> Any:
    """Return a resolver that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    return resolve


async def test_a_name_that_moves_takes_the_traffic_along() -> None:
    async with backend(says(ok(b"1"))) as first, backend(says(ok(b"2")), host="127.0.0.2", port=first.port):
        name = Address(host="monolith.test", port=first.port)
        answers = names(["127.0.0.1"], ["127.0.0.2"])
        async with proxy(served(name, resolve_s=0.05), resolve=answers) as running:
            before = await ask(running)
            await until(lambda: bool(events(running, "addresses_changed")))
            after = await ask(running)

            assert running.plane.gauges()["upstream_connections"] == 1
            assert events(running, "addresses_changed") == [
                {"upstream": "monolith", "name": "monolith.test", "addresses": ["127.0.0.2"]}
            ]
    assert (before, after) == ((200, b"1"), (200, b"2"))


async def test_what_runs_at_an_address_that_is_gone_may_finish() -> None:
    release = asyncio.Event()

    async def slow(_received: Received, _conversation: Conversation) -> bytes:
        await release.wait()
        return ok(b"1")

    async with backend(slow) as first, backend(says(ok(b"2")), host="127.0.0.2", port=first.port):
        name = Address(host="monolith.test", port=first.port)
        async with proxy(served(name, resolve_s=0.05), resolve=names(["127.0.0.1"], ["127.0.0.2"])) as running:
            wire = await running.connect()
            await wire.send(GET)
            await until(lambda: bool(events(running, "addresses_changed")))
            release.set()
            _, body = await wire.answer()
            await until(lambda: running.plane.gauges()["upstream_connections"] == 0)

    assert body == b"1"


async def test_a_look_up_that_fails_keeps_the_last_good_addresses_and_says_so_once() -> None:
    async with backend(says(ok())) as only:
        name = Address(host="monolith.test", port=only.port)
        failing = OSError(2, "Name or service not known")
        looked = 0
        answer = names(["127.0.0.1"], failing, failing, failing, ["127.0.0.1"])

        async def resolve(host: str, port: int) -> Sequence[str]:
            nonlocal looked
            looked += 1
            found: Sequence[str] = await answer(host, port)
            return found

        async with proxy(served(name, resolve_s=0.05), resolve=resolve) as running:
            await until(lambda: looked == 4)
            during = await ask(running)
            await until(lambda: bool(events(running, "resolve_recovered")))

            assert events(running, "resolve_failed") == [
                {
                    "upstream": "monolith",
                    "name": "monolith.test",
                    "why": "Name or service not known",
                    "kept": ["127.0.0.1"],
                }
            ]
    assert during == (200, b"ok")


async def test_a_name_that_nobody_knows_is_a_502_and_mends_itself() -> None:
    async with backend(says(ok())) as only:
        name = Address(host="monolith.test", port=only.port)
        is_known = False

        async def resolve(_host: str, _port: int) -> Sequence[str]:
            if not is_known:
                raise OSError(2, "Name or service not known")
            return ["127.0.0.1"]

        async with proxy(served(name, resolve_s=0.05), resolve=resolve) as running:
            before = await ask(running)
            is_known = True
            await until(lambda: bool(events(running, "resolve_recovered")))
            after = await ask(running)

            failed = events(running, "exchange_failed")[0]
            assert (before[0], failed["outcome"]) == (502, "connect")
            assert "Name or service not known" in failed["detail"]
            assert after == (200, b"ok")


async def test_a_request_waits_for_the_first_look_up() -> None:
    looked_up = asyncio.Event()

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        await looked_up.wait()
        return ["127.0.0.1"]

    async with (
        backend(says(ok())) as only,
        proxy(served(Address(host="monolith.test", port=only.port)), resolve=resolve) as running,
    ):
        wire = await running.connect()
        await wire.send(GET)
        await until(lambda: running.plane.gauges()["upstream_pending"] == 1)
        looked_up.set()

        head, _ = await wire.answer()
        assert head.startswith(b"HTTP/1.1 200 ")


async def test_the_systems_resolver_finds_localhost() -> None:
    async with backend(says(ok())) as only, proxy(served(Address(host="localhost", port=only.port))) as running:
        assert await ask(running) == (200, b"ok")


async def test_a_name_with_many_addresses_uses_all_of_them() -> None:
    async with (
        backend(says(ok(b"1"))) as first,
        backend(says(ok(b"2")), host="127.0.0.2", port=first.port),
    ):
        name = Address(host="monolith.test", port=first.port)
        async with proxy(served(name), resolve=names(["127.0.0.1", "127.0.0.2"])) as running:
            assert {await ask(running) for _ in range(6)} == {(200, b"1"), (200, b"2")}


async def test_the_host_that_an_upstream_sees_is_its_name_and_not_its_address() -> None:
    async with backend(says(ok())) as only:
        name = Address(host="monolith.test", port=only.port)
        async with proxy(served(name), resolve=names(["127.0.0.1"])) as running:
            wire = await running.connect()
            await wire.send(b"GET /x HTTP/1.0\r\n\r\n")
            head = await wire.head()

    assert field_of(head, b"Content-Length") == b"2"
    assert only.received[0].values(b"host") == [b"monolith.test:%d" % only.port]
