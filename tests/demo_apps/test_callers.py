"""Callers: who is who, proved on one side and believed on the other."""

import base64
import hmac
import string
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import extracted.tokens
import legacy_monolith.tokens
from tests.demo_apps.apps import NOON, Client, build, serve

NOW = int(NOON.timestamp())
SECRET = b"secret"
both_tokens = pytest.mark.parametrize("tokens", [legacy_monolith.tokens, extracted.tokens])
both_ways = pytest.mark.parametrize(("login_at", "used_at"), [("monolith", "users"), ("users", "monolith")])


async def log_in(client: Client, user: int) -> tuple[str, str]:
    """Return the bearer token and the session cookie of a log-in."""
    async with client.get(f"/api/users/{user}", headers={"X-User-Id": str(user)}) as response:
        email = (await response.json())["email"]
    async with client.post("/api/login", json={"email": email, "password": "demo-password"}) as response:
        client.session.cookie_jar.clear()
        return (await response.json())["token"], response.cookies["session"].value


async def who(client: Client, headers: dict[str, str]) -> int:
    async with client.get("/api/users/7", headers=headers) as response:
        return response.status


@both_ways
async def test_a_token_of_one_side_is_believed_by_the_other(login_at: str, used_at: str, tmp_path: Path) -> None:
    async with serve(build(login_at, tmp_path)) as one, serve(build(used_at, tmp_path)) as other:
        token, _ = await log_in(one, 7)

        status = await who(other, {"Authorization": f"Bearer {token}"})

    assert status == 200


@both_ways
async def test_a_session_of_one_side_is_believed_by_the_other(login_at: str, used_at: str, tmp_path: Path) -> None:
    async with serve(build(login_at, tmp_path)) as one, serve(build(used_at, tmp_path)) as other:
        _, session = await log_in(one, 7)

        status = await who(other, {"Cookie": f"session={session}"})

    assert status == 200


@pytest.mark.parametrize("name", ["monolith", "users"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda token, _: {"Authorization": f"Bearer {token[:-2]}"},
        lambda _, session: {"Authorization": f"Bearer {session}"},
        lambda token, _: {"Cookie": f"session={token}"},
        lambda token, _: {"X-User-Id": "seven", "Authorization": f"Bearer {token}"},
        lambda *_: {"Authorization": "Bearer"},
    ],
)
async def test_a_proof_that_is_spoilt_or_meant_for_another_use_proves_nothing(
    name: str, spoil: Callable[[str, str], dict[str, str]], tmp_path: Path
) -> None:
    async with serve(build(name, tmp_path)) as client:
        status = await who(client, spoil(*await log_in(client, 7)))

    assert status == 401


@both_tokens
@given(claims=st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_what_was_signed_is_what_is_read(tokens: ModuleType, claims: dict[str, Any]) -> None:
    claims |= {"exp": NOW + 1}

    assert tokens.verify(tokens.sign(claims, SECRET), SECRET, NOW) == claims


@both_tokens
def test_a_token_ends_at_its_last_second(tokens: ModuleType) -> None:
    token = tokens.sign({"exp": NOW}, SECRET)

    assert tokens.verify(token, SECRET, NOW) is None


@both_tokens
@given(index=st.integers(0, 10_000), letter=st.sampled_from(string.ascii_letters + string.digits + "-_.é"))
def test_a_token_with_one_other_letter_says_nothing_else(tokens: ModuleType, index: int, letter: str) -> None:
    claims = {"sub": "7", "exp": NOW + 1}
    token = tokens.sign(claims, SECRET)
    index %= len(token)

    read = tokens.verify(token[:index] + letter + token[index + 1 :], SECRET, NOW)

    assert read in (None, claims)


@both_tokens
@pytest.mark.parametrize("header", [b'{"alg":"none"}', b'{"alg":"HS256","typ":"JWT","kid":"x"}', b"[]"])
def test_a_token_with_another_header_is_not_believed_though_it_is_signed(tokens: ModuleType, header: bytes) -> None:
    payload = tokens.sign({"sub": "7", "exp": NOW + 1}, SECRET).split(".")[1]
    signed = f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{payload}"
    signature = base64.urlsafe_b64encode(hmac.digest(SECRET, signed.encode(), "sha256")).rstrip(b"=").decode()

    assert tokens.verify(f"{signed}.{signature}", SECRET, NOW) is None
