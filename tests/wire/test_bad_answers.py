"""Bad answers: the client gets a 502 or is cut off, nothing raw reaches it, and nobody's next answer is another's."""

import asyncio
import json

import h11
import pytest

from tests.support.backend import Conversation, Received, Script, backend, ok, says
from tests.support.plane import Proxy, Wire, config, field_of, fields_of, proxy, unchunked
from tests.wire.answers import BODIES, HEADS, STRAYS, BadAnswer

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POISON = ok(b"poison", b"Set-Cookie: stolen=1")


async def _final_head(wire: Wire) -> bytes:
    head = await wire.head()
    while head.startswith(b"HTTP/1.1 103"):
        head = await wire.head()
    return head


async def _check_next(running: Proxy, wire: Wire) -> None:
    """The next requests, on this connection and on others, get their own answers."""
    others = [await running.connect() for _ in range(2)]
    for other in (wire, *others):
        await other.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await other.answer())[1] == b"/next"


def _once(answer: bytes) -> Script:
    async def script(received: Received, conversation: Conversation) -> bytes | None:
        if received.target != b"/x":
            return ok(received.target)
        await conversation.send(answer)
        return None

    return script


@pytest.mark.parametrize("bad", HEADS, ids=lambda bad: bad.name)
async def test_a_bad_head_is_a_502_and_nothing_is_poisoned(bad: BadAnswer) -> None:
    async with backend(_once(bad.raw)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        head = await _final_head(wire)
        body = await wire.exactly(int(field_of(head, b"content-length") or 0))

        assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        assert json.loads(body)["reason"] == "bad_framing"
        assert fields_of(head, b"set-cookie") == fields_of(head, b"x") == []
        assert running.counts() == {("", "legacy", "bad_framing"): 1}
        await _check_next(running, wire)


@pytest.mark.parametrize("bad", BODIES, ids=lambda bad: bad.name)
async def test_a_body_that_turns_bad_is_cut_and_never_looks_complete(bad: BadAnswer) -> None:
    async with backend(_once(bad.raw)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        got = await _until_cut(wire)

        head, _, body = got.partition(b"\r\n\r\n")
        is_complete = False
        if field_of(head, b"transfer-encoding") is not None:
            body, is_complete = unchunked(body)
        assert not is_complete
        assert fields_of(got, b"x") == []
        assert (
            sum(count for (_, _, outcome), count in running.counts().items() if outcome in ("bad_framing", "reset"))
            == 1
        )
        await _check_next(running, await running.connect())


async def _until_cut(wire: Wire) -> bytes:
    got = b""
    try:
        while data := await wire.reader.read(65_536):
            got += data
    except ConnectionResetError:
        pass
    return got


@pytest.mark.parametrize(("name", "answer"), STRAYS, ids=[name for name, _ in STRAYS])
async def test_what_comes_behind_an_answer_never_becomes_the_next_one(name: str, answer: bytes) -> None:
    async def script(received: Received, conversation: Conversation) -> bytes | None:
        if received.target != b"/x":
            return ok(received.target)
        conversation.writer.write(answer + POISON)
        return b""

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        head = await wire.head()
        if field_of(head, b"transfer-encoding") is not None:
            assert await wire.chunks() == (b"ok", [])
        elif head.startswith(b"HTTP/1.1 200"):
            assert await wire.exactly(2) == b"ok"
        await _check_next(running, wire)


async def test_a_body_behind_an_answer_to_head_never_becomes_the_next_answer() -> None:
    async def script(received: Received, conversation: Conversation) -> bytes | None:
        if received.method != b"HEAD":
            return ok(received.target)
        conversation.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(POISON) + POISON)
        return b""

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET.replace(b"GET", b"HEAD"))
        await wire.head()

        await _check_next(running, wire)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.0 200 OK\r\nConnection: x\r\n"],
)
async def test_a_connection_that_the_upstream_is_about_to_close_is_not_used_again(head: bytes) -> None:
    async with (
        backend(says(head + b"Content-Length: 2\r\n\r\nok")) as monolith,
        proxy(config(monolith.port)) as running,
    ):
        wire = await running.connect()
        for _ in range(3):
            await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            assert (await wire.answer())[1] == b"ok"

        assert (len(monolith.received), monolith.connections) == (3, 3)


@pytest.mark.parametrize("framing", [b"Content-Length: 40", b"Transfer-Encoding: chunked"])
async def test_a_connection_whose_204_announces_a_body_is_not_used_again(framing: bytes) -> None:
    answer = b"HTTP/1.1 204 No Content\r\n" + framing + b"\r\n\r\n"
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        for _ in range(2):
            await wire.send(GET)
            assert await wire.head() == b"HTTP/1.1 204 No Content\r\n\r\n"

        assert (len(monolith.received), monolith.connections) == (2, 2)


@pytest.mark.parametrize("bad", [bad for bad in BODIES if len(bad.raw) > 100_000], ids=lambda bad: bad.name)
async def test_framing_without_end_is_cut_while_the_upstream_still_sends(bad: BadAnswer) -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(bad.raw)
        await conversation.reader.read(1)

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        await asyncio.wait_for(_until_cut(wire), 10)

        assert running.counts() == {("", "legacy", "bad_framing"): 1}


async def test_the_version_of_a_final_answer_is_not_that_of_an_interim_one() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        for _ in range(2):
            await wire.send(GET)
            await wire.head()
            assert (await wire.answer())[1] == b"ok"

        assert (len(monolith.received), monolith.connections) == (2, 2)


async def test_an_interim_answer_carries_no_length_to_the_client() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: </a>\r\n\r\n" + ok(b"final")
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)

        assert await wire.head() == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        assert (await wire.answer())[1] == b"final"


async def test_trailers_that_frame_or_authenticate_do_not_pass() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=1\r\n"
        b"Connection: close\r\nX-Forwarded-For: 1.1.1.1\r\nContent-Type: text/html\r\nHost: b\r\n\r\n"
    )
    async with backend(says(answer)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        await wire.head()

        assert await wire.chunks() == (b"ok", [b"X-Sum: 1"])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 caf\xe9 au lait\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0002 \r\n\r\nok",
        b"HTTP/1.1 299 Odd\r\nTransfer-Encoding: Chunked\r\n\r\n0002;a=b\r\nok\r\n000\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Empty:\r\nX-Tab: a\tb\r\nX-Latin: \xe9\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_what_is_merely_unusual_passes_and_another_parser_reads_it(answer: bytes) -> None:
    async def script(_received: Received, conversation: Conversation) -> None:
        await conversation.send(answer)

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method="GET", target="/x", headers=[("Host", "a")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(await wire.rest())
        reader.receive_data(b"")
        events = [reader.next_event()]
        while not isinstance(events[-1], h11.EndOfMessage):
            events.append(reader.next_event())

        assert isinstance(events[0], h11.Response)
        assert events[0].status_code in (200, 299)
        assert b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data)) == b"ok"
