"""Bad requests: each is refused with its status and the connection closed, and no upstream sees one."""

import json

import pytest

from tests.support.backend import backend, ok, says
from tests.support.plane import config, field_of, proxy
from tests.wire.corpus import BODIES, CANARY, HEADS, LARGE, SMUGGLED, Bad

OWN_FIELDS = {
    b"content-type", b"content-length", b"cache-control", b"x-request-id", b"connection", b"allow",
}  # fmt: skip
"""All that an answer of the proxy's own may have."""


def _check_refusal(got: bytes, bad: Bad) -> None:
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert int(lines[0].split(b" ")[1]) in bad.statuses
    assert field_of(head, b"connection") == b"close"
    assert {line.partition(b":")[0].lower() for line in lines[1:]} <= OWN_FIELDS
    assert CANARY not in head
    assert json.loads(body)["status"] in bad.statuses


@pytest.mark.parametrize("bad", HEADS, ids=lambda bad: bad.name)
async def test_a_bad_head_is_refused_and_no_upstream_sees_a_byte(bad: Bad) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(bad.raw + SMUGGLED)

        _check_refusal(await wire.rest(), bad)
        assert monolith.connections == 0


@pytest.mark.parametrize("bad", LARGE, ids=lambda bad: bad.name)
async def test_too_large_a_head_is_refused_and_no_upstream_sees_a_byte(bad: Bad) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(bad.raw + SMUGGLED)

        _check_refusal(await wire.rest(), bad)
        assert monolith.connections == 0


@pytest.mark.parametrize("bad", BODIES, ids=lambda bad: bad.name)
async def test_a_body_that_turns_bad_is_refused_and_never_complete_at_the_upstream(bad: Bad) -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(bad.raw + SMUGGLED)

        _check_refusal(await wire.rest(), bad)
        assert [got for got in monolith.received if got.is_complete] == []


@pytest.mark.parametrize("bad", [HEADS[0], HEADS[60], LARGE[0]], ids=lambda bad: bad.name)
async def test_a_bad_request_behind_a_good_one_lets_the_good_one_be_answered(bad: Bad) -> None:
    async with backend(says(ok(b"good"))) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        await wire.send(b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n" + bad.raw + SMUGGLED)

        assert (await wire.answer())[1] == b"good"
        _check_refusal(await wire.rest(), bad)
        assert [got.target for got in monolith.received] == [b"/good"]


async def test_a_client_that_sends_without_end_is_cut_off_and_costs_no_memory() -> None:
    async with backend(says(ok())) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()

        sent = 0
        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        # Because the proxy swallows for a while what comes behind its answer, the end comes when it does no longer.
        while not wire.writer.is_closing() and sent < 64 * 1024 * 1024:
            try:
                wire.writer.write(b"x" * 65_536)
                await wire.writer.drain()
            except ConnectionError:
                break
            sent += 65_536

        assert (await wire.head()).startswith(b"HTTP/1.1 431 ")
        assert monolith.connections == 0
