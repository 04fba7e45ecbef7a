"""Outboxes, webhooks and writing back, against receivers on real sockets."""

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from strangler.control.happening import Happening
from strangler.control.outbox import MOST, TRIES, Outbox
from strangler.control.webhook import SIGNATURE, WebhookSender
from strangler.control.writeback import SEMANTIC_PATCH, LaunchDarkly, Off, WriteBack
from strangler.core.audit import Action
from strangler.core.model import FlagSettings, Webhook
from strangler.errors import DeliveryError, StoreError
from tests.support.waiting import until

TRIP = Happening(
    action=Action.TRIP,
    route="payments.create",
    who="guard",
    why="100.0% of 50 requests failed",
    at=12.5,
    flag="payments",
    write_back=True,
    cause={"rule": {"metric": "error_rate"}, "samples": [{"path": "/api/users/ann"}]},
)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    return dict(vars(record)["fields"])


class Receiver:
    """Records what it is sent, and answers as it is told to."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.url = ""
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path, dict(request.headers), await request.read()))
        status = self._statuses.pop(0) if self._statuses else 200
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(*statuses)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


class Waits:
    """Stands for the clock of an outbox: remembers how long it was to wait, and goes on at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def running(outbox: Outbox[Any]) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(outbox.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def failing(times: int, taken: list[int]) -> Callable[[int], Awaitable[None]]:
    left = [times]

    async def deliver(item: int) -> None:
        if left[0]:
            left[0] -= 1
            raise DeliveryError("not now")
        taken.append(item)

    return deliver


async def test_what_is_not_taken_is_told_again_in_order() -> None:
    taken: list[int] = []
    waits = Waits()
    outbox: Outbox[int] = Outbox("test", failing(3, taken), sleep=waits)
    for number in range(5):
        outbox.put(number)

    async with running(outbox):
        await until(lambda: len(taken) == 5)

    assert taken == [0, 1, 2, 3, 4]
    assert (len(waits.seconds), outbox.dropped, outbox.fault) == (3, 0, "")


async def test_what_is_never_taken_is_given_up_and_does_not_block_the_next() -> None:
    taken: list[int] = []
    outbox: Outbox[int] = Outbox("test", failing(TRIES, taken), sleep=Waits())
    outbox.put(1)
    outbox.put(2)

    async with running(outbox):
        await until(lambda: taken == [2])

    assert outbox.dropped == 1


async def test_a_full_outbox_drops_the_oldest_and_counts_it() -> None:
    taken: list[int] = []
    outbox: Outbox[int] = Outbox("test", failing(0, taken), sleep=Waits())
    for number in range(MOST + 3):
        outbox.put(number)

    async with running(outbox):
        await until(lambda: len(taken) == MOST)

    assert (taken[0], taken[-1], outbox.dropped) == (3, MOST + 2, 3)


async def test_a_webhook_carries_a_signature_that_its_receiver_can_check() -> None:
    async with receiving() as receiver, aiohttp.ClientSession() as session:
        hook = Webhook(name="pager", url=f"{receiver.url}/hook")
        sender = WebhookSender(hook, "s3cret", session, wall=lambda: 1_700_000_000.9)
        async with running(sender.outbox):
            sender.tell(TRIP)
            await until(lambda: bool(receiver.requests))

    method, path, headers, body = receiver.requests[0]
    expected = hmac.new(b"s3cret", b"1700000000." + body, sha256).hexdigest()
    assert (method, path) == ("POST", "/hook")
    assert headers[SIGNATURE] == f"t=1700000000,v1={expected}"
    told = json.loads(body)
    assert (told["action"], told["route"], told["why"]) == ("trip", "payments.create", TRIP.why)
    assert told["cause"] == {"rule": {"metric": "error_rate"}}


async def test_a_webhook_is_told_only_of_what_it_wants() -> None:
    async with receiving() as receiver, aiohttp.ClientSession() as session:
        sender = WebhookSender(Webhook(name="pager", url=receiver.url, events=("reset",)), "", session)
        async with running(sender.outbox):
            sender.tell(TRIP)
            sender.tell(Happening(action=Action.RESET, route="r", who="ann", why="mended", at=1.0))
            await until(lambda: bool(receiver.requests))

    assert [json.loads(body)["action"] for _, _, _, body in receiver.requests] == ["reset"]
    assert SIGNATURE not in receiver.requests[0][2]


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_a_webhook_that_answers_otherwise_is_told_again_and_not_somewhere_else(status: int) -> None:
    async with receiving(status, 204) as receiver, aiohttp.ClientSession() as session:
        sender = WebhookSender(Webhook(name="pager", url=f"{receiver.url}/hook"), "", session)
        sender.outbox._sleep = Waits()
        async with running(sender.outbox):
            sender.tell(TRIP)
            await until(lambda: len(receiver.requests) == 2 and not sender.outbox.fault)

    assert [path for _, path, _, _ in receiver.requests] == ["/hook", "/hook"]
    assert receiver.requests[0][3] == receiver.requests[1][3]


async def test_no_log_has_the_path_of_a_webhook_whose_receiver_speaks_no_http(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hush\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession() as session:
        sender = WebhookSender(Webhook(name="pager", url=f"http://127.0.0.1:{port}/s3cret"), "", session)
        async with running(sender.outbox):
            sender.tell(TRIP)
            await until(lambda: "outbox_failed" in caplog.text)

    assert "s3cret" not in str([fields_of(record) for record in caplog.records if hasattr(record, "fields")])
    assert sender.outbox.fault == "the receiver's answer is no HTTP"


async def test_a_flag_is_switched_off_at_launchdarkly_by_instruction() -> None:
    async with receiving(503, 200) as receiver, aiohttp.ClientSession() as session:
        settings = FlagSettings(project="shop", environment="production", api_uri=receiver.url)
        api = LaunchDarkly(settings, "api-token", session)
        outbox: Outbox[Off] = Outbox("launchdarkly", api.switch_off, sleep=Waits())
        async with running(outbox):
            WriteBack(None, outbox).tell(TRIP)
            await until(lambda: len(receiver.requests) == 2)

    method, path, headers, body = receiver.requests[1]
    told = json.loads(body)
    assert (method, path) == ("PATCH", "/api/v2/flags/shop/payments")
    assert (headers["Authorization"], headers["Content-Type"]) == ("api-token", SEMANTIC_PATCH)
    assert (told["environmentKey"], told["instructions"]) == ("production", [{"kind": "turnFlagOff"}])
    assert "payments.create tripped" in told["comment"]


async def test_an_embedded_flag_is_switched_off_at_once() -> None:
    switched: list[Off] = []

    WriteBack(switched.append, None).tell(TRIP)

    assert [off.flag for off in switched] == ["payments"]


@pytest.mark.parametrize(
    "happening",
    [
        Happening(action=Action.RESET, route="r", who="ann", why="", at=1.0, flag="f", write_back=True),
        Happening(action=Action.COOL, route="r", who="guard", why="", at=1.0, flag="f", write_back=True),
        Happening(action=Action.TRIP, route="r", who="guard", why="", at=1.0, flag="f", write_back=False),
        Happening(action=Action.TRIP, route="r", who="guard", why="", at=1.0, flag=None, write_back=True),
    ],
)
def test_no_flag_is_switched_off_that_nobody_asked_for(happening: Happening) -> None:
    switched: list[Off] = []

    WriteBack(switched.append, None).tell(happening)

    assert switched == []


def test_a_flag_that_cannot_be_written_is_an_alarm_and_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Off) -> None:
        raise StoreError("full")

    WriteBack(fail, None).tell(TRIP)

    assert caplog.messages == ["write_back_failed"]


async def test_what_waits_at_the_end_is_tried_once_more_at_once_and_then_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries: list[int] = []

    async def refuse(item: int) -> None:
        tries.append(item)
        raise DeliveryError("not now")

    outbox: Outbox[int] = Outbox("test", refuse)
    for number in range(3):
        outbox.put(number)
    task = asyncio.get_running_loop().create_task(outbox.run())
    await until(lambda: tries == [0])

    outbox.hurry()
    await asyncio.wait_for(task, 10)
    outbox.drop("the proxy ends")

    assert tries == [0, 0]
    assert (outbox.dropped, outbox.left) == (3, 0)
    (record,) = [record for record in caplog.records if record.message == "outbox_dropped"]
    assert fields_of(record) == {"outbox": "test", "messages": 3, "why": "the proxy ends"}


async def test_what_can_be_delivered_at_the_end_is_and_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[int] = []
    outbox: Outbox[int] = Outbox("test", failing(1, taken))
    for number in range(3):
        outbox.put(number)
    task = asyncio.get_running_loop().create_task(outbox.run())
    await until(lambda: bool(outbox.fault))

    outbox.hurry()
    await asyncio.wait_for(task, 10)
    outbox.drop("the proxy ends")

    assert taken == [0, 1, 2]
    assert (outbox.dropped, outbox.left) == (0, 0)
    assert "outbox_dropped" not in caplog.messages


async def test_what_is_on_its_way_is_counted_when_it_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    arrived = asyncio.Event()

    async def hang(_: int) -> None:
        arrived.set()
        await asyncio.Event().wait()

    outbox: Outbox[int] = Outbox("test", hang)
    outbox.put(1)
    outbox.put(2)
    async with running(outbox):
        await asyncio.wait_for(arrived.wait(), 10)
    outbox.drop("the proxy ends")

    assert outbox.dropped == 2
    assert caplog.messages == ["outbox_dropped"]


async def test_a_full_outbox_keeps_what_is_on_its_way() -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    taken: list[int] = []

    async def slow(item: int) -> None:
        arrived.set()
        await go.wait()
        taken.append(item)

    outbox: Outbox[int] = Outbox("test", slow)
    outbox.put(0)
    async with running(outbox):
        await asyncio.wait_for(arrived.wait(), 10)
        for number in range(1, MOST + 1):
            outbox.put(number)
        go.set()
        await until(lambda: len(taken) == MOST)

    assert (taken[:3], outbox.dropped) == ([0, 2, 3], 1)


async def test_what_waits_goes_over_to_another_outbox_in_order() -> None:
    taken: list[int] = []
    former: Outbox[int] = Outbox("test", failing(0, []))
    following: Outbox[int] = Outbox("test", failing(0, taken))
    former.put(1)
    former.put(2)

    following.take_over(former)
    following.put(3)
    async with running(following):
        await until(lambda: len(taken) == 3)

    assert taken == [1, 2, 3]
    assert (former.left, former.dropped) == (0, 0)
