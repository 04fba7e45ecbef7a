"""Inbox: what a user is told, kept and streamed."""

import json
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from extracted.callers import Callers
from extracted.clock import Clock, iso
from extracted.database import Database
from extracted.notifications.stream import Broadcast
from extracted.problems import ProblemError
from extracted.reading import read_body, read_query

_COLUMNS = "SELECT id, user_id, channel, title, body, created_at, read_at FROM notifications"
_MAX_MISSED = 100
UserId = Annotated[int, Meta(ge=1, le=2**31)]


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notification to be sent."""

    user_id: UserId
    channel: Literal["in_app", "email", "sms"] = "in_app"
    title: Annotated[str, Meta(min_length=1, max_length=100)]
    body: Annotated[str, Meta(max_length=1000)] = ""


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose notifications to list, newest first; without `user`, the caller's."""

    user: UserId | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Listening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose notifications to stream; without `user`, the caller's."""

    user: UserId | None = None


class Notifications:
    """The endpoints of this area."""

    def __init__(self, database: Database, callers: Callers, now: Clock, broadcast: Broadcast) -> None:
        self._database = database
        self._callers = callers
        self._now = now
        self._broadcast = broadcast

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [
            web.get("/api/notifications", self.browse),
            web.post("/api/notifications", self.send),
            # Because a HEAD of an endless stream would never end.
            web.get("/api/notifications/stream", self.listen, allow_head=False),
        ]

    async def browse(self, request: web.Request) -> web.Response:
        """Answer with the caller's own notifications."""
        chosen = read_query(request, Selection)
        user = self._own(request, chosen.user)
        items = self._database.rows(f"{_COLUMNS} WHERE user_id = ? ORDER BY id DESC LIMIT ?", user, chosen.limit)
        return web.json_response({"items": [_told(item) for item in items]})

    async def send(self, request: web.Request) -> web.Response:
        """Keep a notification for any user and stream it to those who listen."""
        self._callers.require(request)
        draft = await read_body(request, Draft)
        if self._database.row("SELECT id FROM accounts WHERE id = ?", draft.user_id) is None:
            raise ProblemError(422, "no_such_user", f"There is no user {draft.user_id} - at `$.user_id`.")
        number = self._database.run(
            "INSERT INTO notifications (user_id, channel, title, body, created_at) VALUES (?, ?, ?, ?, ?)",
            *(draft.user_id, draft.channel, draft.title, draft.body, iso(self._now())),
        )
        [notification] = self._database.rows(f"{_COLUMNS} WHERE id = ?", number)
        self._broadcast.publish(draft.user_id, _event(notification))
        return web.json_response(_told(notification), status=201)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """Answer with an endless stream, from the event after `Last-Event-ID` on if one is named."""
        user = self._own(request, read_query(request, Listening).user)
        last = request.headers.get("Last-Event-ID", "")
        missed = (
            self._database.rows(
                f"{_COLUMNS} WHERE user_id = ? AND id > ? ORDER BY id LIMIT ?", user, int(last), _MAX_MISSED
            )
            if last.isascii() and last.isdigit() and len(last) < 19
            else []
        )
        return await self._broadcast.serve(request, user, [_event(item) for item in missed])

    def _own(self, request: web.Request, user: int | None) -> int:
        return self._callers.require(request) if user is None else self._callers.require_self(request, user)


def _event(notification: dict[str, Any]) -> bytes:
    return f"id: {notification['id']}\nevent: notification\ndata: {json.dumps(_told(notification))}\n\n".encode()


def _told(notification: dict[str, Any]) -> dict[str, Any]:
    """Leave `read_at` out while it is null.

    This is the service's one divergence (docs/demo-divergences.md): the monolith names it always.
    """
    return {name: value for name, value in notification.items() if name != "read_at" or value is not None}
