"""Browsers' sessions: how they begin and end, how many there are, and that each port of a host has its own."""

import aiohttp

from strangler.control.operations import Role
from strangler.control.sessions import LIFE_S, MOST, MOST_OF_ONE, Sessions
from tests.control.test_who import OWN, asked, cookie_of, made
from tests.support.surface import TOKEN, served


async def test_a_session_begins_with_a_cookie_that_no_script_reads_and_ends_when_it_is_signed_out() -> None:
    async with served() as client:
        url = f"http://{client.address}/api/v1/session"
        async with client.session.post(url, json={"token": TOKEN}) as answer:
            begun, cookie = await answer.json(), answer.headers["Set-Cookie"]
        held = {"Cookie": cookie.partition(";")[0]}
        during = await asked(client, "GET", "/api/v1/session", None, held)
        out = await asked(client, "DELETE", "/api/v1/session", None, {**held, **OWN})
        after = await asked(client, "GET", "/api/v1/session", None, held)

    assert begun == {"name": "admin-token", "role": "operator", "way": "session", "ends_at": client.clock[0] + LIFE_S}
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        "Max-Age=28800",
        "Path=/",
        "HttpOnly",
        "SameSite=Strict",
    }
    assert (during, out, after) == (200, 204, 401)


async def test_proxies_on_two_ports_of_a_host_sign_nobody_out_of_each_other() -> None:
    async with served() as one, served() as other:
        browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        async with browser:
            for client in (one, other):
                async with browser.post(f"http://{client.address}/api/v1/session", json={"token": TOKEN}) as answer:
                    assert answer.status == 200
            codes = []
            for client in (one, other):
                async with browser.get(f"http://{client.address}/api/v1/status") as answer:
                    codes.append(answer.status)

    assert codes == [200, 200]


async def test_a_browser_that_signs_in_again_leaves_no_session_behind() -> None:
    async with served() as client:
        url = f"http://{client.address}/api/v1/session"
        held = {"Cookie": await cookie_of(client, made(client, "ci", Role.VIEWER))}
        other = {"Cookie": await cookie_of(client, TOKEN)}
        wrong = await asked(client, "POST", "/api/v1/session", {"token": "no"}, {**held, **OWN})
        kept = await asked(client, "GET", "/api/v1/session", None, held)
        async with client.session.post(url, json={"token": TOKEN}, headers={**held, **OWN}) as answer:
            again = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        codes = [await asked(client, "GET", "/api/v1/session", None, one) for one in (held, other, again)]

    assert (wrong, kept) == (401, 200)
    assert codes == [401, 200, 200]


async def test_a_session_is_over_after_a_working_day_and_outlives_a_restart_until_then() -> None:
    async with served() as client:
        held = {"Cookie": await cookie_of(client, TOKEN)}
        again = Sessions(client.store.tokens, now=lambda: client.clock[0])
        kept = again.of(held["Cookie"].partition("=")[2])
        client.clock[0] += LIFE_S
        status = await asked(client, "GET", "/api/v1/status", None, held)

    assert kept is not None
    assert status == 401


async def test_sessions_are_bounded_and_the_oldest_ends_first() -> None:
    async with served() as client:
        sessions = Sessions(client.store.tokens, now=lambda: client.clock[0])
        texts = []
        for number in range(MOST + 1):
            client.clock[0] += 0.001
            texts.append(sessions.begin(f"token {number}")[1])
        kept = client.store.tokens.sessions()

    assert len(kept) == MOST
    assert sessions.of(texts[0]) is None
    assert sessions.of(texts[1]) is not None


async def test_whoever_signs_in_without_end_ends_sessions_of_that_token_alone() -> None:
    async with served() as client:
        sessions = Sessions(client.store.tokens, now=lambda: client.clock[0])
        other = sessions.begin("file:x")[1]
        texts = []
        for _ in range(MOST_OF_ONE + 1):
            client.clock[0] += 0.001
            texts.append(sessions.begin("greedy")[1])
        kept = client.store.tokens.sessions()

    assert (len(kept), sessions.of(other) is not None) == (MOST_OF_ONE + 1, True)
    assert [sessions.of(text) is None for text in texts[:2]] == [True, False]
