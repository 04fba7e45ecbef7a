"""Guards, the kill switch and the audit log as the admin API shows and changes them."""

import pytest

from tests.support.surface import served


async def test_a_trip_and_a_reset_by_hand_take_the_cohort_along_and_are_recorded() -> None:
    async with served() as client:
        tripped = await client.ask("POST", "/api/v1/guards/pay/trip", {"reason": "it looks wrong"})
        shown = (await client.ask("GET", "/api/v1/guards/read"))[1]
        reset = await client.ask("POST", "/api/v1/guards/read/reset", {"reason": " mended "})
        after = (await client.ask("GET", "/api/v1/guards"))[1]
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]

    assert tripped == (200, {"tripped": ["pay", "read"], "changed": True})
    assert (shown["phase"], shown["cause"]["why"], shown["cause"]["with"]) == (
        "tripped",
        "with pay: it looks wrong",
        "pay",
    )
    assert reset[0] == 200 and set(reset[1]["reset"]) == {"pay", "read"}
    assert [guard["phase"] for guard in after["guards"]] == ["closed", "closed"]
    assert sorted((row["what"], row["subject"], row["why"]) for row in rows) == [
        ("reset", "pay", "mended"),
        ("reset", "read", "mended"),
        ("trip", "pay", "it looks wrong"),
        ("trip", "read", "with pay: it looks wrong"),
    ]


async def test_the_kill_switch_is_pulled_and_released() -> None:
    async with served() as client:
        on = await client.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "incident 7"})
        shown = (await client.ask("GET", "/api/v1/guards"))[1]
        off = await client.ask("POST", "/api/v1/kill", {"is_on": False, "reason": "over"})

    assert on == (200, {"is_killed": True, "changed": True})
    assert (shown["is_killed"], off) == (True, (200, {"is_killed": False, "changed": True}))


@pytest.mark.parametrize(
    ("before", "path", "body", "answer"),
    [
        ((), "guards/pay/reset", {}, {"reset": []}),
        ((), "kill", {"is_on": False}, {"is_killed": False}),
        (("kill", {"is_on": True}), "kill", {"is_on": True}, {"is_killed": True}),
        (("guards/pay/trip", {}), "guards/pay/trip", {}, {"tripped": []}),
    ],
)
async def test_what_is_like_that_already_is_not_done_again_and_leaves_no_row(
    before: tuple[str, dict[str, object]] | tuple[()], path: str, body: dict[str, object], answer: dict[str, object]
) -> None:
    async with served() as client:
        if before:
            await client.ask("POST", f"/api/v1/{before[0]}", {**before[1], "reason": "first"})
        tag = await client.tag("/api/v1/guards")
        code, found = await client.ask("POST", f"/api/v1/{path}", {**body, "reason": "again"})
        after = await client.tag("/api/v1/guards")
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]

    assert (code, found) == (200, {**answer, "changed": False})
    assert [row for row in rows if row["why"] == "again"] == []
    assert after == tag


async def test_the_audit_log_is_read_page_by_page() -> None:
    async with served() as client:
        for number in range(5):
            await client.ask("POST", "/api/v1/kill", {"is_on": number % 2 == 0, "reason": str(number)})
        first = (await client.ask("GET", "/api/v1/audit?limit=2"))[1]["rows"]
        second = (await client.ask("GET", f"/api/v1/audit?limit=2&before={first[-1]['seq']}"))[1]["rows"]

    assert [row["why"] for row in first + second] == ["4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/guards/nope", None, 404),
        ("POST", "/api/v1/guards/nope/reset", {"reason": "x"}, 404),
        ("POST", "/api/v1/guards/nope/trip", {"reason": "x"}, 404),
        ("POST", "/api/v1/guards/pay/reset", {"reason": "  "}, 400),
        ("POST", "/api/v1/guards/pay/reset", {}, 400),
        ("POST", "/api/v1/guards/pay/reset", {"reason": "x", "force": True}, 400),
        ("POST", "/api/v1/kill", {"is_on": "yes", "reason": "x"}, 400),
        ("POST", "/api/v1/kill", {"is_on": True}, 400),
        ("GET", "/api/v1/audit?limit=many", None, 400),
        ("GET", f"/api/v1/audit?before={10**30}", None, 400),
        ("GET", "/api/v1/audit?before=-1", None, 400),
        ("GET", "/api/v1/audit?before=3&before=2", None, 400),
        ("GET", "/api/v1/audit?limit=0", None, 400),
        ("GET", "/api/v1/audit?after=3", None, 400),
        ("GET", "/api/v1/kill", None, 405),
    ],
)
async def test_what_cannot_be_done_changes_nothing(method: str, path: str, body: object, status: int) -> None:
    async with served() as client:
        answered = (await client.ask(method, path, body))[0]
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]

    assert (answered, rows) == (status, [])


@pytest.mark.parametrize("path", ["/api/v1/guards/pay/reset", "/api/v1/guards/pay/trip", "/api/v1/kill"])
async def test_nobody_acts_without_the_token(path: str) -> None:
    async with served() as client:
        body = {"reason": "x", "is_on": True} if path.endswith("kill") else {"reason": "x"}

        assert (await client.ask("POST", path, body, Authorization="Bearer wrong"))[0] == 401
