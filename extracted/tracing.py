"""Tracing: an application whose every request is a server span, child of the caller's `traceparent`."""

import warnings
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Middleware
from opentelemetry import trace
from opentelemetry.instrumentation.aiohttp_server import AioHttpServerInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider


def traced_application(
    name: str, middlewares: Iterable[Middleware], provider: TracerProvider | None
) -> web.Application:
    """Return an application instrumented by OpenTelemetry, outside of all `middlewares`.

    The instrumentation replaces `web.Application` in the whole process; it is put back at once, so that two
    applications in one process keep their own tracer providers.
    """
    provider = provider or TracerProvider(resource=Resource({"service.name": name}))
    instrumentor = AioHttpServerInstrumentor()
    with warnings.catch_warnings():
        # Because the instrumentation inherits from web.Application, which aiohttp discourages with a warning.
        warnings.simplefilter("ignore", DeprecationWarning)
        instrumentor.instrument(tracer_provider=provider)
    try:
        return web.Application(middlewares=list(middlewares), client_max_size=64 * 1024)
    finally:
        instrumentor.uninstrument()


def trace_id() -> str:
    """Return the current request's trace id, 32 hexadecimal digits."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
