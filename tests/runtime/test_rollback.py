"""Rollback of a whole proxy: traffic is taken back in time, kept back, and no write is carried out twice."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import aiohttp
import pytest

from strangler.core.sequential import Evidence, Step, advance, is_proven
from tests.support.backend import Backend, Conversation, Received, backend, ok
from tests.support.load import load
from tests.support.proxy import Proxy, launch, routes_text, running
from tests.support.waiting import until

PAY = "{name: pay, match: {path: /pay}, extracted: extracted, flag: pay, fallback: off}"
KEYED = (
    "{name: pay, match: {methods: [POST], path: /pay}, extracted: extracted, flag: pay, "
    "idempotency: {header: Idempotency-Key}, rollback: {connect_failures: off}}"
)
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nbroken"


@dataclass(slots=True)
class Service:
    """Answers with its name; every `fails_each`-th answer is an error, if that is not 0."""

    name: bytes
    fails_each: int = 0
    arrivals: list[float] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)

    async def __call__(self, _received: Received, _conversation: Conversation) -> bytes:
        self.arrivals.append(monotonic())
        if self.fails_each and len(self.arrivals) % self.fails_each == 0:
            self.failures.append(monotonic())
            return BROKEN
        return ok(self.name)


@pytest.fixture
async def sides() -> AsyncIterator[tuple[Service, Backend, Service, Backend]]:
    legacy, extracted = Service(b"monolith"), Service(b"extracted")
    async with backend(legacy) as monolith, backend(extracted) as service:
        yield legacy, monolith, extracted, service


async def set_flag(proxy: Proxy, share: str) -> None:
    generation = (await proxy.status())["generation"]
    code, _ = await proxy.ask("PUT", "/api/v1/flags/pay", {"set": share, "reason": "test"})
    assert code == 200

    async def is_applied() -> bool:
        workers = (await proxy.status())["workers"]
        return all(worker["generation"] > generation for worker in workers)

    await until(is_applied)


async def guard(proxy: Proxy) -> dict[str, Any]:
    _, found = await proxy.ask("GET", "/api/v1/guards/pay")
    return dict(found)


async def wait_phase(proxy: Proxy, phase: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def is_there() -> bool:
        found.update(await guard(proxy))
        return bool(found["phase"] == phase)

    await until(is_there, deadline_s=30.0)
    return found


def failures_that_decide(*, share: float) -> int:
    """Return how many failures of the extracted side alone prove a regression, at this part of the requests."""
    evidence, count = Evidence(), 0
    while not is_proven(evidence, 0.01):
        count += 1
        evidence = advance(evidence, Step(round(1_000 * (1 - share)), 0, round(1_000 * share), 1), 1.25)
    return count


async def test_an_outage_at_two_per_cent_is_over_in_less_than_a_second(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten times: from the failure that decides to the last request that the extracted side got."""
    _, monolith, extracted, service = sides
    took_s: list[float] = []
    deciding = failures_that_decide(share=0.02)
    text = routes_text(monolith=monolith.port, extracted=service.port, routes=[PAY])
    async with running(tmp_path, text) as proxy:
        await set_flag(proxy, "2%")
        async with load(f"{proxy.url}/pay", clients=16) as traffic:
            for _ in range(10):
                await traffic.until_more(200)
                extracted.arrivals.clear()
                extracted.failures.clear()
                extracted.fails_each = 1
                await wait_phase(proxy, "tripped")
                await traffic.until_more(200)
                took_s.append(extracted.arrivals[-1] - extracted.failures[deciding - 1])
                extracted.fails_each = 0
                code, _ = await proxy.ask("POST", "/api/v1/guards/pay/reset", {"reason": "test"})
                assert code == 200
        rows = (await proxy.ask("GET", "/api/v1/audit?limit=100"))[1]["rows"]

    with capsys.disabled():
        # Because the figure is what the promise is about, it is printed.
        print(f"\nrollback: median {median(took_s) * 1e3:.0f} ms, longest {max(took_s) * 1e3:.0f} ms of ten")  # noqa: T201
    assert median(took_s) < 1.0
    assert [row["what"] for row in rows].count("trip") == 10


