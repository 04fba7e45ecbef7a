"""Problems: every error answer of the application (RFC 9457)."""

import json
import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

_log = logging.getLogger(__name__)


class ProblemError(Exception):
    """A request that cannot be served: `code` names the reason, `detail` tells the caller how to mend it."""

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error as an answer."""
    body = {
        "type": f"urn:demo:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return web.Response(status=status, text=json.dumps(body), content_type="application/problem+json", headers=headers)


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a handler into a problem, so that no caller has to read HTML or a traceback."""
    try:
        return await handler(request)
    except ProblemError as error:
        return problem(error.status, error.code, error.detail, error.headers)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        code = error.reason.lower().replace(" ", "_")
        return problem(error.status, code, f"{request.method} {request.path}: {error.reason}", allow)
    except Exception:  # noqa: BLE001
        # Because this is the request's outermost step, whatever failed inside is one request's failure only.
        _log.exception("%s %s failed", request.method, request.path)
        return problem(500, "internal", "The application failed.")
