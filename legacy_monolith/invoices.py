"""Invoices: what a user asks another to pay."""

from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from legacy_monolith.callers import Callers
from legacy_monolith.clock import Clock, iso
from legacy_monolith.database import Database
from legacy_monolith.money import payment_id
from legacy_monolith.payments import Currency, transfer
from legacy_monolith.problems import ProblemError
from legacy_monolith.reading import read_body, read_query

_COLUMNS = """
SELECT id, issuer, payer, currency, due_on, iif(payment_id IS NULL, 'open', 'paid') AS status, payment_id,
  created_at,
  (SELECT sum(quantity * unit_cents) FROM invoice_lines WHERE invoice_id = invoices.id) AS total_cents
FROM invoices
"""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One position of an invoice."""

    description: Annotated[str, Meta(min_length=1, max_length=200)]
    quantity: Annotated[int, Meta(ge=1, le=10_000)]
    unit_cents: Annotated[int, Meta(ge=1, le=10_000_000)]


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invoice to be issued."""

    payer: Annotated[int, Meta(ge=1, le=2**31)]
    currency: Currency
    due_on: Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=50)]


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which invoices to list, newest first."""

    status: Literal["open", "paid", "any"] = "any"
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: Annotated[int, Meta(ge=1, le=2**62)] = 2**62


class Invoices:
    """The endpoints of this area."""

    def __init__(self, database: Database, callers: Callers, now: Clock) -> None:
        self._database = database
        self._callers = callers
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [
            web.get("/api/invoices", self.browse),
            web.post("/api/invoices", self.issue),
            web.get(r"/api/invoices/{id:\d+}", self.read),
            web.post(r"/api/invoices/{id:\d+}/pay", self.pay),
        ]

    async def browse(self, request: web.Request) -> web.Response:
        """Answer with invoices that the caller issued or has to pay."""
        caller = self._callers.require(request)
        chosen = read_query(request, Selection)
        found = self._database.rows(
            f"SELECT * FROM ({_COLUMNS}) "  # noqa: S608 - a constant
            "WHERE (issuer = ?1 OR payer = ?1) AND id < ?2 "
            "AND (?3 = 'any' OR status = ?3) ORDER BY id DESC LIMIT ?4",
            *(caller, chosen.before, chosen.status, chosen.limit + 1),
        )
        items = found[: chosen.limit]
        return web.json_response({"items": items, "next_before": items[-1]["id"] if len(found) > len(items) else None})

    async def issue(self, request: web.Request) -> web.Response:
        """Issue an invoice to another user."""
        issuer = self._callers.require(request)
        draft = await read_body(request, Draft)
        if draft.payer == issuer:
            raise ProblemError(422, "invalid", "The payer must be somebody else - at `$.payer`.")
        for user in (issuer, draft.payer):
            if self._database.row("SELECT id FROM users WHERE id = ?", user) is None:
                raise ProblemError(422, "no_such_user", f"There is no user {user}.")
        with self._database.writing():
            number = self._database.run(
                "INSERT INTO invoices (issuer, payer, currency, due_on, created_at) VALUES (?, ?, ?, ?, ?)",
                *(issuer, draft.payer, draft.currency, draft.due_on, iso(self._now())),
            )
            self._database.fill(
                "INSERT INTO invoice_lines VALUES (?, ?, ?, ?, ?)",
                (
                    (number, position, line.description, line.quantity, line.unit_cents)
                    for position, line in enumerate(draft.lines)
                ),
            )
        return web.json_response(
            self._invoice(issuer, number), status=201, headers={"Location": f"/api/invoices/{number}"}
        )

    async def read(self, request: web.Request) -> web.Response:
        """Answer with an invoice of the caller's."""
        caller = self._callers.require(request)
        return web.json_response(self._invoice(caller, int(request.match_info["id"])))

    async def pay(self, request: web.Request) -> web.Response:
        """Pay an invoice, once: a second try is a conflict."""
        caller = self._callers.require(request)
        number = int(request.match_info["id"])
        with self._database.writing():
            invoice = self._invoice(caller, number)
            if invoice["payer"] != caller:
                raise ProblemError(403, "not_yours", "Only the payer pays an invoice.")
            if invoice["payment_id"] is not None:
                raise ProblemError(409, "already_paid", "This invoice is paid.")
            payment = transfer(
                *(self._database, payment_id(f"invoice {number}"), caller, invoice["issuer"]),
                *(invoice["total_cents"], invoice["currency"], f"Invoice {number}", iso(self._now())),
            )
            self._database.run("UPDATE invoices SET payment_id = ? WHERE id = ?", payment["id"], number)
        return web.json_response(self._invoice(caller, number))

    def _invoice(self, caller: int, number: int) -> dict[str, Any]:
        found = self._database.row(f"{_COLUMNS} WHERE id = ?1 AND (issuer = ?2 OR payer = ?2)", number, caller)
        if found is None:
            raise ProblemError(404, "no_such_invoice", "There is no such invoice of yours.")
        lines = self._database.rows(
            "SELECT description, quantity, unit_cents FROM invoice_lines WHERE invoice_id = ? ORDER BY position",
            number,
        )
        return {**found, "lines": lines}
