"""The admin API over a real socket, with flags in memory."""

import asyncio
import json
import logging
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from strangler.control.operations import MAX_BODY_BYTES
from tests.support.logs import said
from tests.support.surface import EXPLAINED, TOKEN, served


async def test_health_and_metrics_want_no_token() -> None:
    async with served() as client, aiohttp.ClientSession() as stranger:
        codes = []
        for path in ("/healthz", "/readyz", "/metrics"):
            async with stranger.get(f"http://{client.address}{path}") as answer:
                codes.append(answer.status)

    assert codes == [200, 200, 200]


async def test_not_ready_says_so_with_503() -> None:
    async with served(is_ready=False) as client:
        code, body = await client.ask("GET", "/readyz")

    assert code == 503
    assert body == {
        "status": "not ready",
        "unready": ["starting"],
        "lacks": [],
        "generation": 3,
        "workers": [],
        "config": "rejected",
        "flags": "ready",
        "restart": "never",
        "store": "",
    }


async def test_the_api_wants_the_token() -> None:
    async with served() as client:
        refused = [
            await client.ask(method, path, Authorization=wrong)
            for method, path in (("GET", "/api/v1/status"), ("PUT", "/api/v1/flags/x"), ("GET", "/api/none"))
            for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}")
        ]

    assert {code for code, _ in refused} == {401}
    assert client.table.written == []


@pytest.mark.parametrize("path", ["/api/v1/status", "/healthz", "/readyz", "/metrics"])
async def test_another_host_name_is_refused_even_with_the_token(path: str) -> None:
    async with served() as client:
        code, body = await client.ask("GET", path, Host=f"evil.example:{client.address.port}")

    assert (code, body["title"]) == (421, "bad_host")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/flags"),
        ("GET", "/api/v1/flags/x"),
        ("POST", "/api/v1/explain"),
        ("GET", "/%61pi/v1/status"),
        ("GET", "/api/v1/../v1/status"),
        ("HEAD", "/api/v1/status"),
    ],
)
async def test_no_spelling_of_the_api_is_open_without_the_token(method: str, path: str) -> None:
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {client.address}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_token_of_any_bytes_is_refused_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        request = f"GET /api/v1/status HTTP/1.1\r\nHost: {client.address}\r\nConnection: close\r\n"
        writer.write(request.encode() + b"Authorization: Bearer \xff\xfe\r\n\r\n")
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert "Traceback" not in caplog.text


async def test_refusals_are_logged_without_the_token_and_not_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as client:
        for _ in range(20):
            await client.ask("GET", "/api/v1/status", Authorization="Bearer guessed-token")

    lines = [record for record in caplog.records if record.getMessage() == "admin_unauthorized"]
    assert 1 <= len(lines) < 20
    fields = lines[0].__dict__["fields"]
    assert (fields["peer"], fields["path"]) == ("127.0.0.1", "/api/v1/status")
    assert "guessed-token" not in str([record.__dict__ for record in lines])


async def test_a_body_that_does_not_say_it_is_json_changes_nothing() -> None:
    other: dict[str, Any] = {"Content-Type": "text/plain"}

    async with served() as client:
        code, body = await client.ask("PUT", "/api/v1/flags/x", {"set": "on", "reason": "test"}, **other)

    assert (code, body["title"]) == (415, "bad_content_type")
    assert client.table.written == []


async def test_the_status_has_the_documented_fields() -> None:
    async with served() as client:
        _, body = await client.ask("GET", "/api/v1/status")

    assert body == {
        "version": "0",
        "generation": 3,
        "uptime_s": 1.0,
        "is_ready": True,
        "unready": [],
        "lacks": [],
        "comparer": None,
        "divergences": {"open": 0, "bytes": 0, "unlisted": 0, "is_full": False, "waiting": 0},
        "tls": None,
        "restart": {"number": 0, "state": "never", "replaced": 0, "workers": 0, "detail": ""},
        "config": {
            "file": "routes.yaml",
            "digest": "d",
            "disk_digest": "d",
            "state": "current",
            "faults": [],
            "needs_restart": [],
        },
        "flags": {"source": "embedded", "state": "ready", "detail": "", "version": 1},
        "workers": [],
        "upstreams": [],
        "routes": [],
        "unrouted": {
            "requests": 0,
            "failures": {"5xx": 0, "connect": 0, "timeout": 0, "reset": 0, "bad_framing": 0},
            "p50_ms": None,
            "p95_ms": None,
        },
        "is_killed": False,
        "store_fault": "",
    }


async def test_a_flag_that_was_set_is_listed_and_shown() -> None:
    async with served() as client:
        code, changed = await client.ask("PUT", "/api/v1/flags/payments", {"set": "25%", "reason": "test"})
        _, listed = await client.ask("GET", "/api/v1/flags")
        _, shown = await client.ask("GET", "/api/v1/flags/payments")

    assert (code, changed["summary"]["served_bp"]) == (200, 2_500)
    assert listed["flags"] == [shown["summary"]] == [changed["summary"]]
    assert client.table.written == [shown["flag"]]


