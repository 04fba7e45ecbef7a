"""The table of operations: what is served is what is described, and what a change is asked for."""

import asyncio
import json
from typing import Any

import jsonschema
import pytest

from strangler.control import api
from strangler.control.operations import MAX_BODY_BYTES, Role
from tests.support.samples import body_of, path_of
from tests.support.surface import Client, served
from tests.support.waiting import until

CHANGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PUT", "/api/v1/flags/payments", {"set": "25%"}),
    ("DELETE", "/api/v1/flags/payments", {}),
    ("POST", "/api/v1/guards/pay/reset", {}),
    ("POST", "/api/v1/guards/pay/trip", {}),
    ("POST", "/api/v1/kill", {"is_on": True}),
    ("POST", "/api/v1/restart", {}),
    ("POST", "/api/v1/shadow/pay/reset", {}),
    ("POST", "/api/v1/recordings/pay/forget", {}),
    ("POST", "/api/v1/tokens", {"name": "ci", "role": "viewer"}),
    ("POST", "/api/v1/tokens/ci/revoke", {}),
    ("POST", "/api/v1/discovery/stub", {"method": "GET", "template": "/x"}),
    ("PUT", "/api/v1/config", {"text": "version: 1", "digest": "0" * 64}),
    ("POST", "/api/v1/shadow/pay/accept", {"path": "$.a"}),
    ("POST", "/api/v1/divergences/d1/reveal", {}),
    ("POST", "/api/v1/divergences/d1/repair", {}),
    ("POST", "/api/v1/divergences/d1/settle", {}),
)

UNCHANGING = ("explain", "plan", "proposeConfig", "signIn", "signOut")
"""What is posted and changes nothing."""


async def rows(client: Client) -> list[Any]:
    return list((await client.ask("GET", "/api/v1/audit"))[1]["rows"])


async def test_every_registered_route_is_in_the_document_and_the_other_way_round() -> None:
    async with served() as client:
        app = api.make_app(client.surface)
        document = (await client.ask("GET", "/api/v1/openapi.json"))[1]

    registered = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert registered == described


async def test_the_document_is_openapi_whose_references_lead_somewhere() -> None:
    async with served() as client:
        document = (await client.ask("GET", "/api/v1/openapi.json"))[1]

    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert document["openapi"].startswith("3.1")
    assert named == set(document["components"]["schemas"])
    assert not [name for name in named if "." in name], "two kinds share a name"
    assert len(names) == len(set(names))
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_whatever_changes_something_is_for_operators_and_asks_for_a_reason_and_a_tag() -> None:
    async with served() as client:
        operations = api.operations(client.surface)

    unsafe = [one for one in operations if one.method != "GET" and one.name not in UNCHANGING]
    assert {(one.method, path_of(one)) for one in unsafe} == {(method, path) for method, path, _ in CHANGES}
    assert all(one.changes and one.role is Role.OPERATOR for one in unsafe)
    assert all("reason" in one.body.__struct_fields__ for one in unsafe)


async def test_every_answer_to_a_get_has_the_generation_as_its_entity_tag() -> None:
    async with served() as client:
        tags = [await client.tag(path) for path in ("/api/v1/flags", "/api/v1/guards", "/api/v1/generation", "/readyz")]
        said = (await client.ask("GET", "/api/v1/generation"))[1]["tag"]

    assert set(tags) == {said} == {client.truth.tag}


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_change_without_a_tag_is_told_the_one_that_is_there(method: str, path: str, body: Any) -> None:
    async with served() as client:
        code, answer = await client.ask(method, path, {**body, "reason": "test"}, if_match="")
        kept = await rows(client)

    assert (code, answer["title"], answer["current"]) == (428, "precondition_required", client.truth.tag)
    assert (kept, client.table.written, client.restarts) == ([], [], [])


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_change_of_what_is_not_there_any_more_is_refused_with_both_tags(
    method: str, path: str, body: Any
) -> None:
    async with served() as client:
        before = client.truth.tag
        await client.ask("PUT", "/api/v1/flags/other", {"set": "10%", "create": True, "reason": "somebody else"})
        written = len(client.table.written)
        code, answer = await client.ask(method, path, {**body, "reason": "test"}, if_match=before)
        kept = await rows(client)

    assert (code, answer["given"], answer["current"]) == (412, before, client.truth.tag)
    assert (kept, len(client.table.written), client.restarts) == ([], written, [])


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_change_without_a_reason_is_refused(method: str, path: str, body: Any) -> None:
    async with served() as client:
        codes = [
            (await client.ask(method, path, {**body, **reason}))[0]
            for reason in ({}, {"reason": ""}, {"reason": " \t"}, {"reason": None}, {"reason": "x" * 1_001})
        ]
        kept = await rows(client)

    assert codes == [400] * 5
    assert (kept, client.table.written, client.restarts) == ([], [], [])


async def test_a_change_of_what_was_looked_at_is_made_and_gives_the_next_tag() -> None:
    async with served() as client:
        before = await client.tag("/api/v1/flags")
        code, _ = await client.ask(
            "PUT", "/api/v1/flags/payments", {"set": "25%", "reason": "test"}, if_match=f'"other", {before}'
        )
        after = await client.tag("/api/v1/flags")

    assert code == 200
    assert after not in (before, None)


