"""Callers: who sends a request, by `X-User-Id`, bearer token or session cookie, in this order.

`X-User-Id` is believed as it is, as behind a gateway that authenticates: right for a demo on loopback alone.
"""

import os

from aiohttp import web

from extracted import tokens
from extracted.clock import Clock
from extracted.problems import ProblemError

SESSION_COOKIE = "session"
LIFETIME_S = 12 * 3600
"""A working day, as payroll tools do."""
_DEMO_SECRET = "a demo secret that everybody knows"  # noqa: S105 - the demo's data is made up


class Callers:
    """Issues and checks proofs of identity; the sides share the secret, so a login holds on both."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._secret = os.environ.get("DEMO_JWT_SECRET", _DEMO_SECRET).encode()

    def issue(self, user: int, use: str) -> tuple[str, int]:
        """Return a token for `user` and the second at which it expires; `use` is `access` or `session`."""
        now = int(self._now().timestamp())
        expires = now + LIFETIME_S
        return tokens.sign({"sub": str(user), "use": use, "iat": now, "exp": expires}, self._secret), expires

    def require(self, request: web.Request) -> int:
        """Return the caller's id, or refuse the request."""
        named = request.headers.get("X-User-Id")
        if named is not None:
            user = _user_id(named)
        elif (scheme_token := request.headers.get("Authorization", "").split(" ", 1))[0].lower() == "bearer":
            user = self._subject(scheme_token[-1].strip(), "access")
        else:
            user = self._subject(request.cookies.get(SESSION_COOKIE, ""), "session")
        if user is None:
            raise ProblemError(
                401,
                "unauthenticated",
                "Say who calls: X-User-Id with a user's number, or the bearer token or the session cookie "
                "that POST /api/login gives.",
                WWW_Authenticate="Bearer",
            )
        return user

    def require_self(self, request: web.Request, user: int) -> int:
        """Return the caller's id if it is `user`, or refuse the request."""
        if self.require(request) != user:
            raise ProblemError(403, "not_yours", "This belongs to another user.")
        return user

    def _subject(self, token: str, use: str) -> int | None:
        claims = tokens.verify(token, self._secret, self._now().timestamp())
        return _user_id(str(claims.get("sub"))) if claims and claims.get("use") == use else None


def _user_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0 else None