async def test_five_per_cent_of_errors_over_half_a_per_cent_trip(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend]
) -> None:
    legacy, monolith, extracted, service = sides
    legacy.fails_each, extracted.fails_each = 200, 20
    text = routes_text(monolith=monolith.port, extracted=service.port, routes=[PAY])
    async with running(tmp_path, text) as proxy:
        await set_flag(proxy, "50%")
        async with load(f"{proxy.url}/pay", clients=16):
            found = await wait_phase(proxy, "tripped")
        # Because the log has a thread of its own, its line may come after the answer that tells the trip.
        await until(lambda: bool(proxy.events("guard_tripped")))
        log = proxy.events("guard_tripped")

    assert found["cause"]["rule"]["metric"] == "sequential"
    assert found["cause"]["share_bp"] == 5_000
    assert [line["route"] for line in log] == ["pay"]
    assert len(log[0]["cause"]["samples"]) == 10
    assert {sample["status"] for sample in log[0]["cause"]["samples"]} == {500}


async def test_a_trip_holds_after_everything_was_killed_at_that_moment(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend]
) -> None:
    _, monolith, extracted, service = sides
    text = routes_text(monolith=monolith.port, extracted=service.port, routes=[PAY])
    async with running(tmp_path, text) as proxy:
        await set_flag(proxy, "100%")
        extracted.fails_each = 1
        async with load(f"{proxy.url}/pay", clients=8):
            await until(lambda: bool(proxy.events("guard_tripped")), deadline_s=30.0)
            for pid in (proxy.process.pid, *proxy.workers):
                os.kill(pid, signal.SIGKILL)
            await proxy.process.wait()
        extracted.fails_each = 0

        again = await launch(tmp_path, session=proxy.session)
        proxy.process = again.process
        await proxy.wait_ready()
        answers = {(await proxy.get("/pay", f"user-{n}"))[1] for n in range(50)}
        found = await guard(proxy)
        code, _ = await proxy.ask("POST", "/api/v1/guards/pay/reset", {"reason": "mended"})
        await until(lambda: _is_extracted(proxy))

    assert answers == {"monolith"}
    assert found["phase"] == "tripped" and found["cause"]["rule"]["verdict"] == "breach"
    assert code == 200


async def _is_extracted(proxy: Proxy) -> bool:
    return (await proxy.get("/pay", "user-1"))[1] == "extracted"


async def test_the_kill_switch_takes_everything_back_and_status_says_so(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend]
) -> None:
    _, monolith, _, service = sides
    text = routes_text(monolith=monolith.port, extracted=service.port, routes=[PAY])
    async with running(tmp_path, text) as proxy:
        await set_flag(proxy, "100%")
        await proxy.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "incident 7"})

        async def is_monolith() -> bool:
            return {(await proxy.get("/pay", f"user-{n}"))[1] for n in range(20)} == {"monolith"}

        await until(is_monolith)
        status = await proxy.status()
        _, explained = await proxy.ask("POST", "/api/v1/explain", {"method": "GET", "target": "/pay", "headers": []})

    assert status["is_killed"] is True
    assert (explained["side"], explained["reason"]) == ("legacy", "killed")


async def test_one_key_is_carried_out_by_one_side_over_shares_workers_and_a_restart(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend]
) -> None:
    _, monolith, _, service = sides
    text = routes_text(monolith=monolith.port, extracted=service.port, routes=[KEYED])
    answers: list[str] = []
    keys = itertools.count()

    async def pay(proxy: Proxy, key: str) -> str:
        headers = {"X-User-Id": "ann", "Idempotency-Key": f'"{key}"'}
        async with proxy.session.post(f"{proxy.url}/pay", headers=headers, data=b"{}") as answer:
            return await answer.text()

    async with running(tmp_path, text) as proxy:
        for share in ("100%", "0%", "100%", "0%"):
            await set_flag(proxy, share)
            # Because each request is a connection of its own, both workers are met.
            answers += [await pay(proxy, "the-one") for _ in range(10)]
        fresh = await pay(proxy, f"new-{next(keys)}")
        await proxy.stop()
        again = await launch(tmp_path, session=proxy.session)
        proxy.process = again.process
        await proxy.wait_ready()
        answers += [await pay(proxy, "the-one") for _ in range(10)]

    assert set(answers) == {"extracted"}
    assert fresh == "monolith"


