"""The first start of a whole proxy: a person at a terminal is shown a token once, and nothing else ever learns it."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from strangler.control.store import Store
from strangler.control.tokendesk import TokenDesk
from strangler.core.model import Address
from strangler.runtime.firststart import greet
from tests.support.proxy import Proxy, end, launch, routes_text
from tests.support.terminal import Terminal, terminal

ROUTE = "{name: pay, match: {path: /pay}, extracted: extracted, flag: payments, rollback: {}}"
NAME = "first-start"
GOOD_S = 24 * 3600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "routes.yaml").write_text(routes_text(monolith=1, routes=[ROUTE], workers=1))
    return tmp_path


@asynccontextmanager
async def started(folder: Path, screen: Terminal | None, *arguments: str) -> AsyncIterator[Proxy]:
    async with aiohttp.ClientSession() as session:
        far = None if screen is None else screen.far
        proxy = await launch(folder, *arguments, session=session, terminal=far)
        try:
            await proxy.wait_ready()
            yield proxy
        finally:
            await end(proxy)


async def listed(proxy: Proxy) -> list[dict[str, Any]]:
    _, found = await proxy.ask("GET", "/api/v1/tokens")
    return list(found["tokens"])


async def signed_in(proxy: Proxy, token: str) -> int:
    return (await proxy.ask("POST", "/api/v1/session", {"token": token}, headers={}))[0]


def kept(folder: Path) -> bytes:
    """Return every byte of every file below a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_a_terminal_is_shown_a_token_that_signs_in_and_says_what_it_is(folder: Path, log_format: str) -> None:
    with terminal() as screen:
        async with started(folder, screen, "--log-format", log_format) as proxy:
            await screen.wait_for("token create")
            (token,) = screen.tokens
            status = await signed_in(proxy, token)
            (one,) = await listed(proxy)
            _, audit = await proxy.ask("GET", "/api/v1/audit")
        words = screen.text

    assert status == 200
    assert f"Sign in to the dashboard at http://{proxy.admin}/ with this token" in words
    assert "an operator's, good for 24 hours, and shown this once" in words
    assert f"strangler token create NAME --role operator --state-dir {proxy.state_dir}" in words
    assert (one["name"], one["role"], one["is_valid"]) == (NAME, "operator", True)
    assert one["expires_at"] - one["created_at"] == GOOD_S
    assert [(row["what"], row["who"], row["subject"]) for row in audit["rows"]] == [("token", "first start", NAME)]


async def test_what_was_shown_is_in_no_file_and_is_not_shown_again(folder: Path) -> None:
    with terminal() as screen, terminal() as again:
        async with started(folder, screen) as proxy:
            await screen.wait_for("token create")
            (token,) = screen.tokens
            await signed_in(proxy, token)
            running = kept(folder)
        async with started(folder, again) as proxy:
            status = await signed_in(proxy, token)
        stopped = kept(folder)
        secret = token.rpartition(f"{token.split('_')[1]}_")[2].encode()

        assert status == 200
        assert again.tokens == []
        assert "First start" not in again.text
        assert "first_start" not in again.text
        assert len(secret) == 43
        assert (secret in running, secret in stopped) == (False, False)


async def test_where_the_log_is_kept_no_token_is_made_and_the_log_says_where_there_is_one(folder: Path) -> None:
    async with started(folder, None) as proxy:
        tokens = await listed(proxy)
        (event,) = proxy.events("first_start")

    assert tokens == []
    assert event["dashboard"] == f"http://{proxy.admin}/"
    assert event["token_file"] == str(proxy.state_dir / "admin-token")
    assert proxy.token not in (folder / "log").read_text()


async def test_a_state_that_was_begun_without_a_terminal_shows_none_later(folder: Path) -> None:
    async with started(folder, None) as proxy:
        pass
    with terminal() as screen:
        async with started(folder, screen) as proxy:
            assert await listed(proxy) == []
        assert screen.tokens == []


async def test_who_brought_a_token_of_their_own_is_shown_none(folder: Path) -> None:
    (folder / "state").mkdir(mode=0o700)
    (folder / "state" / "admin-token").touch(mode=0o600)
    (folder / "state" / "admin-token").write_text("a-token-of-somebodys-own-that-is-long-enough\n")

    with terminal() as screen:
        async with started(folder, screen) as proxy:
            tokens = await listed(proxy)
        shown = screen.tokens

    assert (tokens, shown) == ([], [])


async def test_a_start_that_was_refused_was_not_the_first(folder: Path) -> None:
    with terminal() as screen:
        async with aiohttp.ClientSession() as session:
            refused = await launch(folder, "--admin", "192.0.2.1:9", session=session, terminal=screen.far)
            code = await refused.process.wait()
        assert screen.tokens == []
        async with started(folder, screen):
            await screen.wait_for("token create")
        shown = screen.tokens

    assert (code, len(shown)) == (2, 1)


async def test_the_token_that_was_shown_is_revoked_like_any_other(folder: Path) -> None:
    with terminal() as screen:
        async with started(folder, screen) as proxy:
            await screen.wait_for("token create")
            (token,) = screen.tokens
            code, _ = await proxy.ask("POST", f"/api/v1/tokens/{NAME}/revoke", {"reason": "I have one of my own"})
            status = await signed_in(proxy, token)

    assert (code, status) == (200, 401)


async def test_a_token_that_cannot_be_kept_is_not_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    tokens = TokenDesk(store.tokens)
    store.close()
    caplog.set_level(logging.INFO)

    with terminal() as screen:
        greet(tokens, Address(host="0.0.0.0", port=9900), is_tls=True, state_dir=tmp_path, screen=screen.far)
        # Because it comes after whatever was written before it.
        os.write(screen.far, b"end")
        await screen.wait_for("end")
        shown = screen.text

    first, failed = (record.__dict__ for record in caplog.records)
    assert (first["message"], failed["message"]) == ("first_start", "first_token_failed")
    assert first["fields"] == {"dashboard": "https://127.0.0.1:9900/", "token_file": str(tmp_path / "admin-token")}
    assert (shown, tokens.all()) == ("end", ())


async def test_a_terminal_that_is_held_keeps_nothing_waiting(folder: Path) -> None:
    with terminal() as screen:
        screen.hold()
        async with started(folder, screen) as proxy:
            async with asyncio.timeout(30):
                tokens = await listed(proxy)
                code = await proxy.stop()

    assert [one["name"] for one in tokens] == [NAME]
    assert (screen.tokens, code) == ([], 0)
