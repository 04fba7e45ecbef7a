"""The past and the stream of what is new, over a real socket."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from strangler.control import answers, history, historyapi, stream
from strangler.control.journal import Headline
from strangler.control.operations import Role
from strangler.core.model import Side
from strangler.core.outcome import Outcome
from strangler.core.tally import Tally
from tests.control.test_who import OWN, asked, bearer, cookie_of, made
from tests.support.surface import TOKEN, Client, served
from tests.support.waiting import until


def count(client: Client, route: str, requests: int = 1) -> None:
    tally = Tally(route=route, side=Side.LEGACY, outcomes=((Outcome.OK_2XX, requests),), latency=(), seconds=0.0)
    client.surface.history.count([tally])


async def test_the_last_hour_is_told_with_what_was_done_meanwhile() -> None:
    async with served() as client:
        count(client, "pay", 3)
        count(client, "read")
        await client.ask("POST", "/api/v1/guards/pay/trip", {"reason": "it looks wrong"})

        code, found = await client.ask("GET", "/api/v1/history?routes=pay,nobody")

    assert code == 200
    assert {name: sides["legacy"]["requests"] for name, sides in found["routes"].items()} == {"pay": [3]}
    assert [(mark["what"], mark["subject"], mark["who"]) for mark in found["marks"]] == [
        ("trip", "pay", "admin-token"),
        ("trip", "read", "admin-token"),
    ]


async def test_a_long_history_is_sent_in_pieces_and_none_before_the_one_before_was_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "PIECE_BYTES", 1_000)
    async with served() as client:
        for number in range(50):
            count(client, f"r{number}")
        url = f"http://{client.address}/api/v1/history"
        async with client.session.get(url, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            lengths, body = [0], b""
            async for data, is_end in answer.content.iter_chunks():
                lengths[-1] += len(data)
                body += data
                lengths += [0] if is_end else []
        tag, head = answer.headers["ETag"], await asked(client, "HEAD", "/api/v1/history", None, bearer(TOKEN))

    assert len([length for length in lengths if length]) == 5
    assert max(lengths) < 1_200
    assert len(json.loads(body)["routes"]) == 50
    assert (tag, head) == (client.truth.tag, 200)


async def test_who_reads_no_more_of_a_long_history_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "WRITE_S", 0.05)
    async with served() as client:
        for number in range(400):
            count(client, f"{number:0>20000}")
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port, limit=2**10)
        who = f"Host: {client.address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        writer.write(f"GET /api/v1/history HTTP/1.1\r\n{who}".encode())
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: client.door.reading().connections == 0, what="it is let go")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(10**9)
        writer.close()


async def test_a_history_whose_marks_cannot_be_read_is_a_problem_and_no_half_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served() as client:
        count(client, "pay")
        client.store.close()
        code, found = await client.ask("GET", "/api/v1/history")

    assert (code, found["title"]) == (503, "store")


@pytest.mark.parametrize(
    "query",
    [
        "span=week",
        "since=soon",
        "since=nan",
        "since=inf",
        "routes=" + ",".join(["a"] * 101),
        "span=hour&span=day",
        "more=1",
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(query: str) -> None:
    async with served() as client:
        code, found = await client.ask("GET", f"/api/v1/history?{query}")

    assert (code, found["title"]) == (400, "bad_query")


async def test_the_stream_has_no_content_for_head_and_nobody_listens_by_it() -> None:
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        who = f"Host: {client.address}\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"HEAD /api/v1/stream HTTP/1.1\r\n{who}\r\nGET /healthz HTTP/1.1\r\n{who}\r\n".encode())
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        await client.surface.stream.tick()
        second = await asyncio.wait_for(reader.readline(), 20)
        listeners = client.surface.stream.listeners
        writer.close()

    assert b"text/event-stream" in first
    assert (second, listeners) == (b"HTTP/1.1 200 OK\r\n", 0)


async def is_forgotten(client: Client) -> bool:
    """Return whether nobody listens any more, once all were told something."""
    await client.surface.stream.tick()
    return not client.surface.stream.listeners


class Page:
    """What an open page has read of the stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.status = answer.status

    async def event(self) -> tuple[str, Any]:
        name, data = "", ""
        while True:
            line = (await asyncio.wait_for(self.answer.content.readuntil(b"\n"), 20)).decode()
            assert line.endswith("\n"), "the stream has ended"
            field, _, value = line.rstrip("\n").partition(": ")
            if not field and data:
                return name, json.loads(data)
            name, data = value if field == "event" else name, value if field == "data" else data

    async def left(self) -> bytes:
        return await asyncio.wait_for(self.answer.content.read(), 20)


def listening(client: Client, query: str = "", **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {client.token}", **headers}
    return client.session.get(f"http://{client.address}/api/v1/stream{query}", headers=sent)


async def test_a_page_is_told_everything_and_then_what_is_done() -> None:
    async with served() as client, listening(client) as answer:
        page = Page(answer)
        first = [await page.event(), await page.event()]

        await client.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "incident 7"})

        name, mark = await page.event()

    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert [event[0] for event in first] == ["hello", "state"]
    assert first[1][1]["tag"].startswith('"')
    assert (name, mark["what"], mark["why"]) == ("mark", "kill", "incident 7")


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_page_that_comes_back_is_told_what_it_missed(way: str) -> None:
    async with served() as client:
        for number in range(3):
            await client.ask("POST", "/api/v1/kill", {"is_on": number % 2 == 0, "reason": str(number)})
        given = {"Last-Event-ID": "other-1"} if way == "header" else {}

        async with listening(client, "" if given else "?last=other-1", **given) as answer:
            page = Page(answer)
            told = [await page.event() for _ in range(4)]

    assert [data["why"] for name, data in told if name == "mark"] == ["1", "2"]