async def test_a_whole_definition_can_be_put() -> None:
    flag = {
        "key": "payments",
        "version": 9,
        "on": True,
        "variations": [False, True],
        "offVariation": 0,
        "fallthrough": {"variation": 1},
    }

    async with served() as client:
        code, changed = await client.ask("PUT", "/api/v1/flags/payments", {"flag": flag, "reason": "test"})

    assert (code, changed["summary"]["served_bp"]) == (200, 10_000)


async def test_a_bad_change_is_refused_with_the_reason_and_changes_nothing() -> None:
    bodies: list[Any] = [
        {"set": "25", "reason": "test"},
        {"set": "101%", "reason": "test"},
        {"flag": {"key": "other"}, "reason": "test"},
        {"set": "on", "flag": {}, "reason": "test"},
        {"reason": "test"},
        {"set": "on"},
        {"set": "on", "reason": " "},
        {"sett": "on", "reason": "test"},
        [],
    ]

    async with served() as client:
        refused = [await client.ask("PUT", "/api/v1/flags/payments", body) for body in bodies]
        no_json, _ = await client.ask("PUT", "/api/v1/flags/payments", data=b"{")

    assert [code for code, _ in refused] == [422, 422, 422, 400, 400, 400, 400, 400, 400]
    assert no_json == 400
    assert "25%" in refused[0][1]["detail"]
    assert client.table.written == []


async def test_an_unknown_flag_is_404() -> None:
    async with served() as client:
        code, body = await client.ask("GET", "/api/v1/flags/none")

    assert (code, body["title"]) == (404, "flag_missing")


async def test_a_body_beyond_the_limit_is_refused() -> None:
    async with served() as client:
        code, body = await client.ask("PUT", "/api/v1/flags/payments", {"set": "x" * MAX_BODY_BYTES, "reason": "test"})

    assert (code, body["status"]) == (413, 413)


async def test_an_unknown_path_is_a_problem_with_the_nearest_that_there_is() -> None:
    async with served() as client:
        near, near_body = await client.ask("GET", "/api/v1/statuss")
        far, far_body = await client.ask("GET", "/" + "~" * 4_000)

    assert (near, near_body["title"], near_body["nearest"][0]) == (404, "not_found", "/api/v1/status")
    assert near_body["detail"] == "no path `/api/v1/statuss` is known. Did you mean `/api/v1/status`?"
    assert (far, far_body["title"]) == (404, "not_found")
    assert len(far_body["detail"]) < 4_000


async def test_strangers_are_told_of_no_path_that_is_not_open_to_them() -> None:
    async with served() as client:
        code, body = await client.ask("GET", "/apis/v1/status", Authorization="")
        _, near = await client.ask("GET", "/metrcs", Authorization="")

    assert code == 404
    assert "/api/v1/status" not in json.dumps(body)
    assert near["nearest"] == ["/metrics"]


async def test_a_wrong_method_is_a_problem_that_says_which_are_possible() -> None:
    async with served() as client:
        code, body = await client.ask("DELETE", "/api/v1/status")
        wanted = {"Authorization": f"Bearer {TOKEN}"}
        async with client.session.delete(f"http://{client.address}/api/v1/status", headers=wanted) as answer:
            headers = answer.headers

    assert (code, body["title"]) == (405, "method_not_allowed")
    assert body["detail"] == "DELETE is not possible here. Possible: GET, HEAD."
    assert headers["Allow"] == "GET, HEAD"
    assert (headers["Server"], headers["Cache-Control"]) == ("strangler", "no-store")


async def test_a_failing_store_or_handler_tells_nothing_of_the_inside() -> None:
    async with served(fails=True) as client:
        client.table.is_full = True
        store, store_body = await client.ask("PUT", "/api/v1/flags/payments", {"set": "on", "reason": "test"})
        inner, inner_body = await client.ask("POST", "/api/v1/explain", {"method": "GET", "target": "/"})

    assert (store, inner) == (503, 500)
    assert "secret" not in json.dumps([store_body, inner_body])


async def test_explain_passes_the_question_on() -> None:
    async with served() as client:
        code, body = await client.ask(
            "POST", "/api/v1/explain", {"method": "GET", "target": "/a", "headers": [["X-User-Id", "7"]]}
        )

    assert (code, body) == (200, {**EXPLAINED, "path": "/a"})


async def test_a_change_is_logged_with_the_trace_of_whoever_made_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trace = "0af7651916cd43dd8448eb211c80319c"
    begun: dict[str, Any] = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}

    async with served() as client:
        await client.ask("PUT", "/api/v1/flags/payments", {"set": "lots", "reason": "test"}, **begun)
        await client.ask("PUT", "/api/v1/flags/payments", {"set": "25%", "reason": "test"}, **begun)

    assert said(caplog.records) == [
        ("info", "flag_changed", {"flag": "payments", "set": "25%", "who": "admin-token", "trace_id": trace}),
    ]


async def test_nothing_else_in_the_process_is_traced_by_accident() -> None:
    before = web.Application

    async with served():
        assert web.Application is before


async def test_what_is_no_http_is_refused_and_no_log_has_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as client:
        reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hush\x00\r\n\r\n")
        status = await reader.readline()
        writer.close()

    assert b" 400 " in status
    assert "hush" not in caplog.text
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == []
