"""Writes on both sides, of a whole proxy: each reaches a side once, and what is not on both is listed."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from strangler.cli.status import lines as status_lines
from tests.runtime.test_shadow import until_comparing
from tests.support.backend import Conversation, Received, backend, says
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


def declared(more: str = "", *, shadow: str = "", share: str = "0%") -> str:
    return (
        f'{{name: pay, match: {{path: "/pay/{{rest...}}"}}, extracted: extracted, share: {share}, fallback: safe, '
        f"idempotency: {{}}, shadow: {{writes: true, mode: both{shadow}}}{more}}}"
    )


async def post(proxy: Proxy, path: str = "/pay/a", method: str = "POST", **headers: str) -> int:
    async with proxy.session.request(
        method,
        f"{proxy.url}{path}",
        data=b'{"amount": 5}',
        headers={"X-User-Id": "u", **headers},
        allow_redirects=False,
    ) as answer:
        await answer.read()
        return answer.status


async def divergences(proxy: Proxy) -> list[dict[str, Any]]:
    status, found = await proxy.ask("GET", "/api/v1/divergences?limit=1000")
    assert status == 200, found
    return list(found["divergences"])


async def until_listed(proxy: Proxy, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        found[:] = await divergences(proxy)
        return len(found) >= count

    await until(is_there, deadline_s=30, what=f"{count} divergences")
    return found


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("share", "first", "second"), [("0%", "monolith", "extracted"), ("100%", "extracted", "monolith")]
)
async def test_a_write_is_sent_to_the_other_side_once_it_is_carried_out(
    tmp_path: Path, workers: int, share: str, first: str, second: str
) -> None:
    async with backend(says(CREATED)) as monolith, backend(says(CREATED)) as extracted:
        sides = {"monolith": monolith, "extracted": extracted}
        text = routes_text(
            monolith=monolith.port, extracted=extracted.port, routes=[declared(share=share)], workers=workers
        )
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            assert await post(proxy, "/pay/a?x=1", **{"Idempotency-Key": "k1", "Authorization": "Bearer t0ken"}) == 201
            await until(lambda: len(sides[second].received) == 1, deadline_s=30)
            assert await divergences(proxy) == []
    (asked,), (sent,) = sides[first].received, sides[second].received
    assert (sent.method, sent.target, sent.body) == (asked.method, asked.target, asked.body)
    assert sent.values(b"X-Strangler-Shadow") == [b"1"]
    assert sent.values(b"Authorization") == [b"Bearer t0ken"]
    assert sent.values(b"X-Request-Id") == asked.values(b"X-Request-Id")
    assert asked.values(b"Idempotency-Key") == [b"k1"]
    (key,) = sent.values(b"Idempotency-Key")
    assert key.startswith(b"strangler-" + (b"legacy" if second == "monolith" else second.encode()))


@pytest.mark.parametrize("mode", ["shadow", "reverse", "both"])
async def test_without_the_declaration_the_other_side_never_has_a_write(tmp_path: Path, mode: str) -> None:
    def undeclared(name: str, share: str) -> str:
        return (
            f'{{name: {name}, match: {{path: "/{name}/{{rest...}}"}}, extracted: extracted, share: {share}, '
            f"fallback: off, shadow: {{mode: {mode}, noise: 0%}}}}"
        )

    async with backend(says(CREATED)) as monolith, backend(says(CREATED)) as extracted:
        routes = [undeclared("before", "0%"), undeclared("after", "100%"), declared()]
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=routes)
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                for path in ("/before/a", "/after/a"):
                    assert await post(proxy, path, method) == 201
            # Because what is sent on goes in the order of answers, a declared write tells that all others were not.
            assert await post(proxy, "/pay/a") == 201
            await until(lambda: any(received.target == b"/pay/a" for received in extracted.received), deadline_s=30)
    assert {received.target for received in monolith.received} == {b"/before/a", b"/pay/a"}
    assert {received.target for received in extracted.received} == {b"/after/a", b"/pay/a"}
    assert len(monolith.received) == len(extracted.received) == 5


async def test_a_comparer_that_is_killed_while_it_sends_leaves_a_divergence_and_loses_nothing(tmp_path: Path) -> None:
    held = asyncio.Event()

    async def hold(received: Received, _: Conversation) -> bytes:
        if received.target == b"/pay/held":
            await held.wait()
        return CREATED

    async with backend(says(CREATED)) as monolith, backend(hold) as extracted:
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[declared(shadow=", timeout: 60s")])
        async with running(tmp_path, text) as proxy:
            comparer = await until_comparing(proxy)
            # On one connection, so that the second waits behind the first.
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            for path in (b"held", b"behind"):
                writer.write(
                    b"POST /pay/%b HTTP/1.1\r\nHost: a\r\nX-User-Id: u\r\nAuthorization: Bearer x\r\n"
                    b"Content-Length: 2\r\n\r\nhi" % path
                )
                await reader.readuntil(b"ok")
            await until(lambda: len(extracted.received) == 1, deadline_s=30)
            await until(lambda: _is_told_to_wait(proxy), deadline_s=30, what="the write that waits is told")
            os.kill(comparer, signal.SIGKILL)
            (found,) = await until_listed(proxy, 1)
            await until(lambda: len(extracted.received) == 2, deadline_s=30)
            writer.close()
            held.set()
            assert (found["kind"], found["why"], found["path"]) == ("unknown", "comparer_ended", "/pay/held")
            assert await divergences(proxy) == [found]
    assert [received.target for received in extracted.received] == [b"/pay/held", b"/pay/behind"]


async def test_a_worker_that_is_killed_leaves_a_divergence_for_what_may_have_been_carried_out(tmp_path: Path) -> None:
    async def hang(_: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)

    async with backend(hang) as monolith, backend(says(CREATED)) as extracted:
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[declared()], workers=1)
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"POST /pay/a HTTP/1.1\r\nHost: a\r\nX-User-Id: u\r\nContent-Length: 2\r\n\r\nhi")
            await asyncio.wait_for(monolith.arrived.wait(), 30)
            (worker,) = proxy.workers
            os.kill(worker, signal.SIGKILL)
            (found,) = await until_listed(proxy, 1)
            writer.close()
    assert (found["kind"], found["why"], found["answered_by"]) == ("unknown", "worker_ended", "legacy")
    assert len(monolith.received) == 1
    assert not extracted.received


async def test_what_was_answered_before_everything_was_killed_is_listed_by_the_next_start(tmp_path: Path) -> None:
    async def hang(_: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)

    async with backend(says(CREATED)) as monolith, backend(hang) as extracted:
        text = routes_text(
            monolith=monolith.port, extracted=extracted.port, routes=[declared(shadow=", timeout: 60s")], workers=1
        )
        async with running(tmp_path, text) as proxy:
            comparer = await until_comparing(proxy)
            assert await post(proxy) == 201
            await asyncio.wait_for(extracted.arrived.wait(), 30)
            for pid in (proxy.process.pid, comparer, *proxy.workers):
                os.kill(pid, signal.SIGKILL)
            await proxy.process.wait()
        async with running(tmp_path, text) as proxy:
            (found,) = await until_listed(proxy, 1)
            status = await proxy.status()
    assert (found["kind"], found["why"]) == ("unknown", "comparer_ended")
    assert status["divergences"]["open"] == 1
    assert len(extracted.received) == len(monolith.received) == 1


async def test_a_write_is_repaired_by_a_command_once_its_side_is_well(tmp_path: Path) -> None:
    answers = [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", CREATED]

    async def script(_received: Received, _conversation: Conversation) -> bytes:
        return answers.pop(0)

    async with backend(says(CREATED)) as monolith, backend(script) as extracted:
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[declared()])
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            assert await post(proxy, **{"Idempotency-Key": "k"}) == 201
            (found,) = await until_listed(proxy, 1)
            code, answer = await proxy.ask("POST", f"/api/v1/divergences/{found['id']}/repair", {"reason": "well"})
            assert (code, answer["is_carried_out"]) == (200, True)
            assert await divergences(proxy) == []
            _, log = await proxy.ask("GET", "/api/v1/audit")
    failed, repaired = extracted.received
    assert failed.values(b"Idempotency-Key") == repaired.values(b"Idempotency-Key")
    assert (failed.body, failed.target) == (repaired.body, repaired.target)
    assert "repair" in [row["what"] for row in log["rows"]]


async def test_while_the_kill_switch_is_on_writes_are_listed_and_not_sent(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, backend(says(CREATED)) as extracted:
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[declared(share="100%")])
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            await proxy.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "test"})
            await until(lambda: _answered_by(proxy, monolith), deadline_s=30)
            found = await until_listed(proxy, 1)
    assert {(one["why"], one["lacking_on"]) for one in found} == {("killed", "extracted")}
    assert not [received for received in extracted.received if received.values(b"X-Strangler-Shadow")]


async def test_a_write_that_was_answered_by_a_redirection_is_sent_on_only_where_that_says_that_it_was_carried_out(
    tmp_path: Path,
) -> None:
    async def redirect(received: Received, _: Conversation) -> bytes:
        return b"HTTP/1.1 %b Elsewhere\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n" % received.target[-3:]

    told = '{name: told, match: {path: "/told/{rest...}"}, extracted: extracted, share: 0%, idempotency: {}, '
    told += "shadow: {writes: true, mode: both, redirects: carried_out}}"
    async with backend(redirect) as monolith, backend(says(CREATED)) as extracted:
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[declared(), told], workers=1)
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            for path in ("/pay/304", "/pay/307", "/pay/308", "/pay/302", "/told/307", "/told/302", "/pay/303"):
                assert await post(proxy, path, method="PUT") == int(path[-3:])
            await until(lambda: len(extracted.received) == 2, deadline_s=30)
            found = await until_listed(proxy, 1)
    assert [received.target for received in extracted.received] == [b"/told/302", b"/pay/303"]
    assert [(one["path"], one["why"], one["kind"]) for one in found] == [("/pay/302", "redirected", "unknown")]


async def _is_told_to_wait(proxy: Proxy) -> bool:
    _, listed = await proxy.ask("GET", "/api/v1/divergences")
    waiting = (await proxy.status())["divergences"]["waiting"]
    return not listed["divergences"] and bool(listed["waiting"]) and bool(waiting)


async def _answered_by(proxy: Proxy, side: Any) -> bool:
    before = len([received for received in side.received if not received.values(b"X-Strangler-Shadow")])
    await post(proxy)
    return len([received for received in side.received if not received.values(b"X-Strangler-Shadow")]) > before


async def test_a_damaged_file_of_writes_is_loud_in_metrics_and_status(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, backend(says(CREATED)) as extracted:
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[declared()], workers=0)
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            (proxy.state_dir / "writes").mkdir(exist_ok=True)
            (proxy.state_dir / "writes" / "0-1.a.log").write_bytes(b"nonsense")

            async def is_told() -> bool:
                return "strangler_writes_unreadable 1.0" in await proxy.metrics()

            await until(is_told, deadline_s=30, what="the gauge")
            status = await proxy.status()
    assert status["comparer"]["unreadable"] == 1
    assert [line for line in status_lines(status) if line.startswith("DAMAGED")] == [
        "DAMAGED  1 files of noted writes cannot be read: what is in them may be on one side only"
    ]
