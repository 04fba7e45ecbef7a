"""Request log: one line of JSON on standard error for each request, with the ids that tie it to a trace."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from extracted.tracing import trace_id


def write_line(line: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(line + "\n")


def logged(service: str, write: Callable[[str], None]) -> Middleware:
    """Return a middleware that writes a line when a request ends, however it ends; the query is left out."""

    @web.middleware
    async def log(request: web.Request, handler: Handler) -> web.StreamResponse:
        start = time.monotonic()
        status = 0
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            write(
                json.dumps(
                    {
                        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                        "service": service,
                        "method": request.method,
                        "path": request.path,
                        "status": status,
                        "duration_ms": round((time.monotonic() - start) * 1000, 3),
                        "trace_id": trace_id(),
                        "request_id": request.headers.get("X-Request-Id", ""),
                    }
                )
            )

    return log
