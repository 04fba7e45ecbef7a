"""What is true of all messages: the other end reads exactly what was sent, or nothing; judged by h11 at both ends."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.backend import Conversation, Received, backend, ok
from tests.support.plane import Wire, config, proxy
from tests.wire.messages import Seen, answers, read_answer, read_requests, requests, spoiled

# Because each example is a proxy with sockets; derandomised, so that a run of CI says what the one before said.
BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _send_cut(wire: Wire, raw: bytes, cuts: list[int]) -> None:
    positions = sorted({cut % (len(raw) + 1) for cut in cuts})
    for start, end in zip([0, *positions], [*positions, len(raw)], strict=True):
        await wire.send(raw[start:end])


async def _rest(wire: Wire) -> bytes:
    got = b""
    try:
        while data := await wire.reader.read(65_536):
            got += data
    except ConnectionResetError:
        pass
    return got


def _seen(received: list[Received]) -> list[Seen]:
    return [Seen((got.method, got.target), got.body) for got in received if got.is_complete]


async def _echo(received: Received, _conversation: Conversation) -> bytes:
    return ok(received.target)


cuts = st.lists(st.integers(0, 500), max_size=6)


@pytest.mark.whole
@given(sent=st.lists(requests(), min_size=1, max_size=3), cuts=cuts)
@BOUNDED
async def test_the_upstream_reads_each_valid_request_as_it_was_sent(
    sent: list[tuple[bytes, Seen]], cuts: list[int]
) -> None:
    async with backend(_echo) as monolith, proxy(config(monolith.port, strict_paths=False)) as running:
        wire = await running.connect()

        await _send_cut(wire, b"".join(raw for raw, _ in sent), cuts)
        answered = [(await wire.answer())[1] for _ in sent]

        assert answered == [seen.line[1] for _, seen in sent]
        assert _seen(monolith.received) == [seen for _, seen in sent]


@pytest.mark.whole
@given(data=st.data(), sent=st.lists(requests(), min_size=1, max_size=3), cuts=cuts)
@BOUNDED
async def test_of_a_spoiled_request_the_upstream_reads_what_another_parser_reads_or_nothing(
    data: st.DataObject, sent: list[tuple[bytes, Seen]], cuts: list[int]
) -> None:
    raw = data.draw(spoiled(b"".join(raw for raw, _ in sent)))
    async with backend(_echo) as monolith, proxy(config(monolith.port, strict_paths=False)) as running:
        wire = await running.connect()

        await _send_cut(wire, raw, cuts)
        wire.writer.write_eof()
        await _rest(wire)

        seen, expected = _seen(monolith.received), read_requests(raw)
        assert seen == expected[: len(seen)]


@pytest.mark.whole
@given(sent=answers(), cuts=cuts)
@BOUNDED
async def test_the_client_reads_each_valid_answer_as_it_was_sent(sent: tuple[bytes, Seen], cuts: list[int]) -> None:
    got = await _through(sent[0], cuts)

    assert read_answer(got) == (sent[1], b"")


@pytest.mark.whole
@given(data=st.data(), sent=answers(), cuts=cuts)
@BOUNDED
async def test_of_a_spoiled_answer_the_client_reads_what_another_parser_reads_or_a_502_or_a_cut(
    data: st.DataObject, sent: tuple[bytes, Seen], cuts: list[int]
) -> None:
    raw = data.draw(spoiled(sent[0]))

    seen, behind = read_answer(await _through(raw, cuts))

    assert behind == b""
    if seen is not None and seen.line != (b"502",):
        assert seen == read_answer(raw)[0]


async def _through(raw: bytes, cuts: list[int]) -> bytes:
    """Return what a client gets when the upstream answers with these bytes and then ends."""
    positions = sorted({cut % (len(raw) + 1) for cut in cuts})

    async def script(_received: Received, conversation: Conversation) -> None:
        pairs = zip([0, *positions], [*positions, len(raw)], strict=True)
        await conversation.send(*(raw[start:end] for start, end in pairs))

    async with backend(script) as monolith, proxy(config(monolith.port)) as running:
        wire = await running.connect()
        await wire.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return await _rest(wire)
