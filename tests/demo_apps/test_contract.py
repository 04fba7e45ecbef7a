"""The contract: an extracted service answers as the monolith does, but for its one documented divergence."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.demo_apps.apps import Client, build, serve
from tests.demo_apps.differing import ABSENT, Difference, differences

COMPARED_HEADERS = (
    "Content-Type",
    "Location",
    "Allow",
    "WWW-Authenticate",
    "Cache-Control",
    "Idempotency-Replayed",
    "Set-Cookie",
)
USERS = range(1, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to both sides."""

    method: str
    path: str
    caller: int | None = None
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What of an answer is the contract."""

    status: int
    headers: tuple[str | None, ...]
    body: Any


async def ask(client: Client, call: Call) -> Answer:
    headers = dict(call.headers)
    if call.caller is not None:
        headers["X-User-Id"] = str(call.caller)
    async with client.request(call.method, call.path, json=call.body, headers=headers) as response:
        text = await response.text()
        compared = tuple(response.headers.get(name) for name in COMPARED_HEADERS)
        return Answer(status=response.status, headers=compared, body=json.loads(text) if text else None)


def status_calls() -> Iterator[Call]:
    yield Call(method="GET", path="/api/status")
    yield Call(method="HEAD", path="/api/status")
    yield Call(method="DELETE", path="/api/status")


def notification_calls() -> Iterator[Call]:
    for user in USERS:
        yield Call(method="GET", path=f"/api/notifications?user={user}", caller=user)
    yield Call(method="GET", path="/api/notifications?limit=1", caller=3)
    yield Call(method="GET", path="/api/notifications?user=3", caller=4)
    yield Call(method="GET", path="/api/notifications?user=x", caller=4)
    yield Call(method="GET", path="/api/notifications")
    yield Call(method="GET", path="/api/notifications/stream?user=3", caller=4)
    good = {"user_id": 3, "channel": "email", "title": "Hello", "body": "Wörld"}
    bodies: tuple[object, ...] = (
        good,
        {"user_id": 3, "title": ""},
        {"user_id": 9999, "title": "x"},
        {"title": "x"},
        [],
        good | {"more": 1},
    )
    for body in bodies:
        yield Call(method="POST", path="/api/notifications", caller=3, body=body)
    yield Call(method="GET", path="/api/notifications?user=3", caller=3)


def user_calls() -> Iterator[Call]:
    for user in USERS:
        yield Call(method="GET", path=f"/api/users/{user}", caller=user)
        yield Call(method="GET", path=f"/api/users/{user}/kyc", caller=user)
    yield Call(method="GET", path="/api/users/7", caller=4)
    yield Call(method="GET", path="/api/users/7")
    yield Call(method="GET", path="/api/users/9999", caller=9999)
    yield Call(method="GET", path="/api/users/x", caller=7)
    for change in (
        {"name": "Zoë"},
        {"phone": None},
        {"email": "Zoe@Example.org"},
        {},
        {"plan": "free"},
        {"country": "germany"},
    ):
        yield Call(method="PATCH", path="/api/users/7", caller=7, body=change)
    yield Call(method="PATCH", path="/api/users/4", caller=4, body={"email": "zoe@example.org"})
    for body in ({"kind": "passport", "country": "DE", "number": "C01X00T47"}, {"kind": "library_card"}):
        yield Call(method="POST", path="/api/users/7/kyc", caller=7, body=body)
    for email, password in (
        ("zoe@example.org", "demo-password"),
        ("zoe@example.org", "wrong"),
        ("no@example.org", "x"),
    ):
        yield Call(method="POST", path="/api/login", body={"email": email, "password": password})
    yield Call(method="GET", path="/api/login")


def payment_calls() -> Iterator[Call]:
    for user in USERS:
        yield Call(method="GET", path=f"/api/users/{user}/transactions?limit=100", caller=user)
    yield Call(method="GET", path="/api/users/3/transactions?limit=4&before=4000", caller=3)
    for query in ("limit=0", "limit=x", "before=-1", "offset=3", "limit=1&limit=2"):
        yield Call(method="GET", path=f"/api/users/3/transactions?{query}", caller=3)
    yield Call(method="GET", path="/api/users/3/transactions", caller=4)
    order = {"to_user": 8, "amount_cents": 300, "currency": "EUR", "note": "Tea"}
    for number, body in enumerate(
        (
            *(order | {"amount_cents": amount} for amount in range(90, 1310, 10)),
            *(
                order | wrong
                for wrong in ({"to_user": 3}, {"to_user": 9999}, {"amount_cents": 0}, {"amount_cents": 1.5})
            ),
            *(
                order | wrong
                for wrong in ({"amount_cents": "1"}, {"currency": "XXX"}, {"more": 1}, {"note": "x" * 141})
            ),
        )
    ):
        key = {"Idempotency-Key": f"key-{number}"}
        yield Call(method="POST", path="/api/payments", caller=3, body=body, headers=key)
    for body in (order | {"amount_cents": 90}, order):
        yield Call(method="POST", path="/api/payments", caller=3, body=body, headers={"Idempotency-Key": "key-0"})
    yield Call(method="POST", path="/api/payments", caller=3, body=order, headers={"Idempotency-Key": "two words"})
    yield Call(method="POST", path="/api/payments", body=order)
    yield Call(method="GET", path="/api/payments/pay_none", caller=3)


def as_string(found: Difference) -> bool:
    return found.path == "$.components[*].uptime_percent" and found.service == str(found.monolith)


def null_left_out(found: Difference) -> bool:
    return found.path in {"$.read_at", "$.items[*].read_at"} and (found.monolith, found.service) == (None, ABSENT)


def reordered(found: Difference) -> bool:
    assert isinstance(found.monolith, list)
    return found.path in {"$.permissions", "$.user.permissions"} and found.service == sorted(found.monolith)


def half_to_even(found: Difference) -> bool:
    assert isinstance(found.monolith, int)
    assert isinstance(found.service, int)
    one_less = found.monolith - found.service == 1 and found.service % 2 == 0
    return found.path in {"$.fee_cents", "$.items[*].fee_cents"} and one_less


@pytest.mark.parametrize(
    ("name", "calls", "is_documented", "places"),
    [
        ("status", status_calls, as_string, {"$.components[*].uptime_percent"}),
        ("notifications", notification_calls, null_left_out, {"$.items[*].read_at", "$.read_at"}),
        ("users", user_calls, reordered, {"$.permissions", "$.user.permissions"}),
        ("payments", payment_calls, half_to_even, {"$.items[*].fee_cents", "$.fee_cents"}),
    ],
)
async def test_a_service_differs_from_the_monolith_in_its_documented_divergence_and_in_nothing_else(
    name: str,
    calls: Callable[[], Iterator[Call]],
    is_documented: Callable[[Difference], bool],
    places: set[str],
    tmp_path: Path,
) -> None:
    found: list[Difference] = []

    async with serve(build("monolith", tmp_path)) as monolith, serve(build(name, tmp_path)) as service:
        for call in calls():
            expected, actual = await ask(monolith, call), await ask(service, call)
            assert (actual.status, actual.headers) == (expected.status, expected.headers), call
            found += differences(expected.body, actual.body)

    assert [difference for difference in found if not is_documented(difference)] == []
    assert {difference.path for difference in found} == places


async def test_seeded_payments_read_the_same_but_for_the_fee_of_some(tmp_path: Path) -> None:
    async with serve(build("monolith", tmp_path)) as monolith, serve(build("payments", tmp_path)) as service:
        history = await ask(monolith, Call(method="GET", path="/api/users/9/transactions?limit=200", caller=9))
        calls = [
            Call(method="GET", path=f"/api/payments/{item['payment_id']}", caller=9) for item in history.body["items"]
        ]

        found = [differences((await ask(monolith, call)).body, (await ask(service, call)).body) for call in calls]

    assert [difference for each in found for difference in each if not half_to_even(difference)] == []
    assert 0 < sum(map(len, found)) < len(calls) / 3


@pytest.mark.parametrize("name", ["monolith", "status", "notifications", "users", "payments"])
async def test_every_answer_says_who_gave_it(name: str, tmp_path: Path) -> None:
    async with serve(build(name, tmp_path)) as client:
        answers = [(await client.get(path)).headers["X-Served-By"] for path in ("/healthz", "/nowhere")]

    assert answers == [name, name]
