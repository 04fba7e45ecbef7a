"""KYC ("know your customer"): how far a user's identity was checked, and on which documents."""

from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from extracted.callers import Callers
from extracted.clock import Clock, iso
from extracted.database import Database
from extracted.problems import ProblemError
from extracted.reading import read_body


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document handed in for review."""

    kind: Literal["passport", "id_card", "driving_licence", "residence_permit"]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
    number: Annotated[str, Meta(pattern=r"^[A-Z0-9]{5,20}$")]


class Kyc:
    """The endpoints of this area."""

    def __init__(self, database: Database, callers: Callers, now: Clock) -> None:
        self._database = database
        self._callers = callers
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [
            web.get(r"/api/users/{id:\d+}/kyc", self.read),
            web.post(r"/api/users/{id:\d+}/kyc", self.submit),
        ]

    async def read(self, request: web.Request) -> web.Response:
        """Answer with the caller's own case."""
        user = self._callers.require_self(request, int(request.match_info["id"]))
        return web.json_response(self._case(user))

    async def submit(self, request: web.Request) -> web.Response:
        """Add a document and put the case up for review; only the end of the document's number is kept."""
        user = self._callers.require_self(request, int(request.match_info["id"]))
        document = await read_body(request, Document)
        self._case(user)
        with self._database.writing():
            self._database.run(
                "INSERT INTO kyc_documents (user_id, kind, country, number_end, submitted_at) VALUES (?, ?, ?, ?, ?)",
                *(user, document.kind, document.country, document.number[-4:], iso(self._now())),
            )
            self._database.run("UPDATE kyc_cases SET status = 'pending', reviewed_at = NULL WHERE user_id = ?", user)
        return web.json_response(self._case(user), status=201)

    def _case(self, user: int) -> dict[str, Any]:
        found = self._database.row("SELECT user_id, status, level, reviewed_at FROM kyc_cases WHERE user_id = ?", user)
        if found is None:
            raise ProblemError(404, "no_such_user", f"There is no user {user}.")
        documents = self._database.rows(
            "SELECT id, kind, country, number_end, submitted_at FROM kyc_documents WHERE user_id = ? ORDER BY id",
            user,
        )
        return {**found, "documents": documents}
