"""Shadowing of a whole proxy: the other side is asked and compared, and neither clients nor operators pay for it."""

import asyncio
import itertools
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strangler.cli.status import lines
from strangler.runtime.comparer import NICE
from tests.support.backend import Conversation, Received, Script, backend, ok, says
from tests.support.proxy import Proxy, launch, routes_text, running
from tests.support.waiting import until

JSON = b"Content-Type: application/json"
READ = (
    '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 0%, fallback: off, shadow: {noise: 0%}}'
)
HUNG = READ.replace("noise: 0%", "noise: 0%, timeout: 200ms")
PLAIN = READ.replace(", shadow: {noise: 0%}", "")


async def findings(proxy: Proxy) -> dict[str, Any]:
    code, answer = await proxy.ask("GET", "/api/v1/shadow/users")
    return {**answer, **answer["counts"]} if code == 200 else {}


async def until_found(proxy: Proxy, **wanted: int) -> dict[str, Any]:
    """Return the findings once each of these counts has been reached."""
    found: dict[str, Any] = {}

    async def is_there() -> bool:
        found.clear()
        found.update(await findings(proxy))
        return bool(found) and all(found[name] >= count for name, count in wanted.items())

    await until(is_there, deadline_s=30, what=f"{wanted}")
    return found


def comparer_of(proxy: Proxy) -> int:
    """Return the process id of the comparer; 0 if there is none."""
    children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text().split()
    for child in map(int, children):
        if "strangler.runtime.comparer" in _command(child):
            return child
    return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


async def until_comparing(proxy: Proxy) -> int:
    """Return the comparer's id once workers can reach it."""
    await until(lambda: bool(proxy.events("comparer_ready")) and comparer_of(proxy) > 0, deadline_s=30)
    return comparer_of(proxy)


async def until_offered(proxy: Proxy, **wanted: int) -> dict[str, Any]:
    """Send reads until the comparer has some of them: a worker finds it within half a second."""

    async def is_there() -> bool:
        await proxy.get("/users/7")
        found = await findings(proxy)
        return bool(found) and all(found[name] >= count for name, count in wanted.items())

    await until(is_there, deadline_s=30, what=f"{wanted}")
    return await findings(proxy)


@pytest.mark.parametrize("workers", [0, 2])
async def test_reads_are_compared_and_the_difference_is_named_while_clients_get_the_monoliths_answer(
    tmp_path: Path, workers: int
) -> None:
    async with (
        backend(says(ok(b'{"id":7,"fee":5}', JSON))) as monolith,
        backend(says(ok(b'{"id":7,"fee":4}', JSON))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[READ], workers=workers)
        ) as proxy,
    ):
        await until_comparing(proxy)
        assert await proxy.get("/users/7") == (200, '{"id":7,"fee":5}')
        found = await until_offered(proxy, different=1)
        shown = next(route for route in (await proxy.status())["routes"] if route["name"] == "users")
    assert (shown["shadow"]["mode"], shown["shadow"]["dropped"]) == ("shadow", sum(found["dropped"].values()))
    (group,) = found["groups"]
    assert (group["place"], group["kind"]) == ("$.fee", "value")
    assert (group["examples"][0]["primary"], group["examples"][0]["shadow"]) == ("5", "4")
    assert extracted.received[0].values(b"X-Strangler-Shadow") == [b"1"]


async def test_the_comparer_gives_way_to_the_worker(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b"{}", JSON))) as monolith,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=monolith.port, routes=[READ])) as proxy,
    ):
        comparer, worker = await until_comparing(proxy), proxy.workers[0]
        priority = partial(os.getpriority, os.PRIO_PROCESS)
        assert priority(comparer) - priority(worker) == NICE