async def test_a_webhook_is_told_of_the_trip_and_the_flag_is_switched_off(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend]
) -> None:
    _, monolith, extracted, service = sides
    async with backend(_take) as receiver:
        route = PAY.replace("fallback: off", "fallback: off, rollback: {write_back: true}")
        text = routes_text(monolith=monolith.port, extracted=service.port, routes=[route])
        text += f'webhooks: [{{name: pager, url: "http://127.0.0.1:{receiver.port}/hook", secret_env: PAGER}}]\n'
        async with running(tmp_path, text, environ={"PAGER": "s3cret"}) as proxy:
            await set_flag(proxy, "100%")
            extracted.fails_each = 1
            async with load(f"{proxy.url}/pay", clients=8):
                await wait_phase(proxy, "tripped")
                await until(lambda: bool(receiver.received))
            _, flag = await proxy.ask("GET", "/api/v1/flags/pay")
            log = (tmp_path / "log").read_text()

    (told,) = receiver.received
    assert b'"action":"trip"' in told.body.replace(b" ", b"")
    assert told.values(b"X-Strangler-Signature")[0].startswith(b"t=")
    assert flag["flag"]["on"] is False
    assert "s3cret" not in log


async def _take(_received: Received, _conversation: Conversation) -> bytes:
    return ok(b"")


async def test_a_damaged_store_keeps_nobody_from_being_served_by_the_monolith(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend]
) -> None:
    _, monolith, _, service = sides
    fixed = "{name: pay, match: {path: /pay}, extracted: extracted, share: 100%}"
    (tmp_path / "state").mkdir(mode=0o700)
    damage = b"this is no database" * 500
    (tmp_path / "state" / "state.db").write_bytes(damage)
    text = routes_text(monolith=monolith.port, extracted=service.port, routes=[fixed])
    async with running(tmp_path, text) as proxy:
        answers = {(await proxy.get("/pay", f"user-{n}"))[1] for n in range(20)}
        _, ready = await proxy.ask("GET", "/readyz")
        metrics = await proxy.metrics()
        told = proxy.events("store_damaged")

    assert answers == {"monolith"}
    assert "state.db" in ready["store"] and len(told) == 1
    assert "strangler_store_failing 1.0" in metrics
    assert (tmp_path / "state" / "state.db").read_bytes() == damage


async def test_an_event_stream_on_a_side_that_trips_is_told_to_come_again(
    tmp_path: Path, sides: tuple[Service, Backend, Service, Backend]
) -> None:
    _, monolith, _, _ = sides

    async def stream(_received: Received, conversation: Conversation) -> None:
        await conversation.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"9\r\ndata: 1\n\n\r\n"
        )
        await conversation.reader.read()

    async with backend(stream) as events:
        route = PAY.replace("fallback: off", "rollback: {grace: 200ms}")
        text = routes_text(monolith=monolith.port, extracted=events.port, routes=[route])
        async with running(tmp_path, text) as proxy:
            await set_flag(proxy, "100%")
            async with proxy.session.get(f"{proxy.url}/pay", headers={"X-User-Id": "user-1"}) as answer:
                first = await answer.content.readline()
                await proxy.ask("POST", "/api/v1/guards/pay/trip", {"reason": "test"})
                with pytest.raises(aiohttp.ClientPayloadError):
                    async with asyncio.timeout(20):
                        await answer.content.read()
            again = await proxy.get("/pay", "user-1")

    assert first == b"data: 1\n"
    assert again == (200, "monolith")
