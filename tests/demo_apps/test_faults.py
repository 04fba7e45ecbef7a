"""Faults on purpose: off unless asked for, and as asked for."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_aiohttp.plugin import AiohttpClient

from extracted.faults import Fault, Faults, choose
from extracted.options import Options
from tests.demo_apps.apps import SERVICES, Client, build, serve

rates = st.floats(min_value=0, max_value=1 / 3)


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, tmp_path: Path) -> Client:
    return await aiohttp_client(SERVICES["status"](Options(data=tmp_path, faults=True)))


async def order(client: Client, faults: object) -> tuple[int, object]:
    async with client.put("/_faults", json=faults) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_there_is_no_control_unless_it_is_asked_for(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        status, _ = await order(client, {"error_rate": 1})

    assert status == 404


@given(error=rates, hang=rates, reset=rates, point=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_point_beyond_all_rates_is_left_alone_and_any_other_is_not(
    error: float, hang: float, reset: float, point: float
) -> None:
    chosen = choose(Faults(error_rate=error, hang_rate=hang, reset_rate=reset), point)

    if abs(point - (error + hang + reset)) > 1e-9:
        assert (chosen is None) == (point > error + hang + reset)


@given(rate=rates, point=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_each_rate_is_the_share_of_its_own_fault(rate: float, point: float) -> None:
    assert choose(Faults(error_rate=rate), point) == (Fault.ERROR if point < rate else None)
    assert choose(Faults(hang_rate=rate), point) == (Fault.HANG if point < rate else None)
    assert choose(Faults(reset_rate=rate), point) == (Fault.RESET if point < rate else None)


async def test_an_order_stands_until_it_is_taken_back(client: Client) -> None:
    ordered = {"error_rate": 0.5, "hang_rate": 0.0, "reset_rate": 0.25, "delay_ms": 3}

    placed = await order(client, {"error_rate": 0.5, "reset_rate": 0.25, "delay_ms": 3})
    async with client.get("/_faults") as response:
        standing = await response.json()
    async with client.delete("/_faults") as response:
        assert response.status == 204
    async with client.get("/_faults") as response:
        after = await response.json()

    assert placed == (200, ordered)
    assert standing == ordered
    assert set(after.values()) == {0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"error_rate": 1.5},
        {"rate": 1},
        {"delay_ms": -1},
        {"error_rate": 0.6, "hang_rate": 0.6},
        [],
        {"error_rate": "1"},
    ],
)
async def test_a_wrong_order_is_refused(client: Client, wrong: object) -> None:
    status, _ = await order(client, wrong)

    assert status == 422


async def test_an_error_is_answered_to_the_api_and_health_stays_good(client: Client) -> None:
    await order(client, {"error_rate": 1})

    statuses = [(await client.get(path)).status for path in ("/api/status", "/healthz")]

    assert statuses == [500, 200]


async def test_a_reset_resets_the_connection(client: Client) -> None:
    await order(client, {"reset_rate": 1})
    reader, writer = await asyncio.open_connection(client.host, client.port)

    writer.write(b"GET /api/status HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)

    writer.close()


async def test_a_delay_delays(client: Client) -> None:
    await order(client, {"delay_ms": 50})
    start = asyncio.get_running_loop().time()

    async with client.get("/api/status") as response:
        assert response.status == 200

    # Because the loop's clock counts whole milliseconds, both ends of the delay may be rounded.
    assert asyncio.get_running_loop().time() - start > 0.048


async def test_a_hang_gives_nothing_until_the_service_stops(client: Client) -> None:
    await order(client, {"hang_rate": 1})
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET /api/status HTTP/1.1\r\nHost: x\r\n\r\n")
    reading = asyncio.ensure_future(reader.read())
    other_reader, other_writer = await asyncio.open_connection(client.host, client.port)
    other_writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    answer = await other_reader.read()  # a connection that came later was served whole ...
    hanging = not reading.done()
    async with asyncio.timeout(2):
        await client.server.close()
        with pytest.raises(ConnectionResetError):
            await reading

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert hanging  # ... while this one had no answer
    other_writer.close()
    writer.close()
