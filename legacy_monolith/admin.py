"""Admin pages: what the back office looks at; they stay on the monolith to the end.

There is no log-in to them: they are part of a demo on loopback.
"""

from html import escape
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from legacy_monolith.database import Database
from legacy_monolith.reading import read_query

_PAGE = 50
_STYLE = """
:root {
  color-scheme: light dark;
  --ink: light-dark(#1d2733, #e6ebf2); --paper: light-dark(#fff, #12181f); --line: light-dark(#dfe5ec, #2a3542);
  --dim: light-dark(#64748b, #94a3b8); --hue: light-dark(#2563eb, #7aa7ff);
}
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
header { display: flex; gap: 1.5rem; align-items: baseline; padding: 1rem 2rem }
header { border-bottom: 1px solid var(--line) }
header b { margin-right: auto }
a { color: var(--hue); text-decoration: none }
a[aria-current] { color: inherit; font-weight: 600 }
main { padding: 1.5rem 2rem; max-width: 76rem; overflow-x: auto }
dl { display: grid; gap: 1rem; margin: 0 0 2rem; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)) }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem }
dt { color: var(--dim); font-size: .85rem } dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100% }
th { text-align: left; color: var(--dim); font-weight: 500; font-size: .85rem }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
.n { text-align: right; font-variant-numeric: tabular-nums }
"""
_PAGES = (("/admin", "Overview"), ("/admin/users", "Users"), ("/admin/payments", "Payments"))


class Sheet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of a long table, counted from 1."""

    page: Annotated[int, Meta(ge=1, le=100_000)] = 1


class Admin:
    """The pages of this area."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def routes(self) -> list[web.RouteDef]:
        """Return the pages with their handlers."""
        return [
            web.get("/admin", self.overview),
            web.get("/admin/users", self.users),
            web.get("/admin/payments", self.payments),
        ]

    async def overview(self, _: web.Request) -> web.Response:
        """Show totals and the latest payments."""
        totals = self._database.row(
            "SELECT (SELECT count(*) FROM users) AS Users, (SELECT count(*) FROM payments) AS Payments, "
            "(SELECT count(*) FROM kyc_cases WHERE status = 'pending') AS 'KYC to review', "
            "(SELECT count(*) FROM invoices WHERE payment_id IS NULL) AS 'Open invoices', "
            "(SELECT count(*) FROM payroll_runs) AS 'Payroll runs'"
        )
        tiles = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{value:,}</dd></div>" for name, value in (totals or {}).items()
        )
        return _page("/admin", f"<dl>{tiles}</dl><h2>Latest payments</h2>{self._payments(10, 0)}")

    async def users(self, request: web.Request) -> web.Response:
        """Show users, by id."""
        page = read_query(request, Sheet).page
        found = self._database.rows(
            'SELECT id AS "Id", name AS "Name", email AS "E-mail", country AS "Country", plan AS "Plan", '
            'status AS "KYC", created_at AS "Since" '
            "FROM users JOIN kyc_cases ON user_id = id ORDER BY id LIMIT ? OFFSET ?",
            *(_PAGE, (page - 1) * _PAGE),
        )
        return _page("/admin/users", _table(found) + _pager("/admin/users", page, len(found)))

    async def payments(self, request: web.Request) -> web.Response:
        """Show payments, latest first."""
        page = read_query(request, Sheet).page
        found = self._payments(_PAGE, (page - 1) * _PAGE)
        return _page("/admin/payments", found + _pager("/admin/payments", page, found.count("<tr>") - 1))

    def _payments(self, limit: int, offset: int) -> str:
        return _table(
            self._database.rows(
                'SELECT payments.id AS "Id", payments.created_at AS "Time", a.name AS "From", '
                'b.name AS "To", amount_cents AS "Amount", fee_cents AS "Fee", currency AS "Currency", '
                'note AS "Note" FROM payments '
                "JOIN users a ON a.id = from_user JOIN users b ON b.id = to_user "
                "ORDER BY payments.created_at DESC, payments.id LIMIT ? OFFSET ?",
                *(limit, offset),
            )
        )


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>Nothing here.</p>"
    head = "".join(f"<th{_align(name)}>{escape(name)}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td{_align(name)}>{_cell(name, value)}</td>" for name, value in row.items()) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _align(name: str) -> str:
    return ' class="n"' if name in {"Amount", "Fee"} else ""


def _cell(name: str, value: object) -> str:
    if name in {"Amount", "Fee"} and isinstance(value, int):
        return f"{value // 100:,}.{value % 100:02d}"
    return "" if value is None else escape(str(value))


def _pager(path: str, page: int, shown: int) -> str:
    earlier = f'<a href="{path}?page={page - 1}">Previous</a> ' if page > 1 else ""
    later = f'<a href="{path}?page={page + 1}">Next</a>' if shown == _PAGE else ""
    return f"<p>{earlier}Page {page} {later}</p>"


def _page(path: str, content: str) -> web.Response:
    title = dict(_PAGES)[path]
    links = "".join(
        f'<a href="{there}"{" aria-current=page" if there == path else ""}>{name}</a>' for there, name in _PAGES
    )
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title} · Admin</title><style>{_STYLE}</style><header><b>Admin</b>{links}</header>"
        f"<main><h1>{title}</h1>{content}</main></html>"
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "Cache-Control": "no-store",
    }
    return web.Response(text=text, content_type="text/html", headers=headers)
