"""Seed: made-up data, the same on every machine.

Every value is a function of what it is about, so a service makes its own part alone and gets the monolith's values.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from extracted.database import Database

USERS = 200
PAYMENTS = 3000
NOTIFICATIONS = 1000
DEMO_PASSWORD = "demo-password"  # noqa: S105 - every seeded user's password; the users do not exist

_START = datetime(2024, 1, 1, 8, tzinfo=UTC)
_FIRST = ("Ada", "Bram", "Chiara", "Dilan", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Luca")
_LAST = (
    "Albers",
    "Bianchi",
    "Costa",
    "Demir",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Horvat",
    "Ito",
    "Jensen",
    "O'Neil",
)
_COUNTRIES = ("DE", "FR", "IT", "NL", "PL", "SE")
_PLANS = ("free", "team", "business")
_PERMISSIONS = ("payments", "invoices", "payroll", "approve", "export")
_KYC = (("approved", 2), ("approved", 2), ("approved", 1), ("pending", 1), ("rejected", 0), ("none", 0))
_DOCUMENTS = ("passport", "id_card", "driving_licence", "residence_permit")
_CURRENCIES = ("EUR", "EUR", "EUR", "GBP", "USD")
_NOTES = ("Rent", "Office supplies", "Invoice, thank you", "Lunch", "Träger & Söhne", None, None, None)
_TITLES = ("Payment received", "Payment sent", "Invoice due", "Payroll run finished", "New sign-in")
_CHANNELS = ("in_app", "in_app", "email", "sms")
_COMPONENTS = (
    ("payments", "operational", 99.98),
    ("payroll", "operational", 99.95),
    ("notifications", "degraded", 98.7),
    ("users", "operational", 99.99),
    ("invoices", "operational", 100.0),
)
_INCIDENTS = (
    (1, "payments", "Slow transaction history", "2024-02-11T09:30:00Z", "2024-02-11T10:05:00Z"),
    (2, "notifications", "E-mails sent twice", "2024-03-02T14:00:00Z", "2024-03-02T17:45:00Z"),
    (3, "notifications", "Text messages delayed", "2024-06-20T07:10:00Z", None),
)


def accounts(database: Database) -> None:
    """Fill `accounts`: the users that a service knows of, which it does not own."""
    database.fill("INSERT INTO accounts VALUES (?)", ((user,) for user in range(1, USERS + 1)))


def status(database: Database) -> None:
    """Fill the tables of the status service."""
    database.fill(
        "INSERT INTO components VALUES (?, ?, ?, ?)",
        ((position, *component) for position, component in enumerate(_COMPONENTS)),
    )
    database.fill("INSERT INTO incidents VALUES (?, ?, ?, ?, ?)", _INCIDENTS)


def draw(what: str, bound: int) -> int:
    """Return a number in 0..bound-1 that depends on nothing but `what`."""
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest()) % bound


def at(minutes: int) -> str:
    """Return a time of the seeded past."""
    return (_START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def users(database: Database, digest: Callable[[str, int], bytes]) -> None:
    """Fill the tables of the users service; `digest` makes what is stored of a password."""
    for user in range(1, USERS + 1):
        first, last = _FIRST[draw(f"first {user}", 12)], _LAST[draw(f"last {user}", 11)]
        email = f"{first}.{last}.{user}@example.com".lower().replace("'", "")
        phone = f"+49 151 {draw(f'phone {user}', 10**7):07d}" if draw(f"has phone {user}", 4) else None
        country, plan = _COUNTRIES[draw(f"country {user}", 6)], _PLANS[draw(f"plan {user}", 3)]
        created, updated = at(user * 30), at(user * 30 + draw(f"updated {user}", 200_000))
        database.run(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(user, f"{first} {last}", email, phone, country, plan),
            *(digest(DEMO_PASSWORD, user), created, updated),
        )
        drawn = sorted((draw(f"permission {user} {name}", 2**32), name) for name in _PERMISSIONS)
        names = [name for _, name in drawn]
        database.fill(
            "INSERT INTO permissions VALUES (?, ?, ?)",
            ((user, position, name) for position, name in enumerate(names[: draw(f"permissions {user}", 5)])),
        )
        status, level = _KYC[draw(f"kyc {user}", 6)]
        reviewed = at(user * 40) if status in {"approved", "rejected"} else None
        database.run("INSERT INTO kyc_cases VALUES (?, ?, ?, ?)", user, status, level, reviewed)
        for number in range(0 if status == "none" else 1 + draw(f"documents {user}", 2)):
            kind, end = (
                _DOCUMENTS[draw(f"kind {user} {number}", 4)],
                f"{draw(f'end {user} {number}', 10**4):04d}",
            )
            database.run(
                "INSERT INTO kyc_documents VALUES (?, ?, ?, ?, ?, ?)",
                *(user * 10 + number, user, kind, country, end, at(user * 30 + number + 5)),
            )


def payments(database: Database, name: Callable[[str], str], fee: Callable[[int], int]) -> None:
    """Fill the tables of the payments service; `name` makes an id, `fee` the fee of an amount."""
    accounts(database)
    for number in range(1, PAYMENTS + 1):
        sender = 1 + draw(f"sender {number}", USERS)
        receiver = 1 + (sender + draw(f"receiver {number}", USERS - 1)) % USERS
        # Half of all amounts are whole euros, as people pay; the others have cents.
        whole = draw(f"whole {number}", 2)
        amount = 100 * (1 + draw(f"euros {number}", 500)) if whole else 100 + draw(f"cents {number}", 200_000)
        cost, currency = fee(amount), _CURRENCIES[draw(f"currency {number}", 5)]
        key, time, note = name(f"seed {number}"), at(number * 80), _NOTES[draw(f"note {number}", 8)]
        database.run(
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, 'completed', ?)",
            *(key, sender, receiver, amount, cost, currency, note, time),
        )
        database.fill(
            "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (number * 2 - 1, sender, "sent", key, receiver, -amount, cost, currency, time),
                (number * 2, receiver, "received", key, sender, amount, 0, currency, time),
            ),
        )


def notifications(database: Database) -> None:
    """Fill the tables of the notifications service."""
    accounts(database)
    for number in range(1, NOTIFICATIONS + 1):
        title = _TITLES[draw(f"title {number}", 5)]
        read = at(number * 240 + 35) if draw(f"read {number}", 3) else None
        database.run(
            "INSERT INTO notifications VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(number, 1 + draw(f"notified {number}", USERS), _CHANNELS[draw(f"channel {number}", 4)]),
            *(title, f"{title}: see your account for details.", at(number * 240), read),
        )
