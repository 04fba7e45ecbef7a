"""Users and authentication: who somebody is, and proving it."""

import hmac
import sqlite3
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from extracted.callers import LIFETIME_S, SESSION_COOKIE, Callers
from extracted.clock import Clock, iso
from extracted.database import Database
from extracted.problems import ProblemError
from extracted.reading import read_body
from extracted.users.passwords import digest

Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What proves an identity."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=200)]


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user may change of themselves; what is left out stays."""

    name: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    phone: Annotated[str, Meta(pattern=r"^\+[0-9 ]{6,20}$")] | UnsetType | None = UNSET
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | UnsetType = UNSET


class Users:
    """The endpoints of this area."""

    def __init__(self, database: Database, callers: Callers, now: Clock) -> None:
        self._database = database
        self._callers = callers
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [
            web.post("/api/login", self.log_in),
            web.get(r"/api/users/{id:\d+}", self.read),
            web.patch(r"/api/users/{id:\d+}", self.change),
        ]

    async def log_in(self, request: web.Request) -> web.Response:
        """Answer a right e-mail and password with a bearer token and a session cookie."""
        login = await read_body(request, Login)
        found = self._database.row("SELECT id, password_hash FROM users WHERE email = ?", login.email.lower())
        # Because an unknown e-mail must cost the same time as a wrong password, it is hashed all the same.
        expected = found["password_hash"] if found else bytes(64)
        right = hmac.compare_digest(expected, digest(login.password, found["id"] if found else 0))
        if found is None or not right:
            raise ProblemError(401, "bad_login", "The e-mail or the password is wrong.")
        user = int(found["id"])
        token, expires = self._callers.issue(user, "access")
        session, _ = self._callers.issue(user, "session")
        response = web.json_response(
            {"token": token, "token_type": "Bearer", "expires": expires, "user": self._user(user)}
        )
        response.set_cookie(SESSION_COOKIE, session, max_age=LIFETIME_S, httponly=True, samesite="Lax")
        response.headers["Cache-Control"] = "no-store"
        return response

    async def read(self, request: web.Request) -> web.Response:
        """Answer with the caller's own data."""
        user = self._callers.require_self(request, int(request.match_info["id"]))
        return web.json_response(self._user(user))

    async def change(self, request: web.Request) -> web.Response:
        """Change some of the caller's own data."""
        user = self._callers.require_self(request, int(request.match_info["id"]))
        change = await read_body(request, Change)
        self._user(user)
        fields: dict[str, Any] = msgspec.to_builtins(change)
        if not fields:
            raise ProblemError(422, "invalid", "Name at least one of: country, email, name, phone.")
        if "email" in fields:
            fields["email"] = fields["email"].lower()
        fields["updated_at"] = iso(self._now())
        # The names come from Change, never from the request.
        columns = ", ".join(f"{name} = ?" for name in fields)
        try:
            self._database.run(f"UPDATE users SET {columns} WHERE id = ?", *fields.values(), user)  # noqa: S608
        except sqlite3.IntegrityError as error:
            raise ProblemError(409, "email_taken", "Another user has this e-mail.") from error
        return web.json_response(self._user(user))

    def _user(self, user: int) -> dict[str, Any]:
        found = self._database.row(
            "SELECT id, name, email, phone, country, plan, created_at, updated_at FROM users WHERE id = ?",
            user,
        )
        if found is None:
            raise ProblemError(404, "no_such_user", f"There is no user {user}.")
        # The service's one divergence (docs/demo-divergences.md): the monolith keeps the order of granting.
        permissions = self._database.rows("SELECT name FROM permissions WHERE user_id = ? ORDER BY name", user)
        return {**found, "permissions": [permission["name"] for permission in permissions]}
