"""Dry runs: each operation that changes something says what it would do, and then does just that."""

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from strangler.control import api
from strangler.control.operations import Operation, Role
from tests.control.test_discovery import shape
from tests.control.test_divergences import take
from tests.support.findings import PAY
from tests.support.recordings import entries
from tests.support.samples import path_of
from tests.support.shown import ROUTES_TEXT
from tests.support.surface import Client, served

PLACE = "$.items[*].amount"
NEW_TEXT = ROUTES_TEXT.replace("share: 10%", "share: 30%")
DIGEST = sha256(ROUTES_TEXT.encode()).hexdigest()
BODIES: dict[str, dict[str, Any]] = {
    "putFlag": {"set": "25%"},
    "deleteFlag": {},
    "resetGuard": {},
    "tripGuard": {},
    "kill": {"is_on": True},
    "restart": {},
    "resetShadow": {},
    "forgetRecordings": {},
    "createToken": {"name": "another", "role": "viewer", "expires_s": 60.0},
    "revokeToken": {},
    "addStub": {"method": "GET", "template": "/invoices/{id}"},
    "putConfig": {"text": NEW_TEXT, "digest": DIGEST},
    "acceptDifference": {"path": PLACE},
    "revealDivergence": {},
    "repairDivergence": {},
    "settleDivergence": {},
}
"""Of each operation that changes something, all that it takes but a reason."""

UNKNOWN = {"restart", "createToken", "putConfig", "acceptDifference", "revealDivergence", "repairDivergence"}
"""Those whose answer is not known beforehand, or is only for the record."""

WITHOUT = {"restart", "revealDivergence"}
"""Those that change nothing that a list of changes could show here: there are no workers, and who looks changes
nothing but the audit log."""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with served() as made:
        await prepare(made)
        yield made


async def prepare(client: Client) -> None:
    """Have something there for each operation to change."""
    await client.ask("PUT", "/api/v1/flags/payments", {"set": "2%", "reason": "before"})
    client.book.take(PAY)
    client.recorded.write([replace(entry, route="pay") for entry in entries(1, 2)], ())
    secret = client.tokens.create("ci", Role.VIEWER, for_s=None, who="test", why="before")[1]
    await client.ask("POST", "/api/v1/session", {"token": secret}, Authorization="")
    client.discovery.record(4, (shape("/invoices/{id}"),))
    take(client, client.folder, "d1")


def changing(client: Client) -> list[Operation]:
    return [one for one in api.operations(client.surface) if one.changes]


def everything(client: Client) -> dict[str, Any]:
    """Return all that a change may leave behind."""
    files = {str(path): path.read_bytes() for path in sorted(Path(client.folder).rglob("*")) if path.is_file()}
    return {
        "served": (client.truth.tag, client.truth.config, client.truth.flags, client.truth.overrides),
        "rows": list(client.store._database.connection.iterdump()),
        "files": files,
        "flags": [*client.table.written],
        "restarts": [*client.restarts],
        "told": [*client.happenings],
        "sent": [*client.repairs.sent],
        "tokens": client.tokens.all(),
        "findings": client.book.all(),
        "recordings": client.recorded.kept("pay"),
        "guards": client.surface.guards.catalogue(),
    }


async def tried(client: Client, operation: Operation, body: Any, **more: Any) -> tuple[int, Any]:
    return await client.ask(operation.method, f"{path_of(operation)}?dry_run=true", body, **more)


async def test_each_operation_that_changes_something_is_among_those_that_are_tried_here() -> None:
    async with served() as client:
        assert {one.name for one in changing(client)} == set(BODIES)


