"""What stays on the monolith: invoices, payroll and the admin pages."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.demo_apps.apps import Client, build

LINES = [
    {"description": "Paint", "quantity": 3, "unit_cents": 1999},
    {"description": "Brush", "quantity": 1, "unit_cents": 350},
]
INVOICE = {"payer": 8, "currency": "EUR", "due_on": "2024-08-01", "lines": LINES}
RUN = {
    "period": "2024-07",
    "currency": "EUR",
    "items": [{"employee": 11, "amount_cents": 250_000}, {"employee": 12, "amount_cents": 300_000}],
}


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, tmp_path: Path) -> Client:
    return await aiohttp_client(build("monolith", tmp_path))


async def ask(client: Client, method: str, path: str, *, user: int, body: object = None) -> tuple[int, Any]:
    async with client.request(method, path, json=body, headers={"X-User-Id": str(user)}) as response:
        return response.status, await response.json()


async def test_an_invoice_is_issued_paid_once_and_in_both_histories(client: Client) -> None:
    _, issued = await ask(client, "POST", "/api/invoices", user=7, body=INVOICE)
    place = f"/api/invoices/{issued['id']}"

    paid, invoice = await ask(client, "POST", f"{place}/pay", user=8)
    again, _ = await ask(client, "POST", f"{place}/pay", user=8)

    histories = [await ask(client, "GET", f"/api/users/{user}/transactions?limit=1", user=user) for user in (7, 8)]
    assert (issued["status"], issued["total_cents"], issued["lines"]) == ("open", 6347, LINES)
    assert (paid, invoice["status"], again) == (200, "paid", 409)
    assert [history["items"][0]["payment_id"] for _, history in histories] == [invoice["payment_id"]] * 2
    assert [history["items"][0]["amount_cents"] for _, history in histories] == [6347, -6347]


async def test_only_the_payer_pays_and_only_the_two_parties_see_an_invoice(client: Client) -> None:
    _, issued = await ask(client, "POST", "/api/invoices", user=7, body=INVOICE)
    place = f"/api/invoices/{issued['id']}"

    statuses = [
        (await ask(client, "POST", f"{place}/pay", user=7))[0],
        (await ask(client, "GET", place, user=8))[0],
        (await ask(client, "GET", place, user=9))[0],
    ]

    assert statuses == [403, 200, 404]


async def test_invoices_are_listed_by_status_for_their_parties(client: Client) -> None:
    _, one = await ask(client, "POST", "/api/invoices", user=7, body=INVOICE)
    _, two = await ask(client, "POST", "/api/invoices", user=7, body=INVOICE)
    await ask(client, "POST", f"/api/invoices/{one['id']}/pay", user=8)

    _, paid = await ask(client, "GET", "/api/invoices?status=paid", user=8)
    _, latest = await ask(client, "GET", "/api/invoices?limit=1", user=8)

    assert [invoice["id"] for invoice in paid["items"]] == [one["id"]]
    assert ([invoice["id"] for invoice in latest["items"]], latest["next_before"]) == ([two["id"]], two["id"])


async def test_a_payroll_run_pays_everybody_once_a_month(client: Client) -> None:
    made, run = await ask(client, "POST", "/api/payroll/runs", user=30, body=RUN)

    again, _ = await ask(client, "POST", "/api/payroll/runs", user=30, body=RUN)

    _, salary = await ask(client, "GET", "/api/users/12/transactions?limit=1", user=12)
    assert (made, run["total_cents"], run["employees"], again) == (201, 550_000, 2, 409)
    assert (salary["items"][0]["kind"], salary["items"][0]["amount_cents"]) == ("salary", 300_000)
    assert await ask(client, "GET", f"/api/payroll/runs/{run['id']}", user=30) == (200, run)


async def test_a_payroll_run_with_one_wrong_employee_pays_nobody(client: Client) -> None:
    items = [*RUN["items"], {"employee": 9999, "amount_cents": 1}]
    before = await ask(client, "GET", "/api/users/11/transactions?limit=1", user=11)

    status, _ = await ask(client, "POST", "/api/payroll/runs", user=30, body=RUN | {"items": items})

    assert status == 409
    assert await ask(client, "GET", "/api/payroll/runs", user=30) == (200, {"items": []})
    assert await ask(client, "GET", "/api/users/11/transactions?limit=1", user=11) == before


class _Tags(HTMLParser):
    """Collects the names of tags and the addresses that a page fetches or links to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.fetched: set[str | None] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.fetched |= {value for name, value in attrs if name in {"src", "href"}}


@pytest.mark.parametrize("path", ["/admin", "/admin/users", "/admin/payments", "/admin/users?page=99"])
async def test_an_admin_page_fetches_nothing_from_elsewhere(client: Client, path: str) -> None:
    async with client.get(path) as response:
        text = await response.text()

    tags = _Tags()
    tags.feed(text)
    assert response.status == 200
    assert [address for address in tags.fetched if not (address or "").startswith("/admin")] == []


async def test_what_users_write_is_shown_as_text(client: Client) -> None:
    body = {"to_user": 8, "amount_cents": 100, "currency": "EUR", "note": "<script>alert('&')</script>"}
    await ask(client, "POST", "/api/payments", user=7, body=body)

    async with client.get("/admin/payments") as response:
        text = await response.text()

    tags = _Tags()
    tags.feed(text)
    assert "script" not in tags.names
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in text


async def test_errors_are_problems(client: Client) -> None:
    async with client.post(
        "/api/payments", data=b"{", headers={"X-User-Id": "7", "Content-Type": "application/json"}
    ) as r:
        problem = await r.json(content_type="application/problem+json")

    assert problem == {
        "type": "urn:demo:problem:bad_json",
        "title": "Bad Request",
        "status": 400,
        "detail": "The body is not valid JSON.",
        "code": "bad_json",
    }


async def test_a_body_beyond_the_limit_is_a_problem_too(client: Client) -> None:
    headers = {"X-User-Id": "7", "Content-Type": "application/json"}
    async with client.post("/api/payments", data=b" " * 70_000, headers=headers) as response:
        problem = await response.json(content_type="application/problem+json")

    assert problem["status"] == 413
