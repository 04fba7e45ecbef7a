"""Tracing on both sides: OpenTelemetry's own instrumentation continues the caller's trace."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from extracted.options import Options
from legacy_monolith.wiring import application as monolith
from tests.demo_apps.apps import SERVICES, serve

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-User-Id": "7", "X-Request-Id": "request-1"}
every_app = pytest.mark.parametrize(
    ("name", "path", "template"),
    [
        ("monolith", "/api/users/7?", "/api/users/{id}"),
        ("status", "/api/status?", "/api/status"),
        ("notifications", "/api/notifications?user=7", "/api/notifications"),
        ("users", "/api/users/7?", "/api/users/{id}"),
        ("payments", "/api/users/7/transactions?limit=1", "/api/users/{id}/transactions"),
    ],
)


def traced(
    name: str, data: Path, provider: TracerProvider | None, log: Callable[[str], None] | None
) -> web.Application:
    if name == "monolith":
        return monolith(data, provider=provider, log=log)
    return SERVICES[name](Options(data=data, provider=provider, log=log))


@every_app
async def test_the_callers_span_is_the_parent_of_the_server_span(
    name: str, path: str, template: str, tmp_path: Path
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async with serve(traced(name, tmp_path, provider, None)) as client, client.get(path, headers=HEADERS) as response:
        assert response.status == 200

    [span] = exporter.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (span.name, span.kind) == (f"GET {template}", SpanKind.SERVER)
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)


@every_app
async def test_the_log_names_the_trace_and_the_request_but_not_the_query(
    name: str, path: str, template: str, tmp_path: Path
) -> None:
    lines: list[str] = []

    async with serve(traced(name, tmp_path, None, lines.append)) as client, client.get(path, headers=HEADERS):
        pass

    [line] = map(json.loads, lines)
    del line["time"], line["duration_ms"]
    assert line == {
        "service": name,
        "method": "GET",
        "path": path.split("?")[0],
        "status": 200,
        "trace_id": TRACE,
        "request_id": "request-1",
    }