@pytest.mark.parametrize("name", BODIES)
async def test_a_dry_run_changes_nothing_and_says_what_the_change_then_does(name: str, client: Client) -> None:
    (operation,) = (one for one in changing(client) if one.name == name)
    if name == "resetGuard":
        await client.ask("POST", "/api/v1/guards/read/trip", {"reason": "before"})
    if name == "deleteFlag":
        client.truth.replace_config(replace(client.truth.config, routes=()))
    before = everything(client)

    code, told = await tried(client, operation, BODIES[name])
    after = everything(client)
    real, answer = await client.ask(operation.method, path_of(operation), {**BODIES[name], "reason": "test"})
    done = everything(client)

    assert (code, told["dry_run"]) == (200, True)
    assert after == before
    assert real == operation.status
    assert done != before, "the change itself changed nothing, so that its dry run shows nothing"
    assert told["answer"] == (None if name in UNKNOWN else answer)
    assert bool(told["changes"]) == (name not in WITHOUT)
    assert told["changes"] or told["notes"] or name == "restart"
    if "diff" in operation.answer.__struct_fields__:
        diff = answer["diff"]
        assert told["diff"] == (diff.split("\n") if isinstance(diff, str) else diff) != []


@pytest.mark.parametrize("name", BODIES)
async def test_a_dry_run_is_refused_as_the_change_is(name: str, client: Client) -> None:
    (operation,) = (one for one in changing(client) if one.name == name)
    viewer = f"Bearer {client.tokens.create('viewer', Role.VIEWER, for_s=None, who='test', why='test')[1]}"
    body = {**BODIES[name], "reason": "test"}
    wrong: tuple[tuple[Any, dict[str, Any]], ...] = (
        (body, {"if_match": ""}),
        (body, {"if_match": '"elsewhere"'}),
        (body, {"Authorization": viewer}),
        (body, {"Authorization": ""}),
        ({**body, "reason": " "}, {}),
        ({**body, "more": 1}, {}),
        ([], {}),
    )
    before = everything(client)

    for sent, more in wrong:
        dry = await tried(client, operation, sent, **more)
        real = await client.ask(operation.method, path_of(operation), sent, **more)
        assert dry == real
        assert dry[0] >= 400
    assert everything(client) == before


REFUSED: tuple[tuple[str, str, dict[str, Any], int], ...] = (
    ("DELETE", "/api/v1/flags/payments", {}, 409),
    ("PUT", "/api/v1/flags/paymnts", {"set": "25%"}, 404),
    ("PUT", "/api/v1/flags/payments", {"set": "25"}, 422),
    ("PUT", "/api/v1/flags/payments", {}, 400),
    ("POST", "/api/v1/guards/pya/trip", {}, 404),
    ("POST", "/api/v1/guards/pya/reset", {}, 404),
    ("POST", "/api/v1/shadow/pya/reset", {}, 404),
    ("POST", "/api/v1/recordings/pya/forget", {}, 404),
    ("POST", "/api/v1/tokens", {"name": "ci", "role": "viewer"}, 409),
    ("POST", "/api/v1/tokens/cy/revoke", {}, 404),
    ("POST", "/api/v1/discovery/stub", {"method": "GET", "template": "/none"}, 409),
    ("PUT", "/api/v1/config", {"text": NEW_TEXT, "digest": "0" * 64}, 412),
    ("PUT", "/api/v1/config", {"text": "version: 2", "digest": DIGEST}, 422),
    ("POST", "/api/v1/shadow/pya/accept", {"path": "$.a"}, 404),
    ("POST", "/api/v1/shadow/pay/accept", {"path": "status"}, 409),
    ("POST", "/api/v1/divergences/none/settle", {}, 404),
    ("POST", "/api/v1/divergences/none/repair", {}, 404),
    ("POST", "/api/v1/divergences/none/reveal", {}, 404),
    ("POST", "/api/v1/divergences/d1/repair", {"headers": [["Host", "x"]]}, 409),
)


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED)
async def test_what_cannot_be_done_is_told_by_its_dry_run_in_the_same_words(
    method: str, path: str, body: Any, status: int, client: Client
) -> None:
    dry = await client.ask(method, f"{path}?dry_run=true", body)
    real = await client.ask(method, path, {**body, "reason": "test"})

    assert dry == real
    assert dry[0] == status


@pytest.mark.parametrize(
    "query", ["dryrun=true", "dry-run=true", "dry_run=yes", "dry_run=", "dry_run=true&dry_run=true"]
)
async def test_a_dry_run_that_is_misspelt_is_refused_and_not_taken_for_the_change(query: str, client: Client) -> None:
    before = everything(client)

    code, _ = await client.ask("POST", f"/api/v1/kill?{query}", {"is_on": True, "reason": "test"})

    assert (code, everything(client)) == (400, before)


