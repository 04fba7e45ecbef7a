"""The whole proxy in processes of its own: what an operator does to it, and what its clients notice."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from strangler.runtime import runfile
from tests.support.backend import Backend
from tests.support.load import load
from tests.support.proxy import Proxy, end, launch, routes_text, running
from tests.support.waiting import until

ROUTE = "{name: items, match: {path: /items}, extracted: extracted, flag: items, rollback: off}"
FLAG_REACHES_ALL_S = 0.5
"""What is promised; measured it is a few milliseconds."""


def text(monolith: Backend, extracted: Backend, *, workers: int = 2) -> str:
    return routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=workers)


def replace_in(path: Path, before: str, after: str) -> None:
    path.write_text(path.read_text().replace(before, after))


async def are_current(proxy: Proxy, generation: int) -> bool:
    workers = (await proxy.status())["workers"]
    return len(workers) == 2 and all(
        worker["generation"] == generation and worker["state"] == "serving" for worker in workers
    )


async def test_a_flag_change_reaches_every_worker_in_half_a_second(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        before = (await proxy.status())["generation"]
        code, _ = await proxy.ask("PUT", "/api/v1/flags/items", {"set": "100%", "reason": "test"})
        took_s = await until(lambda: are_current(proxy, before + 1))

    assert code == 200
    assert took_s < FLAG_REACHES_ALL_S


async def test_traffic_moves_with_the_flag_and_the_same_keys_move(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        sides = []
        for share in ("0%", "25%", "50%", "100%"):
            generation = (await proxy.status())["generation"]
            await proxy.ask("PUT", "/api/v1/flags/items", {"set": share, "reason": "test"})
            await until(lambda: are_current(proxy, generation + 1))  # noqa: B023
            sides.append({user for user in range(200) if (await proxy.get("/items", f"u{user}"))[1] == "extracted"})

    none, quarter, half, everyone = sides
    assert none == set()
    assert 25 <= len(quarter) <= 80
    assert quarter < half
    assert everyone == set(range(200))


async def test_a_worker_that_is_killed_loses_only_what_it_was_doing_and_is_replaced(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        before = proxy.workers
        async with load(f"{proxy.url}/items", clients=8) as traffic:
            await traffic.until_more()
            os.kill(before[0], signal.SIGKILL)
            await until(lambda: len(proxy.workers) == 2 and before[0] not in proxy.workers)
            await proxy.wait_ready()
            lost = len(traffic.wrong)
            await traffic.until_more()

        assert lost <= 8
        assert len(traffic.wrong) == lost
        assert "strangler_worker_restarts_total 1.0" in await proxy.metrics()
        assert [event["exit_code"] for event in proxy.events("worker_died")] == [-signal.SIGKILL]


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_a_worker_that_is_told_to_end_loses_nothing_and_is_replaced(
    tmp_path: Path, monolith: Backend, extracted: Backend, *, keep_alive: bool
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        before = proxy.workers
        async with load(f"{proxy.url}/items", keep_alive=keep_alive) as traffic:
            await traffic.until_more()
            os.kill(before[0], signal.SIGTERM)
            await until(lambda: len(proxy.workers) == 2 and before[0] not in proxy.workers)
            await proxy.wait_ready()
            await traffic.until_more()

        assert traffic.wrong == []
        assert [event["exit_code"] for event in proxy.events("worker_ended")] == [0]


async def test_a_bad_routes_file_under_load_loses_nothing_and_is_rejected(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        generation = (await proxy.status())["generation"]
        async with load(f"{proxy.url}/items") as traffic:
            await traffic.until_more()
            replace_in(proxy.routes, "extracted: extracted", "extracted: nowhere")

            async def is_rejected() -> bool:
                return bool((await proxy.status())["config"]["state"] == "rejected")

            await until(is_rejected)
            await traffic.until_more()
        status = await proxy.status()

        assert traffic.wrong == []
        assert status["generation"] == generation
        assert "nowhere" in status["config"]["faults"][0]
        assert "strangler_config_rejected 1.0" in await proxy.metrics()


async def test_a_good_routes_file_is_taken_over_whole_under_load(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        generation = (await proxy.status())["generation"]
        async with load(f"{proxy.url}/items") as traffic:
            await traffic.until_more()
            before = dict(traffic.answers)
            replace_in(proxy.routes, "flag: items", "share: 100%")
            await until(lambda: are_current(proxy, generation + 1))
            await traffic.until_more()
        after = {(await proxy.get("/items", f"u{user}"))[1] for user in range(50)}

        assert traffic.wrong == []
        assert set(before) == {"monolith"}
        assert after == {"extracted"}


async def test_five_reloads_in_a_row_under_load_lose_nothing(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        generation = (await proxy.status())["generation"]
        url = f"{proxy.url}/items"
        async with load(url) as kept, load(url, keep_alive=False, clients=4) as fresh:
            await kept.until_more()
            for number in range(1, 6):
                proxy.routes.write_text(text(monolith, extracted).replace("flag: items", f"share: {20 * number}%"))
                proxy.process.send_signal(signal.SIGHUP)
                await until(lambda: are_current(proxy, generation + number))  # noqa: B023
            await kept.until_more()
            await fresh.until_more()

        assert (kept.wrong, fresh.wrong) == ([], [])
        assert len(proxy.events("config_accepted")) == 5
        assert {(await proxy.get("/items", f"u{user}"))[1] for user in range(20)} == {"extracted"}


async def test_counts_neither_double_nor_vanish_when_routes_change_and_workers_end(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        generation = (await proxy.status())["generation"]
        async with load(f"{proxy.url}/items") as traffic:
            await traffic.until_more()
            replace_in(proxy.routes, "flag: items", "share: 50%")
            await until(lambda: are_current(proxy, generation + 1))
            before = proxy.workers
            os.kill(before[0], signal.SIGTERM)
            await until(lambda: len(proxy.workers) == 2 and before[0] not in proxy.workers)
            await traffic.until_more()
        asked = len(monolith.received) + len(extracted.received)

        async def counted() -> int:
            sides = (await proxy.status())["routes"][0]["sides"]
            return int(sides["legacy"]["requests"] + sides["extracted"]["requests"])

        async def is_counted() -> bool:
            return await counted() >= asked

        await until(is_counted)
        assert await counted() == asked == traffic.right
        assert await proxy.metrics() != ""


async def test_metrics_count_what_went_through_by_side_and_outcome(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        for _ in range(3):
            await proxy.get("/elsewhere")
        await proxy.get("/items")

        async def has_counted() -> bool:
            text = await proxy.metrics()
            return (
                'strangler_requests_total{outcome="2xx",route="",side="legacy"} 3.0' in text
                and 'strangler_requests_total{outcome="2xx",route="items",side="legacy"} 1.0' in text
            )

        await until(has_counted)
        assert 'strangler_request_duration_seconds_count{route="",side="legacy"} 3.0' in await proxy.metrics()


async def test_a_missing_flag_is_told_once_for_all_workers(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        async with load(f"{proxy.url}/items", clients=16, keep_alive=False) as traffic:
            await traffic.until_more(200)
        await until(lambda: bool(proxy.events("flag_problem")))
        await proxy.stop()

        told = [(event["flag"], event["reason"]) for event in proxy.events("flag_problem")]
        assert told == [("items", "flag_missing")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [0, 2])
async def test_a_signal_ends_every_process_with_exit_code_0(
    tmp_path: Path, monolith: Backend, extracted: Backend, number: int, workers: int
) -> None:
    async with running(tmp_path, text(monolith, extracted, workers=workers)) as proxy:
        run = runfile.read(proxy.state_dir)
        assert run is not None
        await proxy.get("/items")

        code = await proxy.stop(number)

        assert code == 0
        assert len(run.workers) == workers
        assert not any(runfile.is_alive(process) for process in run.workers)
        assert runfile.read(proxy.state_dir) is None


async def test_ctrl_c_to_the_whole_group_finishes_what_runs(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(slowly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running(tmp_path, routes_text(monolith=port)) as proxy:
        run = runfile.read(proxy.state_dir)
        assert run is not None
        under_way = asyncio.create_task(proxy.get("/"))
        await asked.wait()
        for pid in (proxy.process.pid, *proxy.workers):
            os.kill(pid, signal.SIGINT)
        await until(lambda: bool(proxy.events("stopping")))
        may_answer.set()

        assert await under_way == (200, "slow")
        assert await proxy.stop() == 0
        assert not any(runfile.is_alive(process) for process in run.workers)
    server.close()


async def test_flags_are_kept_from_one_start_to_the_next(tmp_path: Path, monolith: Backend, extracted: Backend) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        await proxy.ask("PUT", "/api/v1/flags/items", {"set": "100%", "reason": "test"})
        await proxy.stop()

    async with running(tmp_path, text(monolith, extracted)) as proxy:
        answer = await proxy.get("/items")

    assert answer == (200, "extracted")


async def test_a_second_start_on_the_same_state_directory_is_refused(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "strangler", "serve", "-c", str(proxy.routes)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, stderr = await process.communicate()

    assert process.returncode == 2
    assert b"is in use by process" in stderr
    assert b"Traceback" not in stderr


async def test_a_control_process_that_is_killed_costs_no_request_and_the_next_one_takes_over(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with (
        running(tmp_path, text(monolith, extracted)) as proxy,
        aiohttp.ClientSession() as session,
        AsyncExitStack() as stack,
    ):
        orphans = runfile.read(proxy.state_dir)
        assert orphans is not None
        async with load(f"{proxy.url}/items") as traffic:
            await traffic.until_more()
            await proxy.stop(signal.SIGKILL)
            await traffic.until_more()
            successor = await launch(tmp_path, session=session)
            stack.push_async_callback(end, successor)
            await successor.wait_ready()
            await until(lambda: not any(runfile.is_alive(process) for process in orphans.workers))
            await traffic.until_more()

        assert traffic.wrong == []
        assert successor.port == proxy.port
        assert ["logger" in line for line in successor.events("control_lost")] == [False, False]
        assert len(successor.events("listener_taken_over")) == 1


async def test_a_control_process_that_hangs_costs_no_request_and_no_count(
    tmp_path: Path, monolith: Backend, extracted: Backend
) -> None:
    async with running(tmp_path, text(monolith, extracted)) as proxy:
        async with load(f"{proxy.url}/items") as traffic:
            await traffic.until_more()
            proxy.process.send_signal(signal.SIGSTOP)
            await traffic.until_more(500)
            proxy.process.send_signal(signal.SIGCONT)
            await traffic.until_more()

        async def is_counted() -> bool:
            sides = (await proxy.status())["routes"][0]["sides"]
            return bool(sides["legacy"]["requests"] == traffic.right)

        await until(is_counted)
        assert traffic.wrong == []


async def test_a_second_signal_ends_at_once_what_would_take_long(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with running(tmp_path, routes_text(monolith=server.sockets[0].getsockname()[1])) as proxy:
        run = runfile.read(proxy.state_dir)
        assert run is not None
        under_way = asyncio.create_task(proxy.get("/"))
        await asked.wait()
        proxy.process.send_signal(signal.SIGTERM)
        await until(lambda: bool(proxy.events("stopping")))

        started = asyncio.get_running_loop().time()
        code = await proxy.stop()
        took_s = asyncio.get_running_loop().time() - started

        assert code == 0
        assert took_s < 5
        assert not any(runfile.is_alive(process) for process in run.workers)
        with pytest.raises(aiohttp.ClientError):
            await under_way
    server.close()


@pytest.mark.parametrize("setting", ["listen", "admin"])
async def test_a_port_in_use_is_an_error_that_names_port_and_setting(
    tmp_path: Path, monolith: Backend, setting: str
) -> None:
    # Because an upstream that is the proxy's own listener is refused before any port is bound.
    (tmp_path / "routes.yaml").write_text(routes_text(monolith=1))

    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "strangler", "serve", "-c", str(tmp_path / "routes.yaml")),
        *(f"--{setting}", f"127.0.0.1:{port}"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate()
    taken.close()

    assert process.returncode == 2
    assert stderr.decode() == (
        f"strangler: {setting}: port {port} is in use on 127.0.0.1. "
        f"Set `{setting}` in the routes file or --{setting} to another address.\n"
    )
