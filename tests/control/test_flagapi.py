"""Making and deleting flags: a key that nobody names is a slip, and a flag that somebody needs stays."""

import logging
from typing import Any

import pytest

from tests.support.logs import said
from tests.support.surface import Client, served

WHY = {"reason": "test"}


def definition(key: str, **more: Any) -> dict[str, Any]:
    fixed = {"offVariation": 0, "fallthrough": {"variation": 1}}
    return {"key": key, "version": 1, "on": True, "variations": [False, True], **fixed, **more}


FLAG = "/api/v1/flags/payments"


async def put(client: Client, key: str, **change: Any) -> tuple[int, Any]:
    return await client.ask("PUT", f"/api/v1/flags/{key}", {**change, **WHY})


async def delete(client: Client, key: str) -> tuple[int, Any]:
    return await client.ask("DELETE", f"/api/v1/flags/{key}", WHY)


async def keys(client: Client) -> list[str]:
    return [flag["key"] for flag in (await client.ask("GET", "/api/v1/flags"))[1]["flags"]]


async def test_a_share_for_a_flag_that_nobody_names_is_404_with_the_nearest() -> None:
    async with served() as client:
        code, body = await put(client, "paymnts", set="25%")

    assert (code, body["title"], body["nearest"]) == (404, "flag_missing", ["payments"])
    assert "`--create`" in body["detail"]
    assert client.table.written == []


async def test_a_flag_that_a_route_names_is_made_by_its_first_share() -> None:
    async with served() as client:
        code, _ = await put(client, "payments", set="25%")

    assert code == 200


async def test_a_flag_that_another_one_wants_first_is_made_by_its_first_share() -> None:
    async with served() as client:
        await put(client, "bills", flag=definition("bills", prerequisites=[{"key": "all-bills", "variation": 1}]))
        code, _ = await put(client, "all-bills", set="on")

    assert code == 200


@pytest.mark.parametrize("change", [{"set": "25%", "create": True}, {"flag": definition("paymnts")}])
async def test_a_flag_that_nobody_names_is_made_where_that_is_said(change: dict[str, Any]) -> None:
    async with served() as client:
        code, body = await put(client, "paymnts", **change)

    assert code == 200
    assert "no route names the flag `paymnts`" in body["cautions"][0]


async def test_what_was_made_is_changed_without_saying_so_again() -> None:
    async with served() as client:
        await put(client, "spare", set="25%", create=True)
        codes = [(await put(client, "spare", set="50%"))[0], (await put(client, "spare", set="75%", create=True))[0]]

    assert codes == [200, 200]


async def test_a_flag_that_is_deleted_is_gone_and_told_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with served() as client:
        _, made = await put(client, "spare", set="25%", create=True)
        caplog.clear()
        before = client.truth.generation
        code, body = await delete(client, "spare")
        left = await keys(client)
        again, told = await delete(client, "spare")

    assert (code, body) == (200, {"key": "spare", "flag": made["flag"]})
    assert (left, client.truth.generation) == ([], before + 1)
    assert client.table.deleted == [("spare", "admin-token", "delete: test")]
    assert (again, told["title"]) == (404, "flag_missing")
    ((level, event, fields),) = said(caplog.records)
    assert (level, event, fields["flag"], fields["who"]) == ("info", "flag_deleted", "spare", "admin-token")


async def test_a_flag_that_is_not_there_is_404_with_the_nearest() -> None:
    async with served() as client:
        await put(client, "payments", set="25%")
        code, body = await delete(client, "paymnts")

    assert (code, body["title"], body["nearest"]) == (404, "flag_missing", ["payments"])


async def test_a_flag_that_a_route_names_is_kept_and_the_route_named() -> None:
    async with served() as client:
        await put(client, "payments", set="25%")
        code, body = await delete(client, "payments")
        left = await keys(client)

    assert (code, body["title"], left) == (409, "refused", ["payments"])
    assert "the route `bill`" in body["detail"]
    assert "take `flag: payments` out of the routes file first" in body["detail"]


async def test_a_flag_that_others_want_first_is_kept_and_they_are_named() -> None:
    wanted = [{"key": "all", "variation": 1}]
    async with served() as client:
        await put(client, "all", set="on", create=True)
        for key in ("bills", "users"):
            await put(client, key, flag=definition(key, prerequisites=wanted))
        code, body = await delete(client, "all")
        left = await keys(client)

    assert (code, body["title"], left) == (409, "refused", ["all", "bills", "users"])
    assert "the flags `bills`, `users`" in body["detail"]
    assert "--definition" in body["detail"]


@pytest.mark.parametrize("dry", ["", "?dry_run=true"])
async def test_what_a_flag_says_already_is_no_change_of_it_nor_of_anything_else(dry: str) -> None:
    async with served() as client:
        first = (await client.ask("PUT", FLAG, {"set": "25%", "reason": "test"}))[1]
        tag = await client.tag(FLAG)
        word = (await client.ask("PUT", f"{FLAG}{dry}", {"set": "25%", "reason": "test"}))[1]
        whole = (await client.ask("PUT", f"{FLAG}{dry}", {"flag": first["flag"], "reason": "test"}))[1]
        after = await client.tag(FLAG)
        other = (await client.ask("PUT", FLAG, {"set": "26%", "reason": "test"}, if_match=tag or ""))[1]

    answers = [found["answer"] if dry else found for found in (word, whole)]
    assert (first["changed"], other["changed"], after) == (True, True, tag)
    assert answers == [{**first, "changed": False}] * 2
    assert len(client.table.written) == 2