async def test_a_write_never_reaches_the_shadowed_side(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as monolith,
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[READ])) as proxy,
    ):
        await until_comparing(proxy)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            async with proxy.session.request(method, f"{proxy.url}/users/7", headers={"X-User-Id": "u"}) as answer:
                assert answer.status == 200
        # Because offers are handled in their order, a read after the writes tells that they were not offered.
        await until_offered(proxy, equal=1)
    assert {received.method for received in extracted.received} == {b"GET"}
    assert [received.method for received in monolith.received[:4]] == [b"POST", b"PUT", b"PATCH", b"DELETE"]


async def test_a_shadowed_side_that_hangs_is_counted_and_no_client_waits_for_it(tmp_path: Path) -> None:
    async def hang(_received: Received, _conversation: Conversation) -> None:
        await asyncio.Event().wait()

    async with (
        backend(says(ok(b'{"id":7}', JSON))) as monolith,
        backend(hang) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[HUNG])) as proxy,
    ):
        await until_comparing(proxy)

        async def has_timed_out() -> bool:
            assert await proxy.get("/users/7") == (200, '{"id":7}')
            shown = await findings(proxy)
            silent = shown.get("unanswered", {}).get("extracted", {})
            return "timeout" in silent and "breaker" in shown.get("dropped", {})

        await until(has_timed_out, deadline_s=30)
        assert (await findings(proxy))["different"] == 0


async def test_a_comparer_that_is_killed_is_replaced_and_goes_on_from_what_was_found(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as monolith,
        backend(says(ok(b'{"id":8}', JSON))) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[READ])) as proxy,
    ):
        first = await until_comparing(proxy)
        before = (await until_offered(proxy, different=1))["different"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(proxy.events("comparer_ready")) == 2, deadline_s=30)
        assert await proxy.get("/users/7") == (200, '{"id":7}')
        after = await until_offered(proxy, different=before + 1)
        status = await proxy.status()
        shown = status["comparer"]
        assert first != shown["pid"] == comparer_of(proxy)
        assert (shown["state"], shown["restarts"], shown["resting"]) == ("running", 1, 0)
        assert any(line.startswith(f"comparer running (process {shown['pid']}): ") for line in lines(status))
        assert after["groups"][0]["count"] > before


async def test_a_route_whose_answers_differ_is_taken_back_where_a_rule_says_so(tmp_path: Path) -> None:
    guarded = (
        '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 100%, '
        "shadow: {mode: reverse, noise: 0%}, rollback: {mismatch_rate: {max: 1%, min_compared: 20}}}"
    )
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as monolith,
        backend(says(ok(b'{"id":8}', JSON))) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[guarded])) as proxy,
    ):
        await until_comparing(proxy)
        assert await proxy.get("/users/7") == (200, '{"id":8}')

        async def is_back() -> bool:
            return (await proxy.get("/users/7"))[1] == '{"id":7}'

        await until(is_back, deadline_s=30, what="the monolith's answer")
        # Because it is served before it is told.
        await until(lambda: bool(proxy.events("guard_tripped")))
        (line,) = proxy.events("guard_tripped")
    assert "compared answers differ" in line["why"]


def _each_second(body: bytes) -> Script:
    """Answer each second request, and break off the others; so no breaker rests."""
    turns = itertools.count()

    async def script(_received: Received, conversation: Conversation) -> bytes | None:
        if next(turns) % 2:
            return ok(body, JSON)
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        return None

    return script


async def test_an_extracted_side_that_does_not_answer_is_kept_back_where_a_rule_says_so(tmp_path: Path) -> None:
    guarded = (
        '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 0%, '
        "shadow: {noise: 0%}, rollback: {mismatch_rate: {max: 1%, min_compared: 20}}}"
    )
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as monolith,
        backend(_each_second(b'{"id":7}')) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[guarded])) as proxy,
    ):
        await until_comparing(proxy)

        async def is_kept_back() -> bool:
            assert await proxy.get("/users/7") == (200, '{"id":7}')
            return bool(proxy.events("guard_tripped"))

        await until(is_kept_back, deadline_s=30, what="a trip")
        found = await findings(proxy)
        (line,) = proxy.events("guard_tripped")
    assert "compared answers differ or are missing" in line["why"]
    assert (found["different"], found["unanswered"]["extracted"]["failed"]) == (0, found["no_answer"])