async def test_a_tag_of_any_bytes_is_refused_like_any_other() -> None:
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        body = b'{"reason": "x"}'
        head = (
            f"POST /api/v1/guards/pay/trip HTTP/1.1\r\nHost: {client.address}\r\nConnection: close\r\n"
            f"Authorization: Bearer {client.token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        writer.write(head.encode() + b"If-Match: \xff\xfe\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 412 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["given"] == "\\udcff\\udcfe"


async def test_malformed_json_is_told_with_its_place() -> None:
    async with served() as client:
        broken = await client.ask("POST", "/api/v1/kill", data=b'{"is_on": true,\n  "reason": nope}')
        wrong = await client.ask("POST", "/api/v1/kill", {"is_on": "yes", "reason": "x"})
        bytes_ = await client.ask("POST", "/api/v1/kill", data=b'{"reason": "\xff"}')

    assert (broken[0], broken[1]["title"]) == (400, "bad_body")
    assert "at line 2, column 1" in broken[1]["detail"]
    assert wrong[1]["detail"] == "`is_on` has to be true or false, and is text."
    assert (wrong[0], bytes_[0]) == (400, 400)


@pytest.mark.parametrize("dry", ["", "?dry_run=true"])
async def test_a_name_that_stands_twice_is_refused_with_its_place_and_neither_is_taken(dry: str) -> None:
    twice = b'{"is_on": false,\n  "is_on": true, "reason": "x"}'
    nested = b'{"reason": "x", "flag": {"on": true,\n"on": false}}'

    async with served() as client:
        kill = await client.ask("POST", f"/api/v1/kill{dry}", data=twice)
        flag = await client.ask("PUT", f"/api/v1/flags/payments{dry}", data=nested)
        guards = (await client.ask("GET", "/api/v1/guards"))[1]

    assert (kill[0], kill[1]["title"]) == (400, "bad_body")
    assert kill[1]["detail"] == "`is_on` stands twice in one object at line 2, column 3."
    assert flag[1]["detail"] == "`on` stands twice in one object at line 2, column 1."
    assert guards["is_killed"] is False


async def test_a_parameter_that_is_not_known_or_stands_twice_is_refused_wherever_it_is_asked() -> None:
    async with served() as client:
        told = {}
        for operation in api.operations(client.surface):
            if operation.path.startswith("/api/"):
                for query in ("nope=1", "nope=1&nope=2"):
                    path = f"{path_of(operation)}?{query}"
                    code, found = await client.ask(operation.method, path, body_of(operation))
                    told[operation.name, query] = (code, found["title"])
        open_to_probes = (await client.ask("GET", "/healthz?nope=1"))[0]

    assert {one: found for one, found in told.items() if found != (400, "bad_query")} == {}
    assert open_to_probes == 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"abc", {"Content-Encoding": "gzip"}), (b'{"token": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", {})],
)
async def test_a_body_that_cannot_be_unpacked_or_has_no_end_of_nesting_is_refused(
    body: bytes, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as client:
        code, answer = await client.ask("POST", "/api/v1/session", data=body, Authorization="", **headers)
        deep = b'{"reason": "x", "flag": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001
        flag = await client.ask("PUT", "/api/v1/flags/x", data=deep)

    assert (code, answer["title"], flag[0]) == (400, "bad_body", 400)
    assert [record.message for record in caplog.records if record.name.startswith("strangler")] == []


async def test_who_leaves_before_the_body_is_there_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        head = f"POST /api/v1/session HTTP/1.1\r\nHost: {client.address}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        others = asyncio.all_tasks()
        writer.write(b"{")
        writer.transport.abort()
        await until(lambda: sum(not task.done() for task in others) < len(others))

    assert [record.message for record in caplog.records if record.name.startswith("strangler")] == []


async def test_a_body_that_is_too_large_is_refused_while_it_comes_in_pieces() -> None:
    async def pieces() -> Any:
        for _ in range(3):
            yield b" " * (MAX_BODY_BYTES // 2)

    async with served() as client:
        url = f"http://{client.address}/api/v1/kill"
        headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json", "If-Match": "*"}
        async with client.session.post(url, data=pieces(), headers=headers) as answer:
            code = answer.status

    assert code == 413


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/v1/flags/paymnts", ["payments"]),
        ("/api/v1/guards/pya", ["pay"]),
        ("/api/v1/shadow/payy", ["pay"]),
        ("/api/v1/flags/zzz", []),
    ],
)
async def test_a_name_that_there_is_not_is_told_with_the_nearest(path: str, wanted: list[str]) -> None:
    async with served() as client:
        await client.ask("PUT", "/api/v1/flags/payments", {"set": "25%", "reason": "test"})
        code, body = await client.ask("GET", path)

    assert (code, body.get("nearest", [])) == (404, wanted)


async def test_every_answer_keeps_browsers_from_running_and_framing_anything() -> None:
    async with served() as client:
        found = []
        for path in ("/healthz", "/api/v1/status", "/metrics", "/nowhere", "/api/v1/flags/none"):
            async with client.session.get(f"http://{client.address}{path}") as answer:
                found.append(answer.headers)

    for headers in found:
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


async def test_a_restart_is_asked_for_by_somebody_with_a_reason() -> None:
    async with served() as client:
        code, _ = await client.ask("POST", "/api/v1/restart", {"reason": "a leak"})

    assert (code, client.restarts) == (202, [("admin-token", "a leak")])


async def test_the_audit_log_is_filtered() -> None:
    async with served() as client:
        await client.ask("POST", "/api/v1/guards/pay/trip", {"reason": "one"})
        await client.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "two"})
        found = [
            [row["why"] for row in (await client.ask("GET", f"/api/v1/audit?{query}"))[1]["rows"]]
            for query in ("what=kill", "subject=pay", "who=nobody", "what=trip&subject=read", "who=admin-token&limit=1")
        ]

    assert found == [["two"], ["one"], [], ["with pay: one"], ["two"]]
