"""Who may do what: every operation asked by everybody, tokens, browsers' sessions, and a proxy that knows its users."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from strangler.control import api, binding
from strangler.control.failures import BURST, MOST_PEERS, Failures
from strangler.control.operations import Operation, Role
from strangler.control.tokendesk import MOST_TOKENS, TokenDesk
from strangler.control.tokentable import Token
from strangler.core.access import AdminAccess
from strangler.errors import UsageError
from tests.support.samples import body_of, path_of
from tests.support.surface import TOKEN, Client, served

ALLOWED = 0
KILL = {"is_on": True, "reason": "x"}
WRONG_TOKENS: tuple[dict[str, object], ...] = (
    {},
    {"name": "A"},
    {"name": "x" * 65},
    {"name": "ci\n"},
    {"role": "nobody"},
    {"expires_s": 0},
    {"expires_s": 1e12},
)
ENDING = ("signIn", "signOut")
OWN = {"X-Strangler-Request": "1"}
PROXY = AdminAccess(
    identity_header="X-Forwarded-User", trusted=("127.0.0.0/8",), operators=("ann",), viewers=("ann", "bob")
)


def made(client: Client, name: str, role: Role, *, for_s: float | None = None) -> str:
    return client.tokens.create(name, role, for_s=for_s, who="test", why="test")[1]


async def asked(client: Client, method: str, path: str, body: Any, headers: Mapping[str, str]) -> int:
    """Return the status of a request that says who asks by these headers alone; no change of it may go through."""
    url = f"http://{client.address}{path}"
    async with client.session.request(method, url, json=body, headers=headers, cookies={}) as answer:
        return answer.status


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def cookie_of(client: Client, token: str) -> str:
    url = f"http://{client.address}/api/v1/session"
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as browser,
        browser.post(url, json={"token": token}) as answer,
    ):
        assert answer.status == 200
        return answer.headers["Set-Cookie"].partition(";")[0]


def expected(operation: Operation, role: Role | None) -> int:
    """Return the status for somebody with this role, None for a stranger; 0 is anything but a refusal."""
    if operation.role is Role.NOBODY:
        return ALLOWED
    if role is None:
        return 401
    return ALLOWED if role >= operation.role else 403


async def test_every_operation_is_for_its_role_and_nobody_else() -> None:
    wrong, found = {}, 0
    async with served(access=PROXY) as client:
        expired = made(client, "expired", Role.OPERATOR, for_s=1.0)
        revoked = made(client, "revoked", Role.OPERATOR)
        viewer, operator = made(client, "viewer", Role.VIEWER), made(client, "operator", Role.OPERATOR)
        dead = await cookie_of(client, revoked)
        client.tokens.revoke("revoked", who="test", why="test")
        client.clock[0] += 2.0
        everybody: dict[str, tuple[Mapping[str, str], Role | None]] = {
            "nobody": ({}, None),
            "a wrong token": (bearer(viewer[:-1] + ("A" if viewer[-1] != "A" else "B")), None),
            "no token's form": (bearer("\u00e9"), None),
            "an expired token": (bearer(expired), None),
            "a revoked token": (bearer(revoked), None),
            "a revoked token's session": ({"Cookie": dead, **OWN}, None),
            "a viewer": (bearer(viewer), Role.VIEWER),
            "an operator": (bearer(operator), Role.OPERATOR),
            "the file's token": (bearer(TOKEN), Role.OPERATOR),
            "a viewer's session": ({"Cookie": await cookie_of(client, viewer), **OWN}, Role.VIEWER),
            "an operator's session": ({"Cookie": await cookie_of(client, operator), **OWN}, Role.OPERATOR),
            "a proxy's viewer": ({"X-Forwarded-User": "bob", **OWN}, Role.VIEWER),
            "a proxy's operator": ({"X-Forwarded-User": "ann", **OWN}, Role.OPERATOR),
            "a proxy's stranger": ({"X-Forwarded-User": "eve", **OWN}, Role.NOBODY),
        }
        holders = {"a viewer's session": viewer, "an operator's session": operator}
        # Because they end the session that they come with, they are the last, and each comes with a new one.
        for operation in sorted(api.operations(client.surface), key=lambda one: one.name in ENDING):
            for who, (known, role) in everybody.items():
                headers = known
                if operation.name in ENDING and who in holders:
                    headers = {**known, "Cookie": await cookie_of(client, holders[who])}
                # Because a wrong token is forgotten after ten seconds, none of these is one too many.
                client.clock[0] += 10.0
                status = await asked(client, operation.method, path_of(operation), body_of(operation), headers)
                got = status if status in (401, 403, 429) or status >= 500 else ALLOWED
                found += 1
                if got != expected(operation, role) and not (operation.name == "isReady" and status == 503):
                    wrong[f"{who}: {operation.name}"] = status
        rows = client.store.journal.page().rows

    assert wrong == {}
    assert found == len(everybody) * len(api.operations(client.surface))
    assert {row.entry.what.value for row in rows} <= {"token", "revoke"}, "somebody changed something without If-Match"


async def test_a_sessions_change_that_another_page_may_have_sent_is_refused() -> None:
    async with served(access=PROXY) as client:
        cookie = await cookie_of(client, TOKEN)
        own = f"http://{client.address}"
        known: list[dict[str, str]] = [{"Cookie": cookie}, {"X-Forwarded-User": "ann"}]
        refused = [
            await asked(client, "POST", "/api/v1/kill", KILL, {**who, "If-Match": "*", **sent})
            for who in known
            for sent in (
                {},
                {**OWN, "Origin": "http://evil.example"},
                {**OWN, "Origin": f"http://localhost:{client.address.port + 1}"},
                {**OWN, "Origin": "null"},
                {**OWN, "Sec-Fetch-Site": "cross-site"},
                {**OWN, "Sec-Fetch-Site": "same-site"},
            )
        ]
        fine = await asked(
            client,
            "POST",
            "/api/v1/kill",
            KILL,
            {"Cookie": cookie, "If-Match": "*", **OWN, "Origin": own, "Sec-Fetch-Site": "same-origin"},
        )
        rows = client.store.journal.page().rows

    assert set(refused) == {403}
    assert fine == 200
    assert [row.entry.who for row in rows] == ["admin-token"]


async def test_a_browser_may_come_over_tls_that_ends_at_a_proxy_in_front() -> None:
    async with served(access=PROXY) as client:
        sent = {**OWN, "If-Match": "*", "Origin": f"https://{client.address}", "Sec-Fetch-Site": "same-origin"}
        status = await asked(client, "POST", "/api/v1/kill", KILL, {"X-Forwarded-User": "ann", **sent})

    assert status == 200


async def test_no_other_sites_page_signs_a_browser_in() -> None:
    async with served() as client:
        status = await asked(client, "POST", "/api/v1/session", {"token": TOKEN}, {"Origin": "http://evil.example"})

    assert status == 403


async def test_a_body_that_was_begun_before_a_token_was_revoked_changes_nothing_after() -> None:
    async with served() as client:
        token = made(client, "ci", Role.OPERATOR)
        body = json.dumps(KILL).encode()
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        head = (
            f"POST /api/v1/kill HTTP/1.1\r\nHost: {client.address}\r\nAuthorization: Bearer {token}\r\nIf-Match: *\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body[:-1])
        await client.ask("GET", "/api/v1/status")
        client.tokens.revoke("ci", who="test", why="leaked")
        writer.write(body[-1:])
        status = await reader.readline()
        writer.close()
        guards = (await client.ask("GET", "/api/v1/guards"))[1]

    assert (status[:12], guards["is_killed"]) == (b"HTTP/1.1 401", False)


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "BODY_S", 0.05)
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        head = f"POST /api/v1/session HTTP/1.1\r\nHost: {client.address}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 9\r\n\r\n{{".encode())
        status = await asyncio.wait_for(reader.readline(), 20)
        writer.close()

    assert status[:12] == b"HTTP/1.1 408"


async def test_a_token_is_shown_once_and_kept_as_a_hash_alone() -> None:
    async with served() as client:
        code, answer = await client.ask(
            "POST", "/api/v1/tokens", {"name": "ci", "role": "viewer", "expires_s": 60, "reason": "a pipeline"}
        )
        listed = (await client.ask("GET", "/api/v1/tokens"))[1]["tokens"]
        again = TokenDesk(client.store.tokens, now=lambda: client.clock[0])
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]
        kept = client.store.tokens.tokens()

    secret = answer["secret"]
    assert (code, answer["token"]["name"], answer["token"]["expires_at"]) == (201, "ci", client.clock[0] + 60)
    assert listed == [answer["token"]]
    assert again.known(secret) == kept[0]
    # Because the random part may have underscores itself, it is what stands behind the prefix and the id.
    hidden = secret.removeprefix(f"strangler_{kept[0].id}_")
    assert (len(hidden), hidden in str([listed, rows, kept])) == (43, False)
    assert [(row["what"], row["who"], row["subject"], row["why"]) for row in rows] == [
        ("token", "admin-token", "ci", "a pipeline")
    ]


async def test_a_revoked_token_ends_its_sessions_and_its_name_is_free_again() -> None:
    async with served() as client:
        token = made(client, "ci", Role.VIEWER)
        held = {"Cookie": await cookie_of(client, token)}
        before = await asked(client, "GET", "/api/v1/status", None, held)
        done = await client.ask("POST", "/api/v1/tokens/ci/revoke", {"reason": "leaked"})
        twice = await client.ask("POST", "/api/v1/tokens/ci/revoke", {"reason": "leaked"})
        after = [await asked(client, "GET", "/api/v1/status", None, headers) for headers in (held, bearer(token))]
        other = made(client, "ci", Role.VIEWER)

    assert (before, done[0], done[1]["is_valid"], twice[0], after) == (200, 200, False, 404, [401, 401])
    assert other != token
    assert client.store.tokens.sessions() == ()


async def test_names_roles_and_numbers_of_tokens_are_bounded() -> None:
    async with served() as client:
        made(client, "ci", Role.VIEWER)
        body = {"name": "ci", "role": "viewer", "reason": "test"}
        codes = [(await client.ask("POST", "/api/v1/tokens", {**body, **change}))[0] for change in WRONG_TOKENS]
        for number in range(MOST_TOKENS - 1):
            made(client, f"t{number}", Role.VIEWER)
        with pytest.raises(UsageError, match="no more can be"):
            made(client, "one.more", Role.VIEWER)
        for number in range(MOST_TOKENS - 1):
            client.tokens.revoke(f"t{number}", who="test", why="test")
        for number in range(MOST_TOKENS - 1):
            made(client, f"u{number}", Role.VIEWER)

    assert codes == [409, 400, 400, 400, 400, 400, 400]
    assert len(client.store.tokens.tokens()) == len(client.tokens.all()) <= 2 * MOST_TOKENS


async def test_whoever_changes_something_is_on_the_audit_log_by_name() -> None:
    async with served(access=PROXY) as client:
        token = made(client, "ci", Role.OPERATOR)
        held = {"Cookie": await cookie_of(client, token)}
        everybody = (bearer(token), {**held, **OWN}, {"X-Forwarded-User": "ann", **OWN}, bearer(TOKEN))
        for share, headers in enumerate(everybody, 1):
            change = {"set": f"{share}%", "reason": "test"}
            status = await asked(client, "PUT", "/api/v1/flags/payments", change, {**headers, "If-Match": "*"})
            assert status == 200

    assert client.table.who == ["token:ci", "token:ci", "user:ann", "admin-token"]


async def test_a_peer_that_keeps_sending_wrong_tokens_is_told_to_wait_and_the_right_one_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with served() as client:
        wrong = [(await client.ask("GET", "/api/v1/status", Authorization="Bearer no"))[0] for _ in range(12)]
        headers = bearer("no")
        async with client.session.get(f"http://{client.address}/api/v1/status", headers=headers) as answer:
            wait = answer.headers["Retry-After"]
        signing = await asked(client, "POST", "/api/v1/session", {"token": "no"}, {})
        right = (await client.ask("GET", "/api/v1/status"))[0]
        silent = (await client.ask("GET", "/api/v1/status", Authorization=""))[0]
        client.clock[0] += 1_000.0
        later = (await client.ask("GET", "/api/v1/status", Authorization="Bearer no"))[0]

    assert wrong == [401] * int(BURST) + [429] * 2
    assert (wait, signing, right, silent, later) == ("10", 429, 200, 401, 401)
    assert "Bearer no" not in caplog.text


def test_failures_of_a_million_peers_take_bounded_memory_and_forget_those_of_long_ago() -> None:
    failures = Failures()
    for number in range(MOST_PEERS * 3):
        failures.fail(f"10.0.{number // 256}.{number % 256}", now=1.0)

    assert len(failures._peers) == MOST_PEERS


async def test_an_identity_header_means_nothing_from_a_peer_that_is_not_trusted() -> None:
    elsewhere = AdminAccess(identity_header="X-Forwarded-User", trusted=("10.0.0.0/8",), operators=("*",))
    async with served(access=elsewhere) as client:
        untrusted = await asked(client, "GET", "/api/v1/status", None, {"X-Forwarded-User": "ann"})
    async with served() as client:
        unasked = await asked(client, "GET", "/api/v1/status", None, {"X-Forwarded-User": "ann"})

    assert (untrusted, unasked) == (401, 401)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\tb"])
async def test_a_name_that_no_user_has_is_nobody(name: str) -> None:
    anyone = AdminAccess(identity_header="X-Forwarded-User", trusted=("127.0.0.0/8",), operators=("*",))
    async with served(access=anyone) as client:
        status = await asked(client, "GET", "/api/v1/status", None, {"X-Forwarded-User": name})

    assert status == 401


async def test_two_names_are_nobody() -> None:
    anyone = AdminAccess(identity_header="X-Forwarded-User", trusted=("127.0.0.0/8",), operators=("*",))
    async with served(access=anyone) as client:
        url = f"http://{client.address}/api/v1/status"
        two = [("X-Forwarded-User", "ann"), ("X-Forwarded-User", "bob")]
        async with client.session.get(url, headers=two) as answer:
            status = answer.status

    assert status == 401


def test_a_token_is_good_until_its_time_and_not_a_moment_longer() -> None:
    token = Token(id="0", name="x", role=Role.VIEWER, digest=b"", created_at=0.0, created_by="y", expires_at=10.0)

    assert [token.is_valid(now) for now in (0.0, 9.999, 10.0, 11.0)] == [True, True, False, False]
