"""Captures: what a client was answered is copied for the shadow plane, and the client notices nothing."""

import asyncio
import os
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from strangler.core.migration import SIDES, Stage
from strangler.core.model import Fallback
from strangler.core.offer import Drop, Offer
from strangler.core.shadowing import Record, Shadow, ShadowMode
from strangler.proxy import capture
from strangler.proxy.capture import Place
from strangler.runtime.arena import Arena
from strangler.runtime.arena import Place as InArena
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.plane import Proxy, config, proxy, route
from tests.support.waiting import until

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"
GET = b"GET /users/7?full=1 HTTP/1.1\r\nHost: shop.example\r\nX-User-Id: u\r\nCookie: a=b\r\n%b\r\n"


@dataclass(slots=True)
class Kept:
    """Keeps what it is given."""

    held: int = 0
    offers: list[Offer] = field(default_factory=list)
    drops: list[tuple[str, Drop]] = field(default_factory=list)

    full: Drop | None = None
    resting: str = ""
    arena: Arena | None = None
    places: list[Place | None] = field(default_factory=list)

    def refusal(self, upstream: str) -> Drop | None:
        return Drop.BREAKER if self.resting and upstream == self.resting else self.full

    def place(self, size: int) -> Place | Drop | None:
        return None if self.arena is None else self.arena.take(size) or Drop.BUDGET

    def put(self, offer: Offer, place: Place | None = None) -> None:
        self.offers.append(offer)
        self.places.append(place)

    def drop(self, route: str, why: Drop) -> None:
        self.drops.append((route, why))


def shadowed(**more: Any) -> Any:
    return route("users", "/users/{id}", shadow=Shadow(**more), fallback=Fallback.OFF)


async def answer(running: Proxy, request: bytes) -> tuple[bytes, bytes]:
    wire = await running.connect()
    await wire.send(request)
    return await wire.answer()


async def test_a_read_that_the_monolith_answered_is_offered_with_its_answer() -> None:
    async with backend(says(ok(b'{"id": 7}'))) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        _, body = await answer(running, GET % b"")
    (offer,) = kept.offers
    assert body == b'{"id": 7}' == offer.answer.body
    assert (offer.route, offer.primary, offer.method, offer.target) == ("users", "legacy", b"GET", b"/users/7?full=1")
    assert (offer.host, offer.answer.status) == (b"shop.example", 200)
    assert (b"cookie", b"a=b") in [(name.lower(), value) for name, value in offer.headers]
    assert kept.held == 0


async def test_a_chunked_answer_is_offered_without_its_chunks() -> None:
    async with backend(says(CHUNKED)) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        wire = await running.connect()
        await wire.send(GET % b"")
        await wire.head()
        assert await wire.chunks() == (b"abcd", [])
    assert [offer.answer.body for offer in kept.offers] == [b"abcd"]


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE"])
async def test_a_write_is_never_offered(method: bytes) -> None:
    async with backend(says(ok(b"done"))) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        await answer(running, method + b" /users/7 HTTP/1.1\r\nHost: a\r\nX-User-Id: u\r\nContent-Length: 2\r\n\r\nhi")
    assert not kept.offers
    assert not kept.drops


async def test_what_another_proxy_shadows_is_not_shadowed_again() -> None:
    async with backend(says(ok(b"done"))) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        await answer(running, GET % b"X-Strangler-Shadow: 1\r\n")
    assert not kept.offers


