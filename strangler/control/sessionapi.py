"""The admin API's part about a browser's session: sign in, who is that, sign out."""

import logging
from collections.abc import Callable
from typing import Annotated

import msgspec
from aiohttp import web

from strangler.control.binding import check_origin, refuse
from strangler.control.callers import Callers, cookie_name
from strangler.control.operations import Answer, Call, Caller, Operation, Refusal, Role
from strangler.control.sessions import LIFE_S
from strangler.control.tokentable import Session

LOG = logging.getLogger(__name__)


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person pastes on the sign-in page."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4_096)]


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as the audit log has it."""

    name: str
    role: str
    """`viewer` or `operator`."""
    way: str
    """`admin token`, `token`, `session` or `identity header`."""
    ends_at: float | None
    """When a session is over, in seconds since the epoch."""


def operations(callers: Callers, on_out: Callable[[], None]) -> tuple[Operation, ...]:
    """Return what a browser does to be known; `on_out` is called once a session has been ended."""
    return (
        Operation(
            method="POST",
            path="/api/v1/session",
            name="signIn",
            summary="Begin a browser's session with a token; the answer sets a cookie that no script can read.",
            role=Role.NOBODY,
            handler=lambda call: _sign_in(callers, call),
            no_dry_run="it begins a session of nobody but the one who asks, and tells whether the token is right",
            body=SignIn,
            answer=Who,
            problems=(401, 403, 429, 503),
        ),
        Operation(
            method="GET",
            path="/api/v1/session",
            name="getSession",
            summary="Who asks, and with which role.",
            role=Role.VIEWER,
            handler=lambda call: _who(call.caller, callers.session(call.request)),
            answer=Who,
        ),
        Operation(
            method="DELETE",
            path="/api/v1/session",
            name="signOut",
            summary="End the browser's session.",
            role=Role.VIEWER,
            handler=lambda call: _sign_out(callers, call, on_out),
            no_dry_run="it ends nothing but the session of the one who asks",
            answer=None,
            status=204,
            problems=(403, 503),
        ),
    )


def _sign_in(callers: Callers, call: Call) -> Answer:
    check_origin(call.request)
    signed = callers.sign_in(call.body.token, call.request)
    if isinstance(signed, Refusal):
        raise refuse(signed)
    fields = {"who": signed.caller.name, "peer": call.request.remote}
    LOG.info("admin_signed_in", extra={"fields": fields})
    cookie = _cookie(call.request, signed.text, round(LIFE_S))
    return Answer(value=_who(signed.caller, signed.session), status=200, headers={"Set-Cookie": cookie})


def _sign_out(callers: Callers, call: Call, on_out: Callable[[], None]) -> web.Response:
    callers.sign_out(call.request)
    on_out()
    return web.Response(status=204, headers={"Set-Cookie": _cookie(call.request, "", 0)})


def _cookie(request: web.Request, text: str, age_s: int) -> str:
    secure = "; Secure" if request.secure else ""
    return f"{cookie_name(request)}={text}; Max-Age={age_s}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _who(caller: Caller, session: Session | None) -> Who:
    ends_at = None if session is None else session.ends_at
    return Who(name=caller.name, role=caller.role.word, way=caller.way.value, ends_at=ends_at)
