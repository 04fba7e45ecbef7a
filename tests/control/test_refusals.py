"""What somebody is told whose credential opens nothing: the holder why, anybody else nothing."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from strangler.control.failures import BURST
from strangler.control.operations import Role
from strangler.core.access import AdminAccess
from tests.control.test_who import OWN, asked, bearer, cookie_of, made
from tests.support.surface import TOKEN, Client, served

STATUS = "/api/v1/status"
BASIC = {"Authorization": "Basic b3BzOnNlY3JldA=="}
SPENT = ["expired", "revoked"]
WRONG = "wrong_token"


async def answer(client: Client, headers: Mapping[str, str], *, sign_in: str = "") -> tuple[int, Any, str]:
    """Return status, problem and challenge of a request, or of signing in with a token."""
    method, path, body = ("POST", "/api/v1/session", {"token": sign_in}) if sign_in else ("GET", STATUS, None)
    url = f"http://{client.address}{path}"
    async with client.session.request(method, url, headers=headers, json=body) as got:
        return got.status, await got.json(), got.headers.get("WWW-Authenticate", "")


def spent(client: Client, way: str) -> str:
    """Return a token that was good and is not any more."""
    token = made(client, "ci", Role.VIEWER, for_s=60.0)
    if way == "revoked":
        client.tokens.revoke("ci", who="test", why="leaked")
    client.clock[0] += 61.0
    return token


def another(token: str) -> str:
    """Return a token with the same number and another secret."""
    return token[:-1] + ("A" if token[-1] != "A" else "B")


@pytest.mark.parametrize("way", SPENT)
async def test_who_holds_a_token_that_is_over_is_told_so_by_its_name(way: str) -> None:
    async with served() as client:
        token = spent(client, way)
        asks = await answer(client, bearer(token))
        signs_in = await answer(client, {}, sign_in=token)

    for status, problem, challenge in (asks, signs_in):
        assert (status, problem["title"]) == (401, f"{way}_token")
        assert re.match(rf"The token `ci` (was )?{way} at \d{{4}}-\d\d-\d\d \d\d:\d\d UTC\.", problem["detail"])
        assert challenge == f'Bearer error="invalid_token", error_description="{problem["detail"]}"'


@pytest.mark.parametrize("way", SPENT)
async def test_who_guesses_learns_of_no_token_whether_it_was_or_is(way: str) -> None:
    async with served() as client:
        dead, living = spent(client, way), made(client, "living", Role.OPERATOR)
        wrong = ["no", another(dead), another(living), f"strangler_{'0' * 12}_{'A' * 43}"]
        told = [await answer(client, bearer(one)) for one in wrong]
        told += [await answer(client, {}, sign_in=one) for one in wrong]

    assert {problem["title"] for _, problem, _ in told} == {WRONG}
    assert len({str(one) for one in told}) == 1


@pytest.mark.parametrize("way", SPENT)
async def test_a_session_of_a_token_that_is_over_says_so(way: str) -> None:
    async with served() as client:
        token = made(client, "ci", Role.VIEWER, for_s=60.0)
        held = {"Cookie": await cookie_of(client, token)}
        if way == "revoked":
            client.tokens.revoke("ci", who="test", why="leaked")
        client.clock[0] += 61.0
        status, problem, _ = await answer(client, held)

    assert (status, problem["title"]) == (401, f"{way}_token")


async def test_a_token_that_is_over_is_no_guess_and_never_has_to_wait() -> None:
    async with served() as client:
        token = spent(client, "expired")
        told = [await answer(client, bearer(token)) for _ in range(int(BURST) + 2)]

    assert {(status, problem["title"]) for status, problem, _ in told} == {(401, "expired_token")}


async def test_another_scheme_is_answered_as_if_it_were_not_there_and_is_no_wrong_token() -> None:
    async with served() as client:
        told = [await answer(client, BASIC) for _ in range(int(BURST) + 2)]
        unsaid = await answer(client, {})
        wrong = await answer(client, bearer("no"))

    assert {str(one) for one in told} == {str(unsaid)}
    assert (unsaid[0], unsaid[1]["title"], unsaid[2]) == (401, "unauthorized", "Bearer")
    assert (wrong[0], wrong[1]["title"]) == (401, WRONG)


async def test_beside_another_scheme_a_session_and_a_proxys_name_count() -> None:
    known = AdminAccess(identity_header="X-Forwarded-User", trusted=("127.0.0.0/8",), viewers=("bob",))
    async with served(access=known) as client:
        held = {"Cookie": await cookie_of(client, TOKEN)}
        found = [
            await asked(client, "GET", STATUS, None, {**BASIC, **who}) for who in (held, {"X-Forwarded-User": "bob"})
        ]
        kill = {"is_on": True, "reason": "x"}
        elsewhere = await asked(client, "POST", "/api/v1/kill", kill, {**BASIC, **held, "If-Match": "*"})
        own = await asked(client, "POST", "/api/v1/kill", kill, {**BASIC, **held, **OWN, "If-Match": "*"})

    assert (found, elsewhere, own) == ([200, 200], 403, 200)


async def test_a_wrong_token_is_not_made_good_by_a_session() -> None:
    async with served() as client:
        held = {"Cookie": await cookie_of(client, TOKEN)}
        status, problem, _ = await answer(client, {**held, **bearer("no")})

    assert (status, problem["title"]) == (401, WRONG)


@pytest.mark.parametrize(
    ("host", "origin", "is_own"),
    [
        ("ops.example", "https://ops.example", True),
        ("ops.example:443", "https://ops.example", True),
        ("ops.example:80", "http://ops.example", True),
        ("ops.example:80", "https://ops.example", False),
        ("ops.example:443", "http://ops.example", False),
        ("ops.example", "https://ops.example:8443", False),
    ],
)
async def test_an_origin_without_a_port_means_its_schemes_own(host: str, origin: str, *, is_own: bool) -> None:
    async with served(access=AdminAccess(hosts=("ops.example",))) as client:
        status = await asked(client, "POST", "/api/v1/session", {"token": TOKEN}, {"Host": host, "Origin": origin})

    assert status == (200 if is_own else 403)