async def test_nobody_listens_without_a_token() -> None:
    async with served() as client:
        code, _ = await client.ask("GET", "/api/v1/stream", Authorization="")

    assert code == 401


async def refusal(client: Client) -> tuple[int, str, int]:
    """Return status and title of one page more, and what HEAD says of it."""
    status, found = await client.ask("GET", "/api/v1/stream")
    return status, found["title"], await asked(client, "HEAD", "/api/v1/stream", None, bearer(TOKEN))


@pytest.mark.parametrize(("bound", "status"), [("MOST_LISTENERS", 503), ("MOST_OF_ONE", 429)])
async def test_one_page_too_many_is_refused_and_one_that_closed_makes_room(
    monkeypatch: pytest.MonkeyPatch, bound: str, status: int
) -> None:
    monkeypatch.setattr(stream, bound, 1)
    async with served() as client:
        before = await asked(client, "HEAD", "/api/v1/stream", None, bearer(TOKEN))
        async with listening(client) as answer:
            refused = await refusal(client)
            answer.close()
        await until(lambda: is_forgotten(client), what="the closed page is forgotten")

        async with listening(client) as again:
            name, _ = await Page(again).event()

    assert (before, refused) == (200, (status, "too_many_pages", status))
    assert client.surface.stream.dropped == 0
    assert name == "hello"


async def test_sessions_of_one_token_share_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OF_ONE", 1)
    async with served() as client:
        token = made(client, "rita", Role.VIEWER)
        held = [{"Authorization": "", "Cookie": await cookie_of(client, token)} for _ in range(2)]
        async with listening(client, **held[0]) as answer:
            await Page(answer).event()
            refused = await asked(client, "GET", "/api/v1/stream", None, held[1])
            async with listening(client) as other:
                name, _ = await Page(other).event()

    assert (refused, name) == (429, "hello")


@pytest.mark.parametrize("way", ["revoked", "signed out"])
async def test_who_may_not_listen_any_more_is_told_so_and_let_go_at_once(way: str) -> None:
    async with served() as client:
        token = made(client, "rita", Role.VIEWER)
        held = {"Authorization": "", "Cookie": await cookie_of(client, token)}
        async with listening(client, **held) as answer:
            page = Page(answer)
            await page.event()
            await page.event()

            # Because nothing ticks here, what ends it is this alone.
            if way == "revoked":
                await client.ask("POST", "/api/v1/tokens/rita/revoke", {"reason": "she has left"})
            else:
                assert await asked(client, "DELETE", "/api/v1/session", None, {**held, **OWN}) == 204
            name, told = await page.event()
            left = await page.left()
        listeners = client.surface.stream.listeners

    why = "The token `rita` was revoked at" if way == "revoked" else "the session has ended"
    assert (name, told["is_out"], told["why"].startswith(why)) == ("bye", True, True)
    assert (left, listeners) == (b"", 0)


async def test_who_listens_with_a_token_that_expires_is_told_nothing_after() -> None:
    async with served() as client:
        token = made(client, "rita", Role.VIEWER, for_s=60.0)
        async with listening(client, **bearer(token)) as answer:
            page = Page(answer)
            await page.event()
            await page.event()
            client.clock[0] += 60.0

            await client.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "a secret"})

            name, told = await page.event()
            left = await page.left()

    assert (name, left) == ("bye", b"")
    assert told["why"].startswith("The token `rita` expired at")


async def test_one_who_signs_out_ends_no_other_page() -> None:
    async with served() as client, listening(client) as answer:
        page = Page(answer)
        await page.event()
        await page.event()
        held = {"Cookie": await cookie_of(client, TOKEN)}
        await asked(client, "DELETE", "/api/v1/session", None, {**held, **OWN})

        await client.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "incident 7"})

        assert (await page.event())[0] == "mark"


async def test_a_page_that_reads_nothing_is_let_go_and_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(historyapi, "WRITE_S", 0.05)
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port, limit=2**10)
        writer.write(
            f"GET /api/v1/stream HTTP/1.1\r\nHost: {client.address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        await reader.readuntil(b"event: hello")

        def is_forgotten() -> bool:
            client.surface.stream.follow(mark)
            return client.surface.stream.listeners == 0

        mark = Headline(seq=1, at=0.0, who="ann", what="flag", subject="pay", why="x" * 1_000_000)
        await until(is_forgotten, what="the page that reads nothing is forgotten")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(10**9)
        writer.close()


async def test_at_the_end_every_page_is_told_so_and_closed() -> None:
    async with served() as client, listening(client) as answer:
        page = Page(answer)
        await page.event()
        await page.event()

        client.surface.stream.close()

        assert await page.event() == ("bye", {"why": "the proxy is stopping", "is_out": False})
        assert await page.left() == b""
