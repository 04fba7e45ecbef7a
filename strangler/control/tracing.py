"""Tracing: every admin request is a server span, child of the caller's `traceparent` (W3C Trace Context).

So a change that a pipeline makes stands in the log with the trace that the pipeline began.
"""

import warnings
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Middleware
from opentelemetry import trace
from opentelemetry.instrumentation.aiohttp_server import AioHttpServerInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider


def traced_application(middlewares: Iterable[Middleware], *, max_body_bytes: int) -> web.Application:
    """Return an application instrumented by OpenTelemetry, outside of all `middlewares`.

    The instrumentation replaces `web.Application` in the whole process; it is put back at once, so that nothing else
    in it is traced by accident.
    """
    instrumentor = AioHttpServerInstrumentor()
    with warnings.catch_warnings():
        # Because the instrumentation subclasses web.Application, which aiohttp discourages with a warning.
        warnings.simplefilter("ignore", DeprecationWarning)
        instrumentor.instrument(tracer_provider=TracerProvider(resource=Resource({"service.name": "strangler"})))
    try:
        return web.Application(client_max_size=max_body_bytes, middlewares=list(middlewares))
    finally:
        instrumentor.uninstrument()


def trace_id() -> str:
    """Return the current admin request's trace id, 32 hexadecimal digits."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
