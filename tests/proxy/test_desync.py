"""What would put a connection out of step: both sides must agree where a message ends, whatever came before."""

import asyncio
import socket
from struct import pack

import pytest

from strangler.core.model import ListenerLimits
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import config, proxy

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n"


async def test_an_answer_of_unknown_length_that_is_cut_is_a_reset_to_a_1_0_client() -> None:
    async def cut(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    async with backend(cut) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET /x HTTP/1.0\r\n\r\n")

        with pytest.raises(ConnectionResetError):
            await wire.rest()


async def test_a_304_without_a_length_has_no_body_and_the_next_answer_follows_it() -> None:
    unchanged = b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
    async with backend(says(unchanged)) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET + GET)
        first, second = await wire.head(), await wire.head()

        assert (first[:13], second[:13]) == (b"HTTP/1.1 304 ", b"HTTP/1.1 304 ")
        assert b"ransfer" not in first


async def test_a_connection_whose_upstream_did_not_ask_for_the_body_is_not_used_again() -> None:
    async with backend(says(ok(b"no"))) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
        await wire.answer()
        await wire.send(GET)
        await wire.answer()

        assert monolith.connections == 2


@pytest.mark.parametrize("protocol", [b"", b",", b" , "])
async def test_an_upgrade_to_nothing_is_not_passed_on(protocol: bytes) -> None:
    async with backend(says(ok(b"plain"))) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(UPGRADE % protocol + GET)
        await wire.answer()
        await wire.answer()

        assert [got.values(b"upgrade") for got in monolith.received] == [[], []]


async def test_a_switch_that_does_not_say_so_in_connection_is_bad_framing() -> None:
    async def switch(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\nwelcome")
        await conversation.reader.read(1)

    async with backend(switch) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(UPGRADE % b"chat")

        assert (await wire.head()).startswith(b"HTTP/1.1 502 ")


async def test_a_request_behind_one_whose_body_is_too_large_is_not_carried_out() -> None:
    limits = ListenerLimits(body_bytes=4)
    async with backend(says(ok())) as monolith, proxy(config(monolith.port, limits=limits)) as running:
        wire = await running.connect()

        await wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + GET)

        assert (await wire.rest()).count(b"HTTP/1.1 413 ") == 1
        assert monolith.received == []


async def test_an_answer_that_its_upstreams_end_delimits_is_not_whole_after_a_reset() -> None:
    async def give_up(_received: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await has_come.wait()
        conversation.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))

    has_come = asyncio.Event()
    async with backend(give_up) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(GET)
        await wire.head()
        has_come.set()

        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(wire.reader.readuntil(b"0\r\n\r\n"), 10)
