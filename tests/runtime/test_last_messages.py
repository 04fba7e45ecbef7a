"""Messages that wait when the proxy stops or their webhook leaves the file: delivered if they can be, or told of."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.backend import Backend, Conversation, Received, backend, ok, says
from tests.support.launchdarkly import LaunchDarkly
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

PAY = "{name: pay, match: {path: /pay}, extracted: extracted, share: 100%}"
FAILS = b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Receiver:
    """Answers nothing, or as it is told to."""

    answer: bytes = b""
    is_told: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _received: Received, _conversation: Conversation) -> bytes:
        if not self.answer:
            await self.is_told.wait()
        return self.answer


@pytest.fixture
async def monolith() -> AsyncIterator[Backend]:
    async with backend(says(ok())) as running_backend:
        yield running_backend


def routes(monolith: Backend, receiver: Backend | None) -> str:
    text = routes_text(monolith=monolith.port, extracted=monolith.port, routes=[PAY], workers=1)
    if receiver is None:
        return text
    return text + f'webhooks: [{{name: pager, url: "http://127.0.0.1:{receiver.port}/hook/s3cret"}}]\n'


async def trip(proxy: Proxy) -> None:
    code, _ = await proxy.ask("POST", "/api/v1/guards/pay/trip", {"reason": "test"})
    assert code == 200


async def test_a_message_that_nobody_takes_keeps_no_stop_up_and_is_told_of(tmp_path: Path, monolith: Backend) -> None:
    async with backend(Receiver()) as receiver, running(tmp_path, routes(monolith, receiver)) as proxy:
        await trip(proxy)
        await asyncio.wait_for(receiver.arrived.wait(), 10)
        code = await proxy.stop()

        told = proxy.events("outbox_dropped")
        log = (tmp_path / "log").read_text()

    assert code == 0
    assert [(one["outbox"], one["messages"], one["why"]) for one in told] == [("webhook pager", 1, "the proxy ends")]
    assert "s3cret" not in log


async def test_a_message_that_waits_for_its_next_try_is_tried_before_the_proxy_ends(
    tmp_path: Path, monolith: Backend
) -> None:
    hook = Receiver(FAILS)
    async with backend(hook) as receiver, running(tmp_path, routes(monolith, receiver)) as proxy:
        await trip(proxy)
        await until(lambda: len(proxy.events("outbox_failed")) == 3, deadline_s=30.0)
        hook.answer = ok(b"")
        code = await proxy.stop()

        assert code == 0
        assert proxy.events("outbox_dropped") == []
    assert len({received.body for received in receiver.received}) == 1
    assert len(receiver.received) == 4


async def test_what_waits_for_a_webhook_goes_to_where_the_file_moves_it(tmp_path: Path, monolith: Backend) -> None:
    async with (
        backend(Receiver()) as former,
        backend(says(ok(b""))) as following,
        running(tmp_path, routes(monolith, former)) as proxy,
    ):
        await trip(proxy)
        await asyncio.wait_for(former.arrived.wait(), 10)
        (tmp_path / "routes.yaml").write_text(routes(monolith, following))
        await asyncio.wait_for(following.arrived.wait(), 10)
        await proxy.stop()

        assert proxy.events("outbox_dropped") == []
    assert [received.body for received in following.received] == [received.body for received in former.received]


async def test_what_waits_for_a_webhook_that_leaves_the_file_is_told_of_and_stays_counted(
    tmp_path: Path, monolith: Backend
) -> None:
    async with backend(Receiver()) as receiver, running(tmp_path, routes(monolith, receiver)) as proxy:
        await trip(proxy)
        await asyncio.wait_for(receiver.arrived.wait(), 10)
        (tmp_path / "routes.yaml").write_text(routes(monolith, None))
        await until(lambda: bool(proxy.events("outbox_dropped")))
        metrics = await proxy.metrics()
        told = proxy.events("outbox_dropped")

    why = "the routes file does not have it any more"
    assert [(one["outbox"], one["messages"], one["why"]) for one in told] == [("webhook pager", 1, why)]
    assert "strangler_messages_undelivered_total 1.0" in metrics


async def test_a_flag_that_could_not_be_switched_off_at_launchdarkly_is_told_of(
    tmp_path: Path, monolith: Backend
) -> None:
    service = LaunchDarkly()
    await service.up()
    route = "{name: pay, match: {path: /pay}, extracted: extracted, flag: pay, rollback: {write_back: true}}"
    text = routes_text(monolith=monolith.port, extracted=monolith.port, routes=[route], workers=1)
    environ = {
        "LAUNCHDARKLY_SDK_KEY": "sdk-key",
        "LAUNCHDARKLY_API_TOKEN": "api-token",
        "LAUNCHDARKLY_STREAM_URI": service.url,
        "LAUNCHDARKLY_BASE_URI": service.url,
    }
    async with backend(Receiver()) as rest:
        text += f"flags: {{source: launchdarkly, project: shop, environment: test, api_uri: {rest.url}}}\n"
        async with running(tmp_path, text, environ=environ) as proxy:
            await trip(proxy)
            await asyncio.wait_for(rest.arrived.wait(), 10)
            code = await proxy.stop()

            told = proxy.events("outbox_dropped")
            log = (tmp_path / "log").read_text()
    await service.close()

    assert code == 0
    assert [(one["outbox"], one["messages"]) for one in told] == [("launchdarkly", 1)]
    assert "api-token" not in log
