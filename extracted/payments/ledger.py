"""The payments service: payments and the transaction history, with exactly one payment for each key."""

import hashlib
import json
import re
import secrets
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from extracted.callers import Callers
from extracted.clock import Clock, iso
from extracted.database import Database
from extracted.payments.money import fee_cents, payment_id
from extracted.problems import ProblemError
from extracted.reading import read_body, read_query

Currency = Literal["EUR", "GBP", "USD"]
_KEY_FORM = re.compile(r"[\x21-\x7e]{1,255}")


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment that the caller wants made."""

    to_user: Annotated[int, Meta(ge=1, le=2**31)]
    amount_cents: Annotated[int, Meta(ge=1, le=100_000_000)]
    currency: Currency
    note: Annotated[str, Meta(max_length=140)] | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a history, newest first: at most `limit` entries older than `before`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: Annotated[int, Meta(ge=1, le=2**62)] = 2**62


class Payments:
    """The endpoints of this area."""

    def __init__(self, database: Database, callers: Callers, now: Clock) -> None:
        self._database = database
        self._callers = callers
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [
            web.post("/api/payments", self.create),
            web.get("/api/payments/{id}", self.read),
            web.get(r"/api/users/{id:\d+}/transactions", self.history),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Make a payment; with an `Idempotency-Key`, at most once, and every retry gets the first answer."""
        sender = self._callers.require(request)
        key = _idempotency_key(request)
        order = await read_body(request, Order)
        fingerprint = hashlib.sha256(msgspec.json.encode(order)).hexdigest()
        with self._database.writing():
            if key is None:
                payment = self._pay(sender, order, payment_id(secrets.token_hex(16)))
                return _created(json.dumps(payment), payment["id"])
            kept = self._database.row(
                "SELECT fingerprint, body FROM idempotency WHERE user_id = ? AND key = ?", sender, key
            )
            if kept is not None:
                if kept["fingerprint"] != fingerprint:
                    raise ProblemError(
                        422,
                        "key_reused",
                        "This Idempotency-Key was used for another payment; take a new one.",
                    )
                return _created(kept["body"], json.loads(kept["body"])["id"], replayed=True)
            # The id follows from the caller and the key, so that a payment made twice is found by its id.
            payment = self._pay(sender, order, payment_id(f"key {sender} {key}"))
            body = json.dumps(payment)
            self._database.run(
                "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)",
                *(sender, key, fingerprint, body, iso(self._now())),
            )
        return _created(body, payment["id"])

    async def read(self, request: web.Request) -> web.Response:
        """Answer with a payment that the caller sent or received."""
        caller = self._callers.require(request)
        payment = find(self._database, request.match_info["id"])
        if payment is None or caller not in {payment["from_user"], payment["to_user"]}:
            raise ProblemError(404, "no_such_payment", "There is no such payment of yours.")
        return web.json_response(payment)

    async def history(self, request: web.Request) -> web.Response:
        """Answer with one page of the caller's own transactions, newest first."""
        user = self._callers.require_self(request, int(request.match_info["id"]))
        page = read_query(request, Page)
        found = self._database.rows(
            "SELECT id, kind, payment_id, counterparty, amount_cents, fee_cents, currency, created_at "
            "FROM transactions WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            *(user, page.before, page.limit + 1),
        )
        items = found[: page.limit]
        return web.json_response({"items": items, "next_before": items[-1]["id"] if len(found) > len(items) else None})

    def _pay(self, sender: int, order: Order, key: str) -> dict[str, Any]:
        if sender == order.to_user:
            raise ProblemError(422, "invalid", "The receiver must be somebody else - at `$.to_user`.")
        for user, where in ((sender, "the caller"), (order.to_user, "`$.to_user`")):
            if self._database.row("SELECT id FROM accounts WHERE id = ?", user) is None:
                raise ProblemError(422, "no_such_user", f"There is no user {user} - at {where}.")
        return transfer(
            *(self._database, key, sender, order.to_user, order.amount_cents),
            *(order.currency, order.note, iso(self._now())),
        )


def transfer(
    database: Database,
    key: str,
    sender: int,
    receiver: int,
    amount: int,
    currency: str,
    note: str | None,
    time: str,
) -> dict[str, Any]:
    """Make a payment and both its transactions; the caller holds the transaction open."""
    fee = fee_cents(amount)
    database.run(
        "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, 'completed', ?)",
        *(key, sender, receiver, amount, fee, currency, note, time),
    )
    for user, kind, other, signed, user_fee in (
        (sender, "sent", receiver, -amount, fee),
        (receiver, "received", sender, amount, 0),
    ):
        database.run(
            "INSERT INTO transactions "
            "(user_id, kind, payment_id, counterparty, amount_cents, fee_cents, currency, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(user, kind, key, other, signed, user_fee, currency, time),
        )
    return {
        "id": key,
        "from_user": sender,
        "to_user": receiver,
        "amount_cents": amount,
        "fee_cents": fee,
        "currency": currency,
        "note": note,
        "status": "completed",
        "created_at": time,
    }


def find(database: Database, key: str) -> dict[str, Any] | None:
    """Return a payment as the contract has it, or None."""
    return database.row(
        "SELECT id, from_user, to_user, amount_cents, fee_cents, currency, note, status, created_at "
        "FROM payments WHERE id = ?",
        key,
    )


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY_FORM.fullmatch(key):
        raise ProblemError(400, "bad_key", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return key


def _created(body: str, key: str, *, replayed: bool = False) -> web.Response:
    headers = {"Location": f"/api/payments/{key}"} | ({"Idempotency-Replayed": "true"} if replayed else {})
    return web.Response(status=201, text=body, content_type="application/json", headers=headers)
