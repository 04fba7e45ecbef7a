"""Credentials of a whole proxy's shadowed side: they arrive, the client's do not, and nothing keeps either."""

from pathlib import Path

import pytest

from tests.runtime.test_shadow import JSON, until_comparing
from tests.support.backend import Conversation, Received, backend, ok
from tests.support.proxy import routes_text, running
from tests.support.waiting import until

OWN = "Bearer 0wn-t0ken-of-the-shadow"
THEIRS = (b"cl1ent-bearer", b"cl1ent-c00kie", b"cl1ent-api-key")
ASKING = {
    "Authorization": f"Bearer {THEIRS[0].decode()}",
    "Cookie": f"sid={THEIRS[1].decode()}",
    "X-Api-Key": THEIRS[2].decode(),
}
ROUTE = (
    '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 0%, fallback: off, idempotency: {}, '
    "shadow: {noise: 100%, writes: true, record: {}, credentials: {header: Authorization, env: SHADOW_TOKEN}}}"
)

PATHS = ("/api/v1/shadow/users", "/api/v1/config", "/api/v1/audit", "/api/v1/routes/users", "/api/v1/recordings")


async def echo(received: Received, _conversation: Conversation) -> bytes:
    """Answer with who asked, as careless services do."""
    (who,) = received.values(b"Authorization")
    if received.method == b"POST" and received.values(b"X-Strangler-Shadow"):
        return b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n%b" % (len(who), who)
    return ok(b'{"who":"%b","log":"asked with %b"}' % (who, who), JSON)


def secrets_of(received: Received) -> list[bytes]:
    return [value for name in (b"Authorization", b"Cookie", b"X-Api-Key") for value in received.values(name)]


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("workers", [0, 2])
async def test_the_shadowed_side_gets_ours_and_not_the_clients_and_neither_is_found_anywhere(
    tmp_path: Path, workers: int
) -> None:
    async with (
        backend(echo) as monolith,
        backend(echo) as extracted,
        running(
            tmp_path,
            routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=workers),
            environ={"SHADOW_TOKEN": OWN},
        ) as proxy,
    ):
        await until_comparing(proxy)

        async def is_compared() -> bool:
            async with proxy.session.get(f"{proxy.url}/users/7", headers=ASKING) as answer:
                assert "cl1ent-bearer" in await answer.text()
            code, found = await proxy.ask("GET", "/api/v1/shadow/users")
            return code == 200 and found["counts"]["different"] > 0 and found["counts"]["asked_twice"] > 0

        await until(is_compared, deadline_s=30, what="a comparison with noise")
        async with proxy.session.post(f"{proxy.url}/users/7", headers=ASKING, data=b"body") as answer:
            assert answer.status == 200

        async def is_listed() -> bool:
            return bool((await proxy.ask("GET", "/api/v1/divergences"))[1]["divergences"])

        await until(is_listed, deadline_s=30, what="the write that the other side refused")
        _, listed = await proxy.ask("GET", "/api/v1/divergences")
        (one,) = listed["divergences"]
        told = [
            listed,
            (await proxy.ask("POST", f"/api/v1/divergences/{one['id']}/reveal", {"reason": "look"}))[1],
            await proxy.status(),
            await proxy.metrics(),
            *[(await proxy.ask("GET", path))[1] for path in PATHS],
        ]
        stored = contents(tmp_path)
        assert await proxy.stop() == 0
        stored += contents(tmp_path)
    asked = [received for received in extracted.received if received.method == b"GET"]
    again = [received for received in monolith.received if received.values(b"X-Strangler-Shadow")]
    written = [received for received in extracted.received if received.method == b"POST"]
    assert asked and again and len(written) == 1
    assert all(secrets_of(received) == [OWN.encode()] for received in (*asked, *written))
    assert all(secrets_of(received) == [value.encode() for value in ASKING.values()] for received in again)
    everything = b"\n".join((*stored, repr(told).encode()))
    assert b"[redacted" in everything
    for secret in (OWN.split()[1].encode(), *THEIRS):
        assert secret not in everything


async def test_a_variable_that_is_not_set_is_named_and_the_other_side_is_not_asked(tmp_path: Path) -> None:
    async with (
        backend(echo) as monolith,
        backend(echo) as extracted,
        running(
            tmp_path,
            routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE]),
            environ={"SHADOW_TOKEN": ""},
        ) as proxy,
    ):
        await until_comparing(proxy)

        async def is_dropped() -> bool:
            async with proxy.session.get(f"{proxy.url}/users/7", headers=ASKING):
                code, found = await proxy.ask("GET", "/api/v1/shadow/users")
                return code == 200 and found["dropped"].get("no_credentials", 0) > 0

        await until(is_dropped, deadline_s=30, what="a drop")
        async with proxy.session.post(f"{proxy.url}/users/7", headers=ASKING, data=b"body"):
            pass

        async def is_listed() -> bool:
            return bool((await proxy.ask("GET", "/api/v1/divergences"))[1]["divergences"])

        await until(is_listed, deadline_s=30, what="the write that was not sent")
        (one,) = (await proxy.ask("GET", "/api/v1/divergences"))[1]["divergences"]
        assert one["why"] == "no_credentials"
        assert "the variable SHADOW_TOKEN of `credentials` is empty" in (tmp_path / "log").read_text()
    assert not extracted.received