async def test_a_change_that_says_that_it_is_no_dry_run_is_made(client: Client) -> None:
    code, answer = await client.ask("POST", "/api/v1/kill?dry_run=false", {"is_on": True, "reason": "test"})

    assert (code, answer, client.truth.overrides.is_killed) == (200, {"is_killed": True, "changed": True}, True)


async def test_what_has_no_dry_run_says_why_and_is_not_done_in_its_place(client: Client) -> None:
    operations = [one for one in api.operations(client.surface) if one.method != "GET" and not one.changes]
    sessions = client.store.tokens.sessions()

    for operation in operations:
        code, told = await tried(client, operation, {"token": client.token} if operation.name == "signIn" else {})
        assert code == 400
        assert operation.no_dry_run in told["detail"]
    assert client.store.tokens.sessions() == sessions
    assert {one.name for one in operations} == {"explain", "plan", "proposeConfig", "signIn", "signOut"}


async def told_of(client: Client, name: str, body: dict[str, Any] | None = None) -> Any:
    (operation,) = (one for one in changing(client) if one.name == name)
    return (await tried(client, operation, {**BODIES[name], **(body or {})}))[1]


async def test_a_share_is_told_with_the_routes_that_move(client: Client) -> None:
    told = await told_of(client, "putFlag")

    (change,) = told["changes"]
    assert (change["what"], change["name"], change["kind"]) == ("flag", "payments", "changed")
    assert change["fields"] == [{"name": "share", "before": "2%", "after": "25%"}]
    assert [(one["route"], one["before_bp"], one["after_bp"]) for one in told["moved"]] == [("bill", 200, 2_500)]


async def test_a_revoked_token_is_told_with_its_sessions(client: Client) -> None:
    told = await told_of(client, "revokeToken")

    assert [(one["what"], one["name"], one["fields"]) for one in told["changes"]] == [
        ("token", "ci", [{"name": "is_valid", "before": "true", "after": "false"}]),
        ("sessions", "ci", [{"name": "signed_in", "before": "1", "after": "0"}]),
    ]


async def test_accepting_tells_the_differences_that_would_be_ignored_and_what_begins_anew(client: Client) -> None:
    told = await told_of(client, "acceptDifference")

    gone = [one for one in told["changes"] if one["what"] == "difference"]
    assert [(one["name"], one["kind"]) for one in gone] == [(PLACE, "removed")]
    assert told["notes"] == ["findings begin anew with it: 3,000 comparisons of pay are counted no longer"]
    assert [line for line in told["diff"] if line.startswith("+ ") and PLACE in line]


async def test_a_repair_tells_what_would_be_sent_without_its_secrets(client: Client) -> None:
    told = await told_of(client, "repairDivergence", {"headers": [["Authorization", "Bearer s3cret"]]})

    assert "/pay/7" in told["notes"][0]
    assert "extracted side, with 1 headers of its own" in told["notes"][0]
    assert "s3cret" not in str(told)


async def test_a_reveal_shows_nothing_before_it_is_on_the_record(client: Client) -> None:
    told = await told_of(client, "revealDivergence")

    assert told["answer"] is None
    assert "4111" not in str(told)


async def test_a_release_that_moves_nothing_and_a_reset_of_what_has_not_tripped_say_so(client: Client) -> None:
    released = await told_of(client, "kill", {"is_on": False})
    reset = await told_of(client, "resetGuard")

    assert (released["changes"], released["answer"]) == ([], {"is_killed": False, "changed": False})
    assert (reset["changes"], "has not tripped" in reset["notes"][0]) == ([], True)


async def test_a_file_that_cannot_be_replaced_is_told_before(client: Client) -> None:
    client.file.unlink()
    client.file.symlink_to("/dev/null")

    code, told = await client.ask(
        "PUT", "/api/v1/config?dry_run=true", {"text": NEW_TEXT, "digest": sha256(b"").hexdigest()}
    )

    assert (code, told["title"]) == (409, "not_written")
    assert "no regular file" in told["detail"]