async def test_a_monolith_that_does_not_answer_a_reverse_shadow_takes_nothing_back(tmp_path: Path) -> None:
    guarded = (
        '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 100%, fallback: off, '
        "shadow: {mode: reverse, noise: 0%}, rollback: {mismatch_rate: {max: 1%, min_compared: 20}}}"
    )
    async with (
        backend(_each_second(b'{"id":7}')) as monolith,
        backend(says(ok(b'{"id":7}', JSON))) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[guarded])) as proxy,
    ):
        await until_comparing(proxy)
        found: dict[str, Any] = {}

        async def has_seen_enough() -> bool:
            assert await proxy.get("/users/7") == (200, '{"id":7}')
            found.update(await findings(proxy))
            return bool(found) and found["unanswered"].get("legacy", {}).get("failed", 0) >= 30 <= found["equal"]

        await until(has_seen_enough, deadline_s=30, what="silences of the monolith")
        assert proxy.events("guard_tripped") == []
    assert (found["no_answer"], found["different"]) == (0, 0)


async def test_findings_outlive_a_restart_of_the_proxy(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b'{"id":7}', JSON))) as monolith,
        backend(says(ok(b'{"id":8}', JSON))) as extracted,
    ):
        text = routes_text(monolith=monolith.port, extracted=extracted.port, routes=[READ])
        async with running(tmp_path, text) as proxy:
            await until_comparing(proxy)
            before = await until_offered(proxy, different=1)
            assert await proxy.stop() == 0
        async with running(tmp_path, text) as proxy:
            assert (await findings(proxy))["different"] >= before["different"]
            assert (await findings(proxy))["since"] == before["since"]


async def test_the_comparer_ends_with_its_proxy_however_that_ends(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b"{}", JSON))) as monolith,
        running(tmp_path, routes_text(monolith=monolith.port, routes=[READ])) as proxy,
    ):
        comparer = await until_comparing(proxy)
        proxy.process.kill()
        await until(lambda: not _command(comparer), deadline_s=10, what="the comparer's end after kill -9 of control")

        again = await launch(tmp_path, session=proxy.session)
        await again.wait_ready()
        await until(lambda: len(proxy.events("comparer_ready")) == 2, deadline_s=30)
        comparer = comparer_of(again)
        assert comparer
        assert await again.stop(signal.SIGINT) == 0
        assert not _command(comparer)


async def test_no_comparer_runs_unless_a_route_is_shadowed(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b"{}", JSON))) as monolith,
        running(tmp_path, routes_text(monolith=monolith.port, routes=[PLAIN])) as proxy,
    ):
        assert (comparer_of(proxy), (await proxy.status())["comparer"]) == (0, None)
        proxy.routes.write_text(routes_text(monolith=monolith.port, routes=[READ]))
        comparer = await until_comparing(proxy)
        proxy.routes.write_text(routes_text(monolith=monolith.port, routes=[PLAIN]))
        await until(lambda: not _command(comparer), deadline_s=10, what="the comparer's end")
        assert (await proxy.get("/users/7"))[0] == 200


async def test_a_comparer_that_is_wanted_again_while_it_ends_has_not_died(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b"{}", JSON))) as monolith,
        running(tmp_path, routes_text(monolith=monolith.port, routes=[READ])) as proxy,
    ):
        first = await until_comparing(proxy)
        # Because it cannot end while it is stopped, it is wanted again before it is gone.
        os.kill(first, signal.SIGSTOP)
        for number, routes in enumerate([PLAIN, READ], start=1):
            proxy.routes.write_text(routes_text(monolith=monolith.port, routes=[routes]))
            await until(lambda: len(proxy.events("config_accepted")) == number, deadline_s=10)  # noqa: B023
        await until(lambda: len(proxy.events("comparer_ready")) == 2, deadline_s=30)
        assert not proxy.events("comparer_died")
        assert comparer_of(proxy) != first
