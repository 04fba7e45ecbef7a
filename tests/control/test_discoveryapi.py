"""Discovery over the admin API: what was seen, how much is left, a route for it, and what another file would do."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256

import pytest

from strangler.config.load import parse
from strangler.config.remembering import Remembering
from strangler.control import discoveryapi
from strangler.control.operations import Role
from strangler.control.planner import Planner
from strangler.core.audit import Action
from strangler.core.model import Config, Side
from strangler.core.outcome import Outcome
from strangler.core.tally import Tally
from strangler.errors import UsageError
from tests.control.test_discovery import SHAPE, shape
from tests.support.surface import Client, served
from tests.support.waiting import until

HEAD = """version: 1
upstreams:
  monolith: {url: "http://127.0.0.1:8001", default: true}
  users: {url: "http://127.0.0.1:8002"}
"""
ROUTES = (
    HEAD + 'routes:\n  - name: users   # ours\n    match: {path: "/users/{id}"}\n    extracted: users\n    share: 0%\n'
)
PLAN = "/api/v1/plan"
STUB = "/api/v1/discovery/stub"
WANTED = {"method": "GET", "template": "/invoices/{id}"}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with served() as made:
        file = made.folder / "routes.yaml"
        file.write_text(ROUTES)
        made.truth.replace_config(parse(ROUTES.encode(), path=file))
        placed = replace(SHAPE, route="users", cohort="users", source="header x-user-id", place=9_900)
        placed = replace(placed, sources=("header x-user-id",))
        made.discovery.record(
            8, (placed, replace(placed, place=100), shape("/invoices/{uuid}"), shape("/invoices/{hash}"))
        )
        made.discovery.count(
            (Tally(route="", side=Side.LEGACY, outcomes=((Outcome.OK_2XX, 8),), latency=(), seconds=0),)
        )
        yield made


async def test_endpoints_are_listed_with_the_most_asked_first(client: Client) -> None:
    client.discovery.record(1, (shape("/rare"),))
    client.discovery.record(3, (replace(shape("/wp-admin"), is_proof=False),))

    code, found = await client.ask("GET", "/api/v1/discovery")

    assert code == 200
    assert [(one["template"], one["standing"], one["route"], one["total"]) for one in found["endpoints"]] == [
        ("/invoices/{id}", "unrouted", "", 4.0),
        ("/users/{id}", "monolith", "users", 4.0),
        ("/rare", "unrouted", "", 1.0),
    ]
    assert found["left"] == {"endpoints": 3, "left": 3, "unrouted": 2, "unseen": 0, "held": 0}
    assert (found["seen"], found["sampled"], found["unknown"]) == (12, 6, 3.0)


async def test_progress_tells_today_and_the_days_before(client: Client) -> None:
    code, found = await client.ask("GET", "/api/v1/progress")

    assert code == 200
    assert found["days"] == [found["today"]]
    assert {name: found["today"][name] for name in ("legacy", "unrouted", "monolith_share", "endpoints", "left")} == {
        "legacy": 8,
        "unrouted": 8,
        "monolith_share": 1.0,
        "endpoints": 2,
        "left": 2,
    }


async def test_a_plan_tells_who_would_move_and_applies_nothing(client: Client) -> None:
    before = client.truth.tag

    code, found = await client.ask("POST", PLAN, {"text": ROUTES.replace("share: 0%", "share: 2%")})

    assert code == 200
    assert [(one["before"], one["after"], one["to_extracted"], one["estimated"]) for one in found["effects"]] == [
        ("users", "users", 2.0, 0.0)
    ]
    assert (found["changes"], found["requests"], found["sampled"], found["unseen"]) == (True, 8.0, 4, [])
    assert client.truth.tag == before
    assert (client.folder / "routes.yaml").read_text() == ROUTES


async def test_a_plan_of_what_is_served_changes_nothing(client: Client) -> None:
    _, found = await client.ask("POST", PLAN, {"text": ROUTES})

    assert (found["changes"], found["effects"]) == (False, [])


async def test_a_faulty_file_has_no_plan_and_its_faults_are_told(client: Client) -> None:
    code, found = await client.ask("POST", PLAN, {"text": ROUTES.replace("share: 0%", "share: 200%\n    nmae: x")})

    assert (code, found["title"]) == (422, "bad_routes")
    assert [line.partition("routes.yaml")[2].partition(" ")[0] for line in found["detail"].splitlines()] == [
        ":9:12:",
        ":10:5:",
    ]


async def test_of_many_faults_the_first_are_told(client: Client) -> None:
    many = "".join(f"key{number}: 1\n" for number in range(30))

    _, found = await client.ask("POST", PLAN, {"text": HEAD + many})

    assert found["detail"].splitlines()[-1] == "and 10 more"


async def test_one_plan_is_worked_out_at_a_time(client: Client) -> None:
    entered, leave = threading.Event(), threading.Event()

    def adopt(loaded: Config) -> Config:
        entered.set()
        assert leave.wait(20)
        return loaded

    planner = Planner(client.discovery, client.truth, client.folder / "routes.yaml", adopt, Remembering())
    first = asyncio.get_running_loop().create_task(planner.plan(ROUTES))
    try:
        await until(entered.is_set)
        with pytest.raises(UsageError, match="another plan"):
            await planner.plan(ROUTES)
    finally:
        leave.set()

    assert not (await first).changes
    assert not (await planner.plan(ROUTES)).changes


async def test_a_second_stub_follows_the_first_with_its_comment(client: Client) -> None:
    client.discovery.record(1, (shape("/rare"),))

    await client.ask("POST", STUB, {**WANTED, "reason": "next"})
    await client.ask("POST", STUB, {"method": "GET", "template": "/rare", "reason": "then"})

    text = (client.folder / "routes.yaml").read_text()
    assert text.startswith(ROUTES)
    assert [line.split()[0] for line in text.removeprefix(ROUTES).splitlines()] == ["-", "match:", "#"] * 2


async def test_a_stub_is_proposed_and_nothing_is_written(client: Client) -> None:
    code, found = await client.ask("GET", f"{STUB}?method=GET&template=/invoices/%7Bid%7D")

    assert (code, found["route"], found["is_written"]) == (200, "invoices.read", False)
    assert '+    match: {methods: [GET], path: "/invoices/{id}"}' in found["diff"].splitlines()
    assert (client.folder / "routes.yaml").read_text() == ROUTES


async def test_a_viewer_is_shown_no_secret_beside_a_stub(client: Client) -> None:
    file = client.folder / "routes.yaml"
    file.write_text(ROUTES + "  # the old hook: https://hooks.example/s3cret\n")
    _, token = client.tokens.create("reader", Role.VIEWER, for_s=None, who="test", why="test")
    path = f"{STUB}?method=GET&template=/invoices/%7Bid%7D"

    _, masked = await client.ask("GET", path, Authorization=f"Bearer {token}")
    _, whole = await client.ask("GET", path)

    assert ("s3cret" in masked["diff"], "s3cret" in whole["diff"]) == (False, True)


async def test_a_stub_is_written_once_and_is_on_the_audit_log(client: Client) -> None:
    code, found = await client.ask("POST", STUB, {**WANTED, "reason": "next in line"})

    text = (client.folder / "routes.yaml").read_text()
    (row,) = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]
    assert (code, found["is_written"]) == (200, True)
    assert text.startswith(ROUTES)
    assert "name: invoices.read" in text
    assert (row["what"], row["subject"], row["why"]) == (
        Action.CONFIG,
        "routes",
        "next in line",
    )
    assert [json.loads(row[part]) for part in ("before", "after")] == [
        sha256(whole.encode()).hexdigest() for whole in (ROUTES, text)
    ]
    assert "+  - name: invoices.read" in json.loads(row["evidence"])["diff"].splitlines()
    client.truth.replace_config(parse(text.encode(), path=client.folder / "routes.yaml"))
    code, found = await client.ask("POST", STUB, {**WANTED, "reason": "again"})
    assert (code, found["detail"]) == (409, "route 'invoices.read' names GET /invoices/{id} already.")


async def test_a_stub_is_worked_out_beside_the_loop_and_one_at_a_time_and_who_looks_keeps_nobody_from_adding(
    client: Client,
) -> None:
    file = client.folder / "routes.yaml"
    file.unlink()
    os.mkfifo(file)
    path = f"{STUB}?method=GET&template=/invoices/%7Bid%7D"
    entered, leave = threading.Event(), threading.Event()

    def write() -> None:
        # Because a pipe is opened for writing only once somebody reads, the first is at work then.
        with file.open("wb") as pipe:
            file.unlink()
            file.write_text(ROUTES)
            entered.set()
            leave.wait(10)
            pipe.write(ROUTES.encode())

    writing = threading.Thread(target=write)
    writing.start()
    first = asyncio.get_running_loop().create_task(client.ask("GET", path))
    try:
        await until(entered.is_set)
        second = await client.ask("GET", path)
        added = await client.ask("POST", STUB, {**WANTED, "reason": "test"})
    finally:
        leave.set()
        writing.join()

    assert (second[0], "another route" in second[1]["detail"]) == (409, True)
    assert added[0] == 200
    assert (await first)[0] == 200


async def test_a_stub_that_cannot_be_recorded_is_not_written(client: Client) -> None:
    with client.store.journal._database.reading() as db:
        db.execute("PRAGMA query_only = ON")

    code, _ = await client.ask("POST", STUB, {**WANTED, "reason": "test"})

    assert (code, (client.folder / "routes.yaml").read_text()) == (503, ROUTES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROUTES.replace("version: 1", "version: 2"), "faults"),
        ('{version: 1, upstreams: {monolith: {url: "http://127.0.0.1:8001", default: true}}}', "braces"),
    ],
)
async def test_a_file_that_cannot_be_edited_is_left_as_it_is(client: Client, text: str, words: str) -> None:
    (client.folder / "routes.yaml").write_text(text)

    code, found = await client.ask("POST", STUB, {**WANTED, "reason": "test"})

    assert (code, words in found["detail"]) == (409, True)
    assert (client.folder / "routes.yaml").read_text() == text


async def test_a_file_that_is_no_file_is_not_replaced(client: Client) -> None:
    (client.folder / "real").write_text(ROUTES)
    (client.folder / "routes.yaml").unlink()
    (client.folder / "routes.yaml").symlink_to("/dev/null")

    code, _ = await client.ask("POST", STUB, {**WANTED, "reason": "test"})

    assert code == 409


async def test_an_endpoint_that_was_not_seen_has_no_stub(client: Client) -> None:
    code, found = await client.ask("GET", f"{STUB}?method=GET&template=/nope")

    assert (code, "was seen" in found["detail"]) == (409, True)


async def test_what_tells_of_files_on_this_machine_is_for_operators(client: Client) -> None:
    roles = {one.name: one.role for one in discoveryapi.operations(client.surface.discovery, client.surface.planner)}

    assert {name for name, role in roles.items() if role is Role.OPERATOR} == {"plan", "addStub"}
