"""What a worker notes of writes for both sides: before, while and after, whatever becomes of them."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strangler.core.divergence import Why
from strangler.core.model import Fallback, Idempotency, Side
from strangler.core.shadowing import Credentials, Shadow, ShadowMode
from strangler.core.shares import Overrides
from strangler.core.tally import WRITES_UNLISTED
from strangler.core.writelog import Answered, Begun, Doubted, Event, unpack_answered, unpack_begun, unpack_doubted
from strangler.proxy import writelog
from strangler.proxy.writelog import WriteLog
from strangler.vault.stream import StreamReader
from strangler.vault.vault import Vault
from tests.support.backend import Backend, Conversation, Received, backend, ok, says
from tests.support.plane import Proxy, config, proxy, route
from tests.support.waiting import until

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
POST = b"POST /pay/7?x=1 HTTP/1.1\r\nHost: shop.example\r\nX-User-Id: u\r\nContent-Length: 4\r\n%b\r\nbody"


@dataclass(slots=True)
class Noted:
    """What the files say of one write."""

    begun: Begun
    body: bytes = b""
    events: list[Event] = field(default_factory=list)
    answered: Answered | None = None
    doubted: Doubted | None = None


def noted(folder: Path) -> list[Noted]:
    """Return what was noted so far, by the order in which writes began."""
    found: list[Noted] = []
    for path in sorted((folder / "writes").glob("*.log")):
        with closing(StreamReader(path, Vault(folder))) as reader:
            writes: dict[bytes, Noted] = {}
            for record in reader.read(100_000_000):
                number, content = record.content[:4], record.content[4:]
                match Event(record.kind):
                    case Event.BEGUN:
                        writes[number] = Noted(unpack_begun(content))
                    case Event.PIECE:
                        writes[number].body += content
                    case Event.ANSWERED:
                        writes[number].answered = unpack_answered(content)
                    case Event.DOUBTED:
                        writes[number].doubted = unpack_doubted(content)
                    case Event.VOID:
                        assert content == b""
                writes[number].events.append(Event(record.kind))
            found += writes.values()
    return found


def ends(write: Noted) -> list[Event]:
    """Return what was noted but for the body."""
    return [event for event in write.events if event is not Event.PIECE]


def declared(*, fallback: Fallback = Fallback.OFF, idempotency: Idempotency | None = None, **more: Any) -> Any:
    shadow = Shadow(**{"mode": ShadowMode.BOTH, "writes": True, **more})
    return route("pay", "/pay/{rest...}", shadow=shadow, fallback=fallback, idempotency=idempotency, share=0)


def moved(**more: Any) -> Any:
    return route("pay", "/pay/{rest...}", shadow=Shadow(mode=ShadowMode.BOTH, writes=True), share=10_000, **more)


@asynccontextmanager
async def noting(
    folder: Path, monolith: Backend | int, *routes: Any, extracted: int = 1, **more: Any
) -> AsyncIterator[Proxy]:
    port = monolith if isinstance(monolith, int) else monolith.port
    async with proxy(config(port, extracted, *routes, **more)) as running:
        running.plane.writes = WriteLog(folder, lambda event, fields: running.notices.append((event, fields)))
        yield running


async def post(running: Proxy, request: bytes = POST % b"") -> bytes:
    wire = await running.connect()
    await wire.send(request)
    head, _ = await wire.answer()
    return head


async def test_a_write_is_noted_before_it_leaves_and_before_its_client_has_the_answer(tmp_path: Path) -> None:
    seen: list[list[Event]] = []

    async def look(_: Received, _conversation: Conversation) -> bytes:
        seen.append(ends(noted(tmp_path)[0]))
        return CREATED

    async with backend(look) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running, POST % b"Authorization: Bearer t0ken\r\nidempotency-KEY: k1\r\n")
        (write,) = noted(tmp_path)
    assert seen == [[Event.BEGUN]]
    assert (ends(write), write.body) == ([Event.BEGUN, Event.ANSWERED], b"body")
    begun, answered = write.begun, write.answered
    assert answered is not None
    assert (answered.status, answered.held, answered.has_body) == (201, None, True)
    assert (begun.route, begun.primary, begun.method, begun.target) == ("pay", Side.LEGACY, b"POST", b"/pay/7?x=1")
    assert (begun.host, begun.key) == (b"shop.example", b"k1")
    assert b"X-User-Id: u" in begun.headers
    assert b"t0ken" not in begun.headers
    assert begun.credentials


async def test_no_credential_stands_in_a_file_in_any_readable_form(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running, POST % b"Authorization: Bearer t0ken\r\nCookie: sid=c00kie\r\nX-Api-Key: a-p-i\r\n")
        (write,) = noted(tmp_path)
    everything = b"".join(path.read_bytes() for path in (tmp_path / "writes").glob("*.log"))
    everything += (tmp_path / "vault.keys").read_bytes()
    for secret in (b"t0ken", b"c00kie", b"a-p-i"):
        assert secret not in everything
        assert secret not in repr(write.begun).encode()


async def test_credentials_that_the_route_removes_are_not_sent_on_at_all(tmp_path: Path) -> None:
    removing = declared(credentials=Credentials.REMOVE)
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, removing) as running:
        await post(running, POST % b"Authorization: Bearer t0ken\r\nCookie: sid=c00kie\r\nX-Api-Key: a\r\n")
        (write,) = noted(tmp_path)
    assert write.begun.credentials == b""
    assert b"Api-Key" not in write.begun.headers
    assert b"00kie" not in write.begun.headers
    assert b"X-Forwarded-For" in write.begun.headers


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
async def test_a_read_is_not_noted(tmp_path: Path, method: bytes) -> None:
    async with backend(says(ok(b""))) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running, method + b" /pay/7 HTTP/1.1\r\nHost: a\r\nX-User-Id: u\r\n\r\n")
    assert not noted(tmp_path)


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE", b"PURGE"])
@pytest.mark.parametrize("mode", ShadowMode)
async def test_without_the_declaration_nothing_is_noted(tmp_path: Path, method: bytes, mode: ShadowMode) -> None:
    undeclared = route("pay", "/pay/{rest...}", shadow=Shadow(mode=mode))
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, undeclared) as running:
        await post(running, POST.replace(b"POST", method) % b"")
    assert not (tmp_path / "writes").exists()


@pytest.mark.parametrize("status", [b"400", b"404", b"409", b"500", b"503"])
async def test_what_the_answering_side_refused_is_void(tmp_path: Path, status: bytes) -> None:
    answer = CREATED.replace(b"201", status)
    async with backend(says(answer)) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running)
    assert [ends(write) for write in noted(tmp_path)] == [[Event.BEGUN, Event.VOID]]


async def test_what_never_left_is_void(tmp_path: Path) -> None:
    async with noting(tmp_path, 1, declared()) as running:
        assert b"502" in await post(running)
    assert [ends(write) for write in noted(tmp_path)] == [[Event.BEGUN, Event.VOID]]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_what_left_and_was_not_answered_whole_is_doubted(tmp_path: Path, answer: bytes) -> None:
    async def break_off(_: Received, conversation: Conversation) -> None:
        await conversation.send(answer)

    async with backend(break_off) as monolith, noting(tmp_path, monolith, declared()) as running:
        wire = await running.connect()
        await wire.send(POST % b"")
        await until(lambda: bool(noted(tmp_path)) and Event.DOUBTED in noted(tmp_path)[0].events)
    (write,) = noted(tmp_path)
    assert (ends(write), write.body) == ([Event.BEGUN, Event.DOUBTED], b"body")
    assert write.doubted == Doubted(has_body=True)


async def test_a_client_that_leaves_before_the_answer_leaves_a_doubt(tmp_path: Path) -> None:
    async def hang(_: Received, _conversation: Conversation) -> None:
        await asyncio.Event().wait()

    async with backend(hang) as monolith, noting(tmp_path, monolith, declared()) as running:
        wire = await running.connect()
        await wire.send(POST % b"")
        await asyncio.wait_for(monolith.arrived.wait(), 10)
        wire.reset()
        await until(lambda: len(ends(noted(tmp_path)[0])) == 2)
    assert ends(noted(tmp_path)[0]) == [Event.BEGUN, Event.DOUBTED]


async def test_half_a_request_is_void(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        wire = await running.connect()
        await wire.send((POST % b"")[:-2])
        await until(lambda: bool(noted(tmp_path)) and noted(tmp_path)[0].body == b"bo")
        wire.reset()
        await until(lambda: Event.VOID in noted(tmp_path)[0].events)


async def test_a_body_over_the_bound_reaches_its_side_and_is_held(tmp_path: Path) -> None:
    small = declared(max_body_bytes=3)
    chunked = (
        b"POST /pay/7 HTTP/1.1\r\nHost: a\r\nX-User-Id: u\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    )
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, small) as running:
        for request in (POST % b"", chunked):
            assert b"201" in await post(running, request)
    assert [received.body for received in monolith.received] == [b"body", b"body"]
    for write in noted(tmp_path):
        assert write.answered is not None
        assert (write.answered.held, write.answered.has_body) == (Why.BODY_TOO_LARGE, False)
        assert len(write.body) <= 3


async def test_a_request_that_waited_behind_another_is_noted_whole(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        wire = await running.connect()
        await wire.send((POST % b"") * 2)
        for _ in range(2):
            await wire.answer()
    assert [(write.body, ends(write)) for write in noted(tmp_path)] == [(b"body", [Event.BEGUN, Event.ANSWERED])] * 2


async def test_what_another_proxy_sends_on_is_held(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running, POST % b"X-Strangler-Shadow: 1\r\n")
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert write.answered.held is Why.MARKED


async def test_while_the_kill_switch_is_on_writes_are_held(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        running.apply(config(monolith.port, 1, declared()), overrides=Overrides(is_killed=True))
        await post(running)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert (write.begun.primary, write.answered.held, write.body) == (Side.LEGACY, Why.KILLED, b"body")


async def test_an_answer_before_the_end_of_the_request_is_held(tmp_path: Path) -> None:
    async with backend(says(CREATED), on_head=True) as monolith, noting(tmp_path, monolith, declared()) as running:
        wire = await running.connect()
        await wire.send((POST % b"")[:-2])
        await wire.answer()
        await until(lambda: Event.ANSWERED in noted(tmp_path)[0].events)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert (write.answered.held, write.answered.has_body) == (Why.INCOMPLETE, False)


async def test_an_answer_in_place_of_a_side_that_could_not_be_reached_is_the_monoliths(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, moved()) as running:
        assert b"201" in await post(running)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    answered = write.answered
    assert (write.begun.primary, answered.is_instead, answered.held) == (Side.EXTRACTED, True, None)
    assert write.body == b"body"


async def test_an_answer_in_place_of_a_side_that_has_the_request_is_doubted(tmp_path: Path) -> None:
    async def leave(_: Received, _conversation: Conversation) -> None:
        return None

    route = moved(fallback=Fallback.DECLARED)
    async with (
        backend(says(CREATED)) as monolith,
        backend(leave) as extracted,
        noting(tmp_path, monolith, route, extracted=extracted.port) as running,
    ):
        assert b"201" in await post(running)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert (write.answered.held, write.answered.has_body) == (Why.FALLBACK, True)


async def test_a_fallback_of_a_side_whose_writes_are_not_sent_on_is_noted_too(tmp_path: Path) -> None:
    only_before = route("pay", "/pay/{rest...}", shadow=Shadow(writes=True), share=10_000)
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, only_before) as running:
        await post(running)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert (write.begun.primary, write.answered.held, write.body) == (Side.LEGACY, None, b"body")


async def test_a_disk_without_room_costs_no_client_anything_and_is_told_and_counted(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        try:
            head = await post(running)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert running.plane.counters()[WRITES_UNLISTED] == 1
    assert b"201" in head
    assert "write_unlisted" in [event for event, _ in running.notices]


async def test_a_body_of_which_a_piece_found_no_room_is_held_also_when_there_is_room_for_what_follows(
    tmp_path: Path,
) -> None:
    body = b"x" * 5_000
    request = b"POST /pay/7 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5000\r\n\r\n" + body
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def make_room(_: Received, _conversation: Conversation) -> bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        return CREATED

    async with backend(make_room) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running)
        (file,) = (tmp_path / "writes").glob("*.log")
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 2_000, limits[1]))
        try:
            head = await post(running, request)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        received = monolith.received[-1].body
    write = noted(tmp_path)[1]
    assert (b"201" in head, received) == (True, body)
    assert len(write.body) < len(body)
    assert write.answered is not None
    assert (write.answered.held, write.answered.has_body) == (Why.JOURNAL_FULL, False)


async def test_when_too_much_waits_first_bodies_and_then_writes_are_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writelog, "MOST_BYTES", 3_000)
    monkeypatch.setattr(writelog, "MOST_HEADS", 3_000)
    async with backend(says(CREATED)) as monolith, noting(tmp_path, monolith, declared()) as running:
        for _ in range(15):
            assert b"201" in await post(running)
        unlisted = running.plane.counters()[WRITES_UNLISTED]
    helds = [write.answered.held for write in noted(tmp_path) if write.answered is not None]
    full = helds.count(Why.JOURNAL_FULL)
    assert helds == [None] * (len(helds) - full) + [Why.JOURNAL_FULL] * full
    assert full > 0
    assert unlisted > 0
    assert len(helds) + unlisted == 15


async def test_files_are_ended_and_others_begun_and_room_comes_back_as_they_go(tmp_path: Path) -> None:
    log = WriteLog(tmp_path, lambda _event, _fields: None)
    begun = noted_begin()

    first, _ = log.begin(begun, 0.0) or pytest.fail("not noted")
    log.sweep(writelog.FILE_S)
    second, _ = log.begin(begun, writelog.FILE_S) or pytest.fail("not noted")

    assert first is not second
    with closing(StreamReader(first.stream.path, Vault(tmp_path))) as reader:
        assert not reader.is_abandoned()
        first.leave()
        assert reader.is_abandoned()
    second.leave()
    log.close()


def noted_begin() -> Begun:
    return Begun(
        route="pay",
        primary=Side.LEGACY,
        method=b"POST",
        target=b"/",
        host=b"",
        headers=b"",
        credentials=b"",
        key=b"",
        request_id=b"id",
        trace=b"",
        connection=1,
        at=0.0,
    )
