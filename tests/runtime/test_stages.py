"""The six stages of a whole proxy: who answers, who is asked as well, and what `explain` and `status` say of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.runtime.test_shadow import comparer_of, until_comparing
from tests.support.backend import Backend, Conversation, Received, Script, backend, ok, says
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

JSON = b"Content-Type: application/json"
SILENT = '{name: users, match: {path: "/users/{id}"}, extracted: extracted, fallback: off, flag: users}'
FORBIDDEN = SILENT.replace("flag: users", "flag: users, shadow: off")
DECLARED = SILENT.replace("flag: users", "flag: users, idempotency: {}, shadow: {writes: true, noise: 0%}")
WRITES = {
    "off": ["monolith"],
    "dualwrite": ["monolith", "extracted"],
    "shadow": ["monolith", "extracted"],
    "live": ["extracted", "monolith"],
    "rampdown": ["extracted", "monolith"],
    "complete": ["extracted"],
}
"""Stage: the sides that a declared write reaches, in order."""
QUIET = ("defaults:\n", "defaults:\n  shadow: {noise: 0%}\n")
"""So that the answering side is asked by clients alone."""
READS = {
    "off": ["monolith"],
    "dualwrite": ["monolith"],
    "shadow": ["monolith", "extracted"],
    "live": ["extracted", "monolith"],
    "rampdown": ["extracted"],
    "complete": ["extracted"],
}
"""Stage: whose answer the client gets, and who is asked as well."""


async def set_flag(proxy: Proxy, value: str) -> dict[str, Any]:
    """Change the flag and return its summary once every worker serves it."""
    code, answer = await proxy.ask("PUT", "/api/v1/flags/users", {"set": value, "reason": "a test"})
    assert code == 200, answer

    async def is_served() -> bool:
        _, generation = await proxy.ask("GET", "/api/v1/generation")
        return all(worker["generation"] == generation["generation"] for worker in generation["workers"])

    await until(is_served, deadline_s=10)
    summary: dict[str, Any] = answer["summary"]
    return summary


async def counts(proxy: Proxy) -> dict[str, int]:
    code, answer = await proxy.ask("GET", "/api/v1/shadow/users")
    found: dict[str, int] = answer["counts"] if code == 200 else {"compared": 0, "different": 0}
    return found


def is_shadowed(side: Backend, target: str) -> bool:
    """Return whether a side was asked for a target by the comparer."""
    marked = (received for received in side.received if received.values(b"X-Strangler-Shadow"))
    return any(received.target == target.encode() for received in marked)


async def explained(proxy: Proxy, method: str) -> dict[str, Any]:
    question = {"method": method, "target": "/users/7", "headers": [["X-User-Id", "someone"]]}
    code, answer = await proxy.ask("POST", "/api/v1/explain", question)
    assert code == 200
    return dict(answer)


async def test_each_stage_answers_and_compares_as_launchdarklys_migrator_does_on_a_route_that_says_nothing(
    tmp_path: Path,
) -> None:
    async with (
        backend(says(ok(b'{"by":"monolith"}', JSON))) as monolith,
        backend(says(ok(b'{"by":"extracted"}', JSON))) as extracted,
        running(
            tmp_path,
            routes_text(monolith=monolith.port, extracted=extracted.port, routes=[SILENT]).replace(*QUIET),
        ) as proxy,
    ):
        assert comparer_of(proxy) == 0
        sides = {"monolith": monolith, "extracted": extracted}
        for stage, (first, *_) in READS.items():
            await set_flag(proxy, f"{stage}=100%")
            await until_comparing(proxy)
            before = await counts(proxy)

            async def is_done(stage: str = stage, first: str = first, compared: int = before["compared"]) -> bool:
                assert await proxy.get(f"/users/{stage}") == (200, f'{{"by":"{first}"}}')
                return len(READS[stage]) == 1 or (await counts(proxy))["compared"] > compared

            await until(is_done, deadline_s=30, what=stage)
            told = await explained(proxy, "GET")
            assert (told["stage"], told["read"], told["write"]) == (stage, READS[stage], [first])
            async with proxy.session.post(f"{proxy.url}/users/7", headers={"X-User-Id": "someone"}) as answer:
                assert await answer.text() == f'{{"by":"{first}"}}'
        told = await counts(proxy)
        assert told["different"] == told["compared"]
        assert {
            stage: [name for name, side in sides.items() if is_shadowed(side, f"/users/{stage}")] for stage in READS
        } == {stage: others for stage, (_, *others) in READS.items()}
        posts = [received for side in (monolith, extracted) for received in side.received if received.method == b"POST"]
    assert len(posts) == len(READS), "a write that nothing declares goes to one side, once"


async def test_each_stage_sends_a_declared_write_where_launchdarklys_migrator_does_in_its_order_and_once(
    tmp_path: Path,
) -> None:
    written: list[tuple[str, bytes]] = []

    def writing(name: str) -> Script:
        async def script(received: Received, _conversation: Conversation) -> bytes:
            if received.method == b"POST":
                written.append((name, received.target))
            elsewhere = b"HTTP/1.1 302 Found\r\nLocation: /sign-in\r\nContent-Length: 0\r\n\r\n"
            return elsewhere if received.target.endswith(b"-unsaid") else ok(b"{}", JSON)

        return script

    def of(stage: str) -> list[str]:
        return [name for name, target in written if target == f"/users/{stage}".encode()]

    async with (
        backend(writing("monolith")) as monolith,
        backend(writing("extracted")) as extracted,
        running(tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[DECLARED])) as proxy,
    ):
        await until_comparing(proxy)
        for stage, sides in WRITES.items():
            await set_flag(proxy, stage if stage != "off" else "off=100%")
            headers = {"X-User-Id": "someone", "Idempotency-Key": stage}
            async with proxy.session.post(f"{proxy.url}/users/{stage}", data=b"{}", headers=headers) as answer:
                assert answer.status == 200
            unsaid = f"{proxy.url}/users/{stage}-unsaid"
            someone = {"X-User-Id": "someone"}
            async with proxy.session.post(unsaid, headers=someone, allow_redirects=False) as answer:
                assert answer.status == 302
            assert (await explained(proxy, "POST"))["write"] == sides
            await until(lambda: len(of(stage)) >= len(sides), deadline_s=30, what=stage)  # noqa: B023
        # Because copies are sent in the order of their writes, one of the last stage tells that none is under way.
        await set_flag(proxy, "dualwrite")
        async with proxy.session.post(f"{proxy.url}/users/last", headers={"X-User-Id": "someone"}) as answer:
            assert answer.status == 200
        await until(lambda: len(of("last")) == 2, deadline_s=30)
    assert {stage: of(stage) for stage in WRITES} == WRITES
    assert {stage: of(f"{stage}-unsaid") for stage in WRITES} == {stage: sides[:1] for stage, sides in WRITES.items()}


async def test_status_shows_the_mix_of_stages_and_off_forbids_what_they_want(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b"{}", JSON))) as monolith,
        backend(says(ok(b"{}", JSON))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[FORBIDDEN], workers=1)
        ) as proxy,
    ):
        summary = await set_flag(proxy, "shadow=75%,live=25%")
        (shown,) = (await proxy.status())["routes"]
        told = await explained(proxy, "GET")
        assert await proxy.get("/users/7") == (200, "{}")
        assert comparer_of(proxy) == 0
    assert summary["stages"] == shown["stages"] == {"shadow": 7_500, "live": 2_500}
    assert (shown["share_bp"], shown["note"], shown["shadow"]) == (2_500, "stages shadow 75%, live 25%", None)
    assert told["stage"] in ("shadow", "live")
    assert told["read"] == [told["upstream"]]


@pytest.mark.parametrize("cause", ["trip", "kill"])
async def test_in_live_a_trip_answers_from_the_monolith_and_goes_on_comparing_and_the_kill_switch_does_not(
    tmp_path: Path, cause: str
) -> None:
    async with (
        backend(says(ok(b'"old"', JSON))) as monolith,
        backend(says(ok(b'"new"', JSON))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[SILENT], workers=1)
        ) as proxy,
    ):
        await set_flag(proxy, "live")
        await until_comparing(proxy)
        where = {"trip": "/api/v1/guards/users/trip", "kill": "/api/v1/kill"}[cause]
        body = {"reason": "a test", **({"is_on": True} if cause == "kill" else {})}
        code, answer = await proxy.ask("POST", where, body)
        assert code == 200, answer

        async def is_taken_back() -> bool:
            return await proxy.get("/users/7") == (200, '"old"')

        await until(is_taken_back, deadline_s=10)
        told = await explained(proxy, "GET")
        assert told["read"] == (["monolith", "extracted"] if cause == "trip" else ["monolith"])
        if cause == "trip":
            # Because a worker finds the comparer within half a second.
            async def is_compared() -> bool:
                return await is_taken_back() and is_shadowed(extracted, "/users/7")

            await until(is_compared, deadline_s=30, what="a comparison by the tripped side")
            assert told["stage"] == "live"
