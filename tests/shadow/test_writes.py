"""Sending writes on: as they were, once, and what is not on both sides is told until it is kept."""

import asyncio
import resource
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import pytest

from strangler.core.divergence import DivergenceKind, Verdict, Why
from strangler.core.model import Idempotency, Side, Timeouts
from strangler.core.shadowing import Credentials, Redirects, Replacement, Shadow
from strangler.shadow import writes as module
from strangler.shadow.writes import LATE_S
from tests.shadow.writing import CREATED, bench_of, pay
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.waiting import until


async def test_a_write_is_sent_as_it_was_with_its_mark_and_a_key_of_that_side(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        headers = b"X-User-Id: u\r\nIdempotency-Key: k1\r\nX-Twice: 1\r\nX-Twice: 2"
        bench.write(key=b"k1", headers=headers, connection=1)
        bench.write(key=b"k1", connection=1)
        bench.write(b"", method=b"DELETE", connection=1)
        await bench.until_idle()
        assert bench.writes.take_counts() == {"pay": 3}
    first, second, third = extracted.received
    assert (first.method, first.target, first.body) == (b"POST", b"/pay/7?x=1", b"body")
    assert (first.values(b"X-Twice"), first.values(b"Host")) == ([b"1", b"2"], [b"shop.example"])
    assert (first.values(b"X-Request-Id"), first.values(b"X-Strangler-Shadow")) == ([b"r1"], [b"1"])
    (key,) = first.values(b"Idempotency-Key")
    assert key.startswith(b"strangler-extracted-")
    assert second.values(b"Idempotency-Key") == [key]
    assert third.values(b"Idempotency-Key") != [key]
    assert (third.method, third.body) == (b"DELETE", b"")
    assert bench.told == []


async def test_credentials_are_sent_on_by_whoever_knows_the_workers_secret(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(credentials=bench.log.seal(b"Authorization: Bearer t0ken\r\nCookie: a=b"))
        bench.writes.look()
        await asyncio.sleep(0)
        bench.writes.take_secret(bench.log.worker, bench.log.secret)
        await bench.until_idle()
    (received,) = extracted.received
    assert received.values(b"Authorization") == [b"Bearer t0ken"]
    assert received.values(b"Cookie") == [b"a=b"]


async def test_without_the_secret_of_a_worker_that_is_gone_nothing_is_sent(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(credentials=bench.log.seal(b"Authorization: Bearer t0ken"))
        bench.log.close()
        await bench.until_idle()
    assert [one.why for one in bench.told] == [Why.NO_CREDENTIALS]
    assert not extracted.received


@pytest.mark.parametrize("held", [Why.KILLED, Why.MARKED, Why.BODY_TOO_LARGE, Why.JOURNAL_FULL])
async def test_what_is_held_is_told_and_not_sent(tmp_path: Path, held: Why) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(held=held)
        await bench.until_idle()
    (listed,) = bench.told
    assert (listed.why, listed.kind, listed.path, listed.primary_status) == (
        held,
        DivergenceKind.NOT_SENT,
        "/pay/7",
        201,
    )
    assert not extracted.received


@pytest.mark.parametrize("status", [b"302", b"400", b"409", b"422", b"500", b"503"])
async def test_a_side_that_says_no_is_told_as_failed_and_never_asked_again(tmp_path: Path, status: bytes) -> None:
    async with backend(says(CREATED.replace(b"201", status))) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        await bench.until_idle()
    (listed,) = bench.told
    assert (listed.why, listed.status, listed.kind) == (Why.STATUS, int(status), DivergenceKind.FAILED)
    assert len(extracted.received) == 1
    write = bench.content(listed)
    assert (write.body, write.target, write.key, write.status) == (b"body", b"/pay/7?x=1", b"", 201)
    assert write.other_key == extracted.received[0].values(b"Idempotency-Key")[0]


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH"])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n"])
async def test_what_may_have_left_is_sent_once_whatever_the_method(
    tmp_path: Path, method: bytes, answer: bytes
) -> None:
    async def break_off(_: Received, conversation: Conversation) -> None:
        await conversation.send(answer)

    async with backend(break_off) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(b"" if method == b"DELETE" else b"body", method=method)
        await bench.until_idle()
    assert [(one.why, one.kind) for one in bench.told] == [(Why.BROKE_OFF, DivergenceKind.UNKNOWN)]
    assert len(extracted.received) == 1


async def test_a_side_that_hangs_is_told_as_unknown(tmp_path: Path) -> None:
    async def hang(_: Received, conversation: Conversation) -> None:
        await conversation.reader.read(1)

    async with backend(hang) as extracted, bench_of(tmp_path, extracted, timeout_s=0.1) as bench:
        bench.write()
        await bench.until_idle()
    assert [one.why for one in bench.told] == [Why.TIMEOUT]
    assert len(extracted.received) == 1


@pytest.mark.parametrize(("status", "told"), [(b"201 Created", []), (b"409 Conflict", [(Why.STATUS, 409)])])
async def test_a_side_that_answers_and_then_hangs_has_answered(tmp_path: Path, status: bytes, told: list[Any]) -> None:
    async def half(_: Received, conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\n" % status)
        await conversation.reader.read(1)

    async with backend(half) as extracted, bench_of(tmp_path, extracted, timeout_s=0.5) as bench:
        bench.write()
        await bench.until_idle()
    assert [(one.why, one.status) for one in bench.told] == told
    assert len(extracted.received) == 1


async def test_a_write_that_cannot_be_marked_waits_for_room_on_the_disk_and_is_sent_once(
    tmp_path: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        bench.writes.look()
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            await until(lambda: "write_not_marked" in caplog.messages, what="an attempt without room")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await bench.until_idle()
    assert bench.told == []
    assert len(extracted.received) == 1


async def test_what_is_held_is_told_also_while_nothing_can_be_marked(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "TELL_AGAIN_S", 0.01)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with bench_of(tmp_path, 1) as bench:
        bench.write(held=Why.MARKED)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            bench.writes.look()
            assert [one.why for one in bench.told] == [Why.MARKED]
            assert not bench.writes.is_idle
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await bench.until_idle()
    assert {one.why for one in bench.told} == {Why.MARKED}
    assert len({one.id for one in bench.told}) == 1


async def test_a_side_that_comes_back_gets_what_waited_in_order(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    async with backend(says(CREATED)) as extracted:
        pass
    async with bench_of(tmp_path, extracted.port) as bench:
        for number in range(4):
            bench.write(b"%d" % number, connection=1)
        for _ in range(3):
            bench.writes.look()
            await asyncio.sleep(0)
        assert bench.told == []
        assert not bench.writes.is_idle
        server = await asyncio.start_server(extracted.serve, "127.0.0.1", extracted.port)
        async with server:
            await bench.until_idle()
    assert [received.body for received in extracted.received] == [b"0", b"1", b"2", b"3"]
    assert bench.told == []


async def test_a_write_that_waited_too_long_is_not_sent_any_more(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(waited_s=LATE_S + 1)
        bench.write(waited_s=-module.OLD_S - 1)
        bench.write(at=time() - module.OLD_S - 1)
        await bench.until_idle()
    assert [one.why for one in bench.told] == [Why.LATE] * 3
    assert not extracted.received


async def test_a_side_that_cannot_be_reached_in_time_is_told_as_not_sent(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "LATE_S", 0.05)
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    async with bench_of(tmp_path, 1) as bench:
        bench.write()
        await bench.until_idle()
    assert [(one.why, one.kind) for one in bench.told] == [(Why.CONNECT, DivergenceKind.NOT_SENT)]


async def test_the_kill_switch_keeps_the_extracted_side_from_writes_and_not_the_monolith(tmp_path: Path) -> None:
    async with (
        backend(says(CREATED)) as extracted,
        backend(says(CREATED)) as legacy,
        bench_of(tmp_path, extracted, legacy=legacy.port) as bench,
    ):
        bench.writes.apply(bench.config, is_killed=True)
        bench.write()
        bench.write(primary=Side.EXTRACTED)
        await bench.until_idle()
    assert [one.why for one in bench.told] == [Why.KILLED]
    assert not extracted.received
    assert len(legacy.received) == 1


async def test_what_is_not_declared_any_more_is_not_sent(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write()
        bench.writes.apply(replace(bench.config, routes=(pay(writes=False),)), is_killed=False)
        await bench.until_idle()
    assert [one.why for one in bench.told] == [Why.UNDECLARED]
    assert not extracted.received


async def test_a_fallback_lacks_on_the_side_that_failed(tmp_path: Path) -> None:
    async with bench_of(tmp_path, 1) as bench:
        bench.write(primary=Side.EXTRACTED, held=Why.FALLBACK, is_instead=True)
        await bench.until_idle()
    (listed,) = bench.told
    assert (listed.primary, listed.kind) == (Side.LEGACY, DivergenceKind.UNKNOWN)
    assert b"strangler-extracted-" in bench.content(listed).other_key


async def test_a_repair_sends_it_with_the_same_key_and_what_is_given(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(held=Why.MARKED, key=b"k")
        await bench.until_idle()
        write = bench.content(bench.told[0])
        assert await bench.writes.repair(write, [(b"Authorization", b"Bearer x")]) is None
    (received,) = extracted.received
    assert received.values(b"Idempotency-Key") == [write.other_key]
    assert received.values(b"Authorization") == [b"Bearer x"]


@pytest.mark.parametrize(
    ("first", "second", "more", "is_told"),
    [
        (201, b"303", {}, True),
        (303, b"303", {}, False),
        (303, b"302", {}, True),
        (303, b"307", {}, True),
        (302, b"302", {"redirects": Redirects.CARRIED_OUT}, False),
        (302, b"307", {"redirects": Redirects.CARRIED_OUT}, True),
    ],
)
async def test_a_redirection_of_the_other_side_counts_where_both_redirect_and_it_says_that_it_was_carried_out(
    tmp_path: Path, first: int, second: bytes, more: dict[str, Any], is_told: bool
) -> None:
    answer = CREATED.replace(b"201", second)
    async with backend(says(answer)) as extracted, bench_of(tmp_path, extracted, **more) as bench:
        bench.write(status=first)
        await bench.until_idle()
    assert [(one.why, one.status) for one in bench.told] == ([(Why.STATUS, int(second))] if is_told else [])
    assert len(extracted.received) == 1


async def test_a_write_that_was_answered_by_a_redirection_is_listed_and_stays_so_until_the_other_side_has_it(
    tmp_path: Path,
) -> None:
    answers = iter((b"302", b"201"))

    async def answer(_: Received, __: Conversation) -> bytes:
        return CREATED.replace(b"201", next(answers))

    async with backend(answer) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(held=Why.REDIRECTED, status=302)
        await bench.until_idle()
        (listed,) = bench.told
        assert not extracted.received
        sent = [await bench.writes.repair(bench.content(listed), ()) for _ in range(2)]
    assert (listed.why, listed.kind, listed.primary_status) == (Why.REDIRECTED, DivergenceKind.UNKNOWN, 302)
    assert sent == [Verdict(why=Why.STATUS, status=302), None]


async def test_a_repair_of_a_route_that_is_gone_or_killed_sends_nothing(tmp_path: Path) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(held=Why.MARKED)
        await bench.until_idle()
        write = bench.content(bench.told[0])
        bench.writes.apply(bench.config, is_killed=True)
        killed = await bench.writes.repair(write, ())
        bench.writes.apply(replace(bench.config, routes=()), is_killed=False)
        gone = await bench.writes.repair(write, ())
    assert killed is not None and killed.why is Why.KILLED
    assert gone is not None and gone.why is Why.UNDECLARED
    assert not extracted.received


async def test_a_repair_of_a_route_that_shadows_no_more_takes_no_longer_than_somebody_waits_for_it(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "REPAIR_S", 0.05)

    async def hang(_: Received, __: Conversation) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async with backend(hang) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(held=Why.MARKED)
        await bench.until_idle()
        (one,) = bench.config.routes
        slow = replace(one, shadow=None, timeouts=Timeouts(response_s=3_600.0))
        bench.writes.apply(replace(bench.config, routes=(slow,)), is_killed=False)
        verdict = await bench.writes.repair(bench.content(bench.told[0]), ())
    assert verdict is not None and verdict.why is Why.TIMEOUT


async def test_the_key_goes_into_the_header_that_the_route_names(tmp_path: Path) -> None:
    keyed = replace(pay(), idempotency=Idempotency(header="x-once"))
    async with backend(says(ok(b""))) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.writes.apply(replace(bench.config, routes=(keyed,)), is_killed=False)
        bench.write(key=b"k", headers=b"X-Once: k")
        await bench.until_idle()
    (received,) = extracted.received
    (key,) = received.values(b"X-Once")
    assert key.startswith(b"strangler-extracted-")
    assert received.values(b"Idempotency-Key") == []


@pytest.mark.parametrize("more", [{"target": b"/pay/\xff"}, {"headers": b"X-Name: \xff"}])
async def test_what_would_be_sent_as_something_else_is_not_sent(tmp_path: Path, more: dict[str, Any]) -> None:
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.write(**more)
        await bench.until_idle()
    assert [(one.why, one.kind) for one in bench.told] == [(Why.UNASKABLE, DivergenceKind.NOT_SENT)]
    assert not extracted.received


async def test_what_is_sent_in_place_of_credentials_goes_with_writes_and_their_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Replacement(header="x-api-key", variable="SHADOW_A")
    rules = Shadow(writes=True, credentials=Credentials.REMOVE, replacement=own)
    async with backend(says(CREATED)) as extracted, bench_of(tmp_path, extracted) as bench:
        bench.writes.apply(replace(bench.config, routes=(replace(pay(), shadow=rules),)), is_killed=False)
        # Because it was noted before the rule was changed.
        bench.write(headers=b"X-Api-Key: old", credentials=bench.log.seal(b"Authorization: Bearer t0ken"))
        await bench.until_idle()
        assert [one.why for one in bench.told] == [Why.NO_CREDENTIALS]
        assert not extracted.received
        monkeypatch.setenv("SHADOW_A", "ours")
        assert await bench.writes.repair(bench.content(bench.told[0]), ()) is None
        assert await bench.writes.repair(bench.content(bench.told[0]), ((b"X-API-Key", b"given"),)) is None
    assert [one.values(b"X-Api-Key") for one in extracted.received] == [[b"ours"], [b"given"]]
    assert [one.values(b"Authorization") for one in extracted.received] == [[], []]
