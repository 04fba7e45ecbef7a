"""Payroll: an employer pays all salaries of a month in one run, or none of them."""

import sqlite3
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from legacy_monolith.callers import Callers
from legacy_monolith.clock import Clock, iso
from legacy_monolith.database import Database
from legacy_monolith.payments import Currency
from legacy_monolith.problems import ProblemError
from legacy_monolith.reading import read_body

_COLUMNS = """
SELECT id, employer, period, currency, created_at,
  (SELECT count(*) FROM payroll_items WHERE run_id = payroll_runs.id) AS employees,
  (SELECT sum(amount_cents) FROM payroll_items WHERE run_id = payroll_runs.id) AS total_cents
FROM payroll_runs
"""


class Salary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one employee gets."""

    employee: Annotated[int, Meta(ge=1, le=2**31)]
    amount_cents: Annotated[int, Meta(ge=1, le=100_000_000)]


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run to be made."""

    period: Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    currency: Currency
    items: Annotated[tuple[Salary, ...], Meta(min_length=1, max_length=500)]


class Payroll:
    """The endpoints of this area."""

    def __init__(self, database: Database, callers: Callers, now: Clock) -> None:
        self._database = database
        self._callers = callers
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [
            web.get("/api/payroll/runs", self.browse),
            web.post("/api/payroll/runs", self.make),
            web.get(r"/api/payroll/runs/{id:\d+}", self.read),
        ]

    async def browse(self, request: web.Request) -> web.Response:
        """Answer with all runs of the caller, newest period first."""
        employer = self._callers.require(request)
        runs = self._database.rows(f"{_COLUMNS} WHERE employer = ? ORDER BY period DESC", employer)
        return web.json_response({"items": runs})

    async def make(self, request: web.Request) -> web.Response:
        """Pay a month's salaries; a second run for the month is a conflict."""
        employer = self._callers.require(request)
        draft = await read_body(request, Draft)
        time = iso(self._now())
        try:
            with self._database.writing():
                run = self._database.run(
                    "INSERT INTO payroll_runs (employer, period, currency, created_at) VALUES (?, ?, ?, ?)",
                    *(employer, draft.period, draft.currency, time),
                )
                for item in draft.items:
                    self._pay(run, employer, item, draft.currency, time)
        except sqlite3.IntegrityError as error:
            raise ProblemError(
                409, "conflict", "This month has a run, an employee is named twice, or a user does not exist."
            ) from error
        return web.json_response(self._run(employer, run), status=201, headers={"Location": f"/api/payroll/runs/{run}"})

    async def read(self, request: web.Request) -> web.Response:
        """Answer with one run of the caller."""
        employer = self._callers.require(request)
        return web.json_response(self._run(employer, int(request.match_info["id"])))

    def _pay(self, run: int, employer: int, item: Salary, currency: str, time: str) -> None:
        self._database.run("INSERT INTO payroll_items VALUES (?, ?, ?)", run, item.employee, item.amount_cents)
        self._database.fill(
            "INSERT INTO transactions "
            "(user_id, kind, counterparty, amount_cents, fee_cents, currency, created_at) "
            "VALUES (?, ?, ?, ?, 0, ?, ?)",
            (
                (employer, "payroll", item.employee, -item.amount_cents, currency, time),
                (item.employee, "salary", employer, item.amount_cents, currency, time),
            ),
        )

    def _run(self, employer: int, run: int) -> dict[str, Any]:
        found = self._database.row(f"{_COLUMNS} WHERE id = ? AND employer = ?", run, employer)
        if found is None:
            raise ProblemError(404, "no_such_run", "There is no such run of yours.")
        items = self._database.rows(
            "SELECT employee, amount_cents FROM payroll_items WHERE run_id = ? ORDER BY employee", run
        )
        return {**found, "items": items}
