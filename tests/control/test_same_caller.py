"""Pages of one browser share its cookie: what one of them sends for somebody else is refused."""

import aiohttp

from strangler.control.operations import Role
from tests.control.test_who import KILL, OWN, PROXY, asked, cookie_of, made
from tests.support.surface import TOKEN, Client, served


async def refused(client: Client, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Return what a pull of the kill switch is answered with."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as browser,
        browser.post(f"http://{client.address}/api/v1/kill", json=KILL, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_page_changes_nothing_for_somebody_else_than_it_was_shown_to() -> None:
    async with served(access=PROXY) as client:
        cookie = await cookie_of(client, made(client, "bob", Role.VIEWER))
        known: list[tuple[dict[str, str], str]] = [
            ({"Cookie": await cookie_of(client, TOKEN)}, "admin-token"),
            ({"X-Forwarded-User": "ann"}, "user%3Aann"),
        ]
        statuses = [
            await asked(
                client, "POST", "/api/v1/kill", KILL, {**who, **OWN, "If-Match": "*", "X-Strangler-Caller": name}
            )
            for who, own in known
            for name in (own, "token%3Abob", "", "%ff")
        ]
        sent = {"Cookie": cookie, **OWN, "If-Match": "*", "X-Strangler-Caller": "admin-token"}
        code, told = await refused(client, sent)
        signed_out = await asked(client, "DELETE", "/api/v1/session", None, sent)
        read = await asked(client, "GET", "/api/v1/session", None, sent)

    assert statuses == [200, 403, 403, 403] * 2
    assert (code, told["title"]) == (403, "other_caller")
    assert told["detail"].startswith("This browser is signed in as token:bob by now, so nothing was done.")
    assert (signed_out, read) == (403, 200)
