"""Payments on both sides: each key pays once, and a history is read page by page."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.demo_apps.apps import Client, build, serve

ORDER = {"to_user": 8, "amount_cents": 1250, "currency": "EUR", "note": "Lunch"}
both_sides = pytest.mark.parametrize("name", ["monolith", "payments"])


async def pay(client: Client, key: str | None, *, user: int = 7, **changes: object) -> tuple[int, Any]:
    headers = {"X-User-Id": str(user)} | ({"Idempotency-Key": key} if key else {})
    async with client.post("/api/payments", json=ORDER | changes, headers=headers) as response:
        return response.status, await response.json()


async def history(client: Client, user: int, query: str) -> Any:
    async with client.get(f"/api/users/{user}/transactions?{query}", headers={"X-User-Id": str(user)}) as response:
        return await response.json()


async def newest(client: Client) -> list[Any]:
    return [item["payment_id"] for item in (await history(client, 7, "limit=3"))["items"]]


@both_sides
async def test_a_retry_with_the_same_key_gets_the_first_answer_and_pays_nothing_more(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        first = await pay(client, "key")
        paid = await newest(client)

        again = await pay(client, "key")

        assert again == first
        assert await newest(client) == paid


@both_sides
async def test_retries_at_the_same_time_pay_once(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(pay(client, "key")) for _ in range(10)]
        await asyncio.wait(tasks)

        made = (await newest(client)).count(tasks[0].result()[1]["id"])

    assert made == 1
    assert {task.result()[0] for task in tasks} == {201}


@both_sides
async def test_a_key_is_remembered_over_a_restart(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        first = await pay(client, "key")

    async with serve(build(name, tmp_path)) as client:
        again = await pay(client, "key")

    assert again == first


@both_sides
async def test_the_same_key_with_another_payment_is_refused(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        await pay(client, "key")

        status, answer = await pay(client, "key", amount_cents=1251)

    assert (status, answer["code"]) == (422, "key_reused")


@both_sides
async def test_the_same_key_of_another_user_is_another_payment(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        _, mine = await pay(client, "key")

        _, theirs = await pay(client, "key", user=9)

    assert (mine["from_user"], theirs["from_user"]) == (7, 9)
    assert mine["id"] != theirs["id"]


@both_sides
async def test_without_a_key_every_try_pays(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        _, one = await pay(client, None)
        _, two = await pay(client, None)

        listed = await newest(client)

    assert listed[:2] == [two["id"], one["id"]]


@both_sides
async def test_pages_make_up_the_whole_history_though_payments_come_in_between(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        whole = await history(client, 7, "limit=200")
        pages: list[Any] = []
        before: int | None = 2**62

        while before is not None:
            page = await history(client, 7, f"limit=7&before={before}")
            pages += page["items"]
            before = page["next_before"]
            await pay(client, None)

    assert whole["next_before"] is None
    assert pages == whole["items"]
    assert [item["id"] for item in pages] == sorted({item["id"] for item in pages}, reverse=True)