async def test_a_request_whose_client_got_a_failure_is_not_offered() -> None:
    async with proxy(config(1, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        head, _ = await answer(running, GET % b"")
    assert head.startswith(b"HTTP/1.1 502")
    assert not kept.offers
    assert kept.held == 0


async def test_an_answer_over_the_bound_reaches_the_client_whole_and_is_counted_as_not_shadowed() -> None:
    large = b"x" * 200_000
    async with (
        backend(says(ok(large))) as monolith,
        proxy(config(monolith.port, 1, shadowed(max_body_bytes=100_000))) as running,
    ):
        running.plane.offers = kept = Kept()
        _, body = await answer(running, GET % b"")
    assert body == large
    assert not kept.offers
    assert kept.drops == [("users", Drop.BODY_TOO_LARGE)]
    assert kept.held == 0


async def test_while_nobody_can_take_a_copy_none_is_made_and_that_is_counted() -> None:
    async with backend(says(ok(b"answer"))) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept(full=Drop.QUEUE_FULL)
        _, body = await answer(running, GET % b"")
    assert body == b"answer"
    assert (kept.offers, kept.drops) == ([], [("users", Drop.QUEUE_FULL)])


async def test_a_worker_that_holds_too_much_drops_the_shadow_and_not_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capture, "MOST_HELD", 10)
    async with (
        backend(says(ok(b"more than ten bytes"))) as monolith,
        proxy(config(monolith.port, 1, shadowed())) as running,
    ):
        running.plane.offers = kept = Kept()
        _, body = await answer(running, GET % b"")
    assert body == b"more than ten bytes"
    assert kept.drops == [("users", Drop.BUDGET)]
    assert kept.held == 0


@pytest.mark.parametrize(
    ("mode", "flag", "primary"),
    [
        (ShadowMode.SHADOW, False, "legacy"),
        (ShadowMode.SHADOW, True, None),
        (ShadowMode.REVERSE, False, None),
        (ShadowMode.REVERSE, True, "extracted"),
        (ShadowMode.BOTH, False, "legacy"),
        (ShadowMode.BOTH, True, "extracted"),
    ],
)
async def test_the_mode_says_whose_answers_are_checked(mode: ShadowMode, flag: bool, primary: str | None) -> None:
    shadow = route("users", "/users/{id}", shadow=Shadow(mode=mode), flag="users")
    async with (
        backend(says(ok(b"{}"))) as monolith,
        backend(says(ok(b"{}"))) as extracted,
        proxy(config(monolith.port, extracted.port, shadow), {"users": flag}) as running,
    ):
        running.plane.offers = kept = Kept()
        await answer(running, GET % b"")
    assert [offer.primary for offer in kept.offers] == ([] if primary is None else [primary])


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("said", [None, Shadow(mode=ShadowMode.REVERSE), Shadow(mode=ShadowMode.OFF)])
async def test_the_stage_says_whose_answers_are_checked_and_off_alone_forbids_it(
    stage: Stage, said: Shadow | None
) -> None:
    staged = route("users", "/users/{id}", shadow=said, flag="users")
    async with (
        backend(says(ok(b"old"))) as monolith,
        backend(says(ok(b"new"))) as extracted,
        proxy(config(monolith.port, extracted.port, staged), {"users": stage}) as running,
    ):
        running.plane.offers = kept = Kept()
        _, body = await answer(running, GET % b"")
    is_checked = stage in (Stage.SHADOW, Stage.LIVE) and (said is None or said.mode is not ShadowMode.OFF)
    assert body == (b"old" if SIDES[stage] == "legacy" else b"new")
    assert [offer.primary for offer in kept.offers] == ([SIDES[stage]] if is_checked else [])


async def test_of_the_reads_of_a_stage_one_in_so_many_is_offered_and_the_sample_goes_on_top() -> None:
    async def offered(ratio: int, sample: int = 10_000) -> set[bytes]:
        staged = route("users", "/users/{id}", shadow=Shadow(sample=sample), flag="users")
        served = config(1, 1, staged, trusted_proxies=("127.0.0.1/32",))
        async with backend(says(ok(b"{}"))) as both:
            served = replace(served, upstreams=config(both.port, both.port).upstreams)
            async with proxy(served, {"users": Stage.SHADOW}, ratio=ratio) as running:
                running.plane.offers = kept = Kept()
                wire = await running.connect()
                for number in range(300):
                    await wire.send(GET % (b"X-Request-Id: request-%d\r\n" % number))
                    await wire.answer()
        return {offer.request_id for offer in kept.offers}

    every, none, some, fewer = await offered(1), await offered(0), await offered(5), await offered(5, 5_000)

    assert (len(every), len(none)) == (300, 0)
    assert 30 <= len(some) <= 95
    assert 10 <= len(fewer) <= 55
    assert fewer < some
    assert await offered(5) == some


async def test_a_sample_is_shadowed_and_a_larger_one_holds_it_too() -> None:
    async def sampled(share: int) -> set[bytes]:
        async with (
            backend(says(ok(b"{}"))) as monolith,
            proxy(config(monolith.port, 1, shadowed(sample=share), trusted_proxies=("127.0.0.1/32",))) as running,
        ):
            running.plane.offers = kept = Kept()
            wire = await running.connect()
            for number in range(200):
                await wire.send(GET % (b"X-Request-Id: request-%d\r\n" % number))
                await wire.answer()
        return {offer.request_id for offer in kept.offers}

    few, many = await sampled(1_000), await sampled(5_000)
    assert 5 <= len(few) <= 40
    assert 70 <= len(many) <= 130
    assert few < many


@pytest.mark.parametrize(
    "body", [b"Content-Length: 4\r\n\r\nbody", b"Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"]
)
async def test_a_request_that_waited_behind_another_is_offered_with_all_of_its_body(body: bytes) -> None:
    go_on = asyncio.Event()

    async def slow(received: Received, _conversation: Conversation) -> bytes:
        if not received.body:
            await go_on.wait()
        return ok(b"{}")

    async with backend(slow) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        wire = await running.connect()
        await wire.send(GET % b"" + (GET % b"").removesuffix(b"\r\n") + body)
        await until(lambda: bool(monolith.received), what="the first request")
        go_on.set()
        await wire.answer()
        await wire.answer()
    assert [offer.body for offer in kept.offers] == [b"", b"body"]
    assert monolith.received[-1].body == b"body"
    assert kept.held == 0


async def test_a_request_that_was_answered_before_it_was_complete_is_not_offered() -> None:
    async with (
        backend(says(ok(b"{}")), on_head=True) as monolith,
        proxy(config(monolith.port, 1, shadowed())) as running,
    ):
        running.plane.offers = kept = Kept()
        await answer(running, GET % b"Content-Length: 10\r\n" + b"half ")
    assert not kept.offers
    assert kept.held == 0


async def test_an_answer_to_head_is_as_small_as_it_is_and_not_as_it_says() -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n"
    request = (GET % b"").replace(b"GET", b"HEAD")
    async with backend(says(said)) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        wire = await running.connect()
        await wire.send(request)
        await wire.head()
        await until(lambda: bool(kept.offers or kept.drops), what="an offer")
    assert [(offer.method, offer.answer.body) for offer in kept.offers] == [(b"HEAD", b"")]


async def test_a_client_that_leaves_gives_back_what_was_kept_of_its_answer() -> None:
    async def half(_received: Received, conversation: Conversation) -> bytes | None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
        await asyncio.Event().wait()
        return None

    async with backend(half) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        wire = await running.connect()
        await wire.send(GET % b"")
        await until(lambda: kept.held == len(b"half of it"), what="half an answer")
        wire.reset()
        await until(lambda: kept.held == 0, what="what was kept, given back")
    assert not kept.offers


async def test_an_answer_that_the_monolith_gave_in_the_extracted_sides_place_is_not_offered() -> None:
    fallen = route("users", "/users/{id}", shadow=Shadow(mode=ShadowMode.BOTH), flag="users", fallback=Fallback.SAFE)
    async with (
        backend(says(ok(b"{}"))) as monolith,
        proxy(config(monolith.port, 1, fallen), {"users": True}) as running,
    ):
        running.plane.offers = kept = Kept()
        _, body = await answer(running, GET % b"")
    assert body == b"{}"
    assert not kept.offers


async def test_an_event_stream_is_counted_and_not_kept() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = head + b"2\r\nab\r\n0\r\n\r\n"
    async with backend(says(said)) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        wire = await running.connect()
        await wire.send(GET % b"")
        await wire.head()
        await wire.chunks()
    assert not kept.offers
    assert kept.drops == [("users", Drop.STREAM)]


async def test_a_request_to_switch_protocols_is_not_offered_though_it_was_answered() -> None:
    async with backend(says(ok(b"no"))) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        _, body = await answer(running, GET % b"Connection: upgrade\r\nUpgrade: websocket\r\n")
    assert body == b"no"
    assert not kept.offers


async def test_a_failure_that_the_monolith_answered_is_not_offered() -> None:
    said = b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno"
    async with backend(says(said)) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        head, _ = await answer(running, GET % b"")
    assert head.startswith(b"HTTP/1.1 500")
    assert not kept.offers
    assert kept.held == 0


async def test_an_answer_that_the_client_has_already_is_counted_and_not_compared() -> None:
    said = b'HTTP/1.1 304 Not Modified\r\nETag: "monolith-7"\r\n\r\n'
    async with backend(says(said)) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept()
        wire = await running.connect()
        await wire.send(GET % b'If-None-Match: "monolith-7"\r\n')
        await wire.head()
        await until(lambda: bool(kept.offers or kept.drops), what="an end")
    assert not kept.offers
    assert kept.drops == [("users", Drop.NOT_MODIFIED)]


async def test_a_read_of_which_the_other_side_rests_is_counted_and_not_copied_unless_it_is_recorded() -> None:
    recorded = route("orders", "/orders/{id}", shadow=Shadow(record=Record()), fallback=Fallback.OFF)
    async with (
        backend(says(ok(b"{}"))) as monolith,
        proxy(config(monolith.port, 1, shadowed(), recorded)) as running,
    ):
        running.plane.offers = kept = Kept(resting="extracted")
        await answer(running, GET % b"")
        await answer(running, GET.replace(b"/users", b"/orders") % b"")
    assert [offer.route for offer in kept.offers] == ["orders"]
    assert kept.drops == [("users", Drop.BREAKER)]


async def test_a_large_answer_is_written_to_its_place_as_it_streams_by() -> None:
    body = b"0123456789" * 30_000
    async with backend(says(ok(body))) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept(arena=Arena(98 * 4_096))
        _, said = await answer(running, GET % b"")
        _, again = await answer(running, GET % b"")
        assert kept.arena is not None
        (place,) = kept.places
        assert isinstance(place, InArena)
        assert said == again == os.pread(kept.arena.fd, place.size, place.at) == body
        kept.arena.hide()
    assert kept.offers[0].answer.body == b""
    assert kept.drops == [("users", Drop.BUDGET)]


async def test_the_place_of_an_answer_that_broke_off_is_free_again() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 100_000

    async def break_off(_received: Received, conversation: Conversation) -> None:
        await conversation.send(cut)
        conversation.writer.transport.abort()

    async with backend(break_off) as monolith, proxy(config(monolith.port, 1, shadowed())) as running:
        running.plane.offers = kept = Kept(arena=Arena(98 * 4_096))
        wire = await running.connect()
        await wire.send(GET % b"")
        await wire.rest()
        assert kept.arena is not None
        await until(lambda: kept.arena is not None and kept.arena.take(400_000) is not None, what="a free place")
        kept.arena.hide()
    assert not kept.offers
