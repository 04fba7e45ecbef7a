"""Visits: what people do in the product, as short sequences of requests.

Each takes a `Caller` and asks through it; what comes back only matters where the next request needs it.
"""

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

USERS = 200
"""As many as are seeded."""
LISTENER = 42
"""Who keeps a stream of notifications open."""
_PASSWORD = "demo-password"  # noqa: S105 - every seeded user's; the users do not exist


class Caller(Protocol):
    """Somebody who uses the product."""

    user: int
    """Their number; 0 if they did not say who they are."""

    async def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return the answer's JSON, or None if it is an error or no JSON."""

    def remember(self, token: str) -> None:
        """Call with this bearer token from now on."""


async def look_around(caller: Caller) -> None:
    """The start page: the own profile and the latest notifications."""
    await caller.ask("GET", f"/api/users/{caller.user}")
    await caller.ask("GET", "/api/notifications?limit=20")


async def read_history(caller: Caller) -> None:
    """The transactions, and one payment of them."""
    history = await caller.ask("GET", f"/api/users/{caller.user}/transactions?limit=20")
    payments = [item["payment_id"] for item in (history or {}).get("items", ()) if item["payment_id"]]
    if payments:
        await caller.ask("GET", f"/api/payments/{random.choice(payments)}")


async def pay(caller: Caller) -> None:
    """A payment; one client in ten sends it twice, with the same key."""
    order = {"to_user": _another(caller.user), "amount_cents": random.randrange(100, 50_000), "currency": "EUR"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    payment = await caller.ask("POST", "/api/payments", order, key)
    if random.random() < 0.1:
        payment = await caller.ask("POST", "/api/payments", order, key)
    if payment:
        await caller.ask("GET", f"/api/payments/{payment['id']}")


async def notify(caller: Caller) -> None:
    """A message to somebody, often to the one who listens."""
    receiver = LISTENER if random.random() < 0.3 else _another(caller.user)
    await caller.ask("POST", "/api/notifications", {"user_id": receiver, "title": f"Hello from {caller.user}"})


async def verify(caller: Caller) -> None:
    """The state of the identity check; now and then a new document."""
    await caller.ask("GET", f"/api/users/{caller.user}/kyc")
    if random.random() < 0.1:
        document = {"kind": "passport", "country": "DE", "number": f"C{random.randrange(10**7):07d}"}
        await caller.ask("POST", f"/api/users/{caller.user}/kyc", document)


async def look_up_check(caller: Caller) -> None:
    """The state of the identity check alone."""
    await caller.ask("GET", f"/api/users/{caller.user}/kyc")


async def change_phone(caller: Caller) -> None:
    """A new telephone number."""
    phone = f"+49 151 {random.randrange(10**7):07d}"
    await caller.ask("PATCH", f"/api/users/{caller.user}", {"phone": phone})


async def log_in(caller: Caller) -> None:
    """A login, which stays on the monolith; its token says from then on who calls."""
    profile = await caller.ask("GET", f"/api/users/{caller.user}")
    if profile:
        login = await caller.ask("POST", "/api/login", {"email": profile["email"], "password": _PASSWORD})
        if login:
            caller.remember(login["token"])


async def keep_books(caller: Caller) -> None:
    """Invoices and payroll, which nobody has begun to move."""
    await caller.ask("GET", "/api/invoices?limit=20")
    await caller.ask("GET", "/api/payroll/runs")


async def check_status(caller: Caller) -> None:
    """The public status page."""
    await caller.ask("GET", "/api/status")


async def administer(caller: Caller) -> None:
    """The back office, in HTML."""
    page = random.choice(("", "/users", f"/users?page={random.randrange(1, 5)}", "/payments"))
    await caller.ask("GET", f"/admin{page}")


Visit = Callable[[Caller], Awaitable[None]]
MIX: Sequence[tuple[Visit, int]] = (
    (look_around, 26),
    (read_history, 28),
    (pay, 12),
    (notify, 8),
    (verify, 6),
    (change_phone, 3),
    (log_in, 2),
    (keep_books, 5),
    (check_status, 8),
    (administer, 2),
)
"""What is done how often, of a hundred visits. Reads are most of it, as in any such product."""
READS: Sequence[tuple[Visit, int]] = (
    (look_around, 30),
    (read_history, 40),
    (look_up_check, 10),
    (keep_books, 5),
    (check_status, 10),
    (administer, 5),
)
"""Nothing that changes data: each side has a database of its own, and they stay alike."""
ANONYMOUS: Sequence[Visit] = (check_status, administer)
"""Where nobody says who they are."""


def draw_visit(mix: Sequence[tuple[Visit, int]] = MIX) -> Visit:
    """Return one visit, each as often as the mix says."""
    return random.choices([visit for visit, _ in mix], [weight for _, weight in mix])[0]


def _another(user: int) -> int:
    return 1 + (user + random.randrange(USERS - 1)) % USERS
