"""The first demo on a terminal shows a token to sign in with; no other one does, and no file has it."""

from pathlib import Path

import aiohttp
import pytest

from demo.ports import read_layout
from tests.demo.demos import Demo, port_of, started, strangler, write_routes
from tests.support.terminal import Terminal, terminal

pytestmark = pytest.mark.slow


async def signed_in(routes: Path, token: str) -> int:
    url = f"http://127.0.0.1:{port_of(routes, 'admin')}/api/v1/session"
    async with aiohttp.ClientSession() as session, session.post(url, json={"token": token}) as answer:
        return answer.status


def kept(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def seen(demo: Demo, screen: Terminal) -> str:
    """Return what is shown once the summary is, and end the demo."""
    await screen.wait_for("Ctrl-C stops all")
    shown = screen.text
    demo.process.terminate()
    assert await demo.wait_end() == 0
    return shown


async def test_the_first_demo_on_a_terminal_shows_a_token_that_signs_in_and_the_next_one_says_where_one_is(
    tmp_path: Path,
) -> None:
    routes = write_routes(tmp_path)
    where = f"token      {read_layout(routes).state_dir / 'admin-token'}"
    with terminal() as first, terminal() as second:
        async with started(routes, "--traffic", "off", screen=first) as demo:
            await first.wait_for("Ctrl-C stops all")
            token = first.tokens[0]
            status = await signed_in(routes, token)
            await strangler(routes, "token", "revoke", "demo", "--reason", "test")
            await first.wait_for(where)
            shown = await seen(demo, first)
        async with started(routes, "--traffic", "off", screen=second) as demo:
            later = await seen(demo, second)

    opening, _, page = shown.partition("\x1b[?1049h")
    assert status == 200
    assert f"/   (sign in with this token, shown this once)\ntoken      {token}\n" in opening
    assert "strangler token create NAME --role operator -c " in opening
    assert f"token      {token}" in page
    assert second.tokens == []
    assert later.count(where) == 2
    assert "/   (sign in with the token in this file)" in later
    assert token.encode()[-43:] not in kept(tmp_path)


async def test_where_the_output_may_be_kept_the_demo_shows_no_token(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)

    async with started(routes, "--traffic", "off", "--seconds", "0") as demo:
        await demo.wait_end()

    assert f"token      {read_layout(routes).state_dir / 'admin-token'}\n" in demo.text
    assert "strangler_" not in demo.text
