"""No secret of a request or an answer is anywhere on the disk, in the log, or in what the admin port says."""

import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from yarl import URL

from tests.runtime.test_shadow import findings, until_comparing
from tests.support.backend import Conversation, Received, backend, ok
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

SECRET = 'zq81/Kx77+"PlmQ'
"""It is written otherwise in a URL, in JSON and in a page."""
READ = (
    '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 0%, fallback: off, shadow: {noise: 100%}}'
)
PAY = (
    '{name: pay, match: {path: "/pay/{id}"}, extracted: extracted, share: 0%, fallback: off, idempotency: {}, '
    "shadow: {writes: true, mode: both}}"
)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
SHOWN = (
    "/api/v1/status", "/api/v1/shadow", "/api/v1/shadow/users", "/api/v1/divergences", "/api/v1/audit",
    "/api/v1/history", "/api/v1/progress", "/api/v1/discovery", "/api/v1/recordings", "/api/v1/guards", "/metrics",
)  # fmt: skip


def writings(secret: str) -> set[bytes]:
    """Return every way in which a secret may be written."""
    ways = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], escape(secret)}
    ways |= {way.replace("/", "\\/") for way in ways} | {json.dumps(way)[1:-1] for way in ways}
    return {way.encode() for way in ways} | {b64encode(secret.encode())}


def told(request: Received) -> bytes:
    """Return an answer that repeats the secret at many places, under names that do not tell it."""
    document = {
        "note": f"saw {SECRET} today", "link": f"https://shop.example/a?page=2&q={quote(SECRET, safe='')}",
        "raw": json.dumps({"deep": SECRET}), "by": {SECRET: 1, f"user:{SECRET}": 2}, "tokens": {SECRET: 3},
        "list": [SECRET, {"name": "password", "value": SECRET}], "html": f"<b>{escape(SECRET)}</b>",
        "at": len(request.target),
    }  # fmt: skip
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("target", "headers", "body"),
    [
        (f"/users/1?token={quote(SECRET, safe='')}", {}, ""),
        (f"/users/2?key={quote(SECRET, safe='')}&page=2", {}, ""),
        ("/users/3", {"Authorization": "Basic " + b64encode(f"bob:{SECRET}".encode()).decode()}, ""),
        ("/users/4", {"Cookie": f"a=b; session={quote(SECRET, safe='')}"}, ""),
        ("/users/5", {"X-Api-Key": SECRET}, ""),
        ("/pay/6", {"Content-Type": FORM}, f"a=1&password={quote(SECRET, safe='')}"),
        ("/pay/7", {"Content-Type": JSON}, json.dumps({"p": json.dumps({"password": SECRET})})),
        (f"/pay/8?session={quote(SECRET, safe='')}", {"Content-Type": "text/plain"}, f"password: '{SECRET}'"),
        (f"/pay/{quote(SECRET, safe='')}?session={quote(SECRET, safe='')}", {}, ""),
    ],
)
async def test_a_secret_of_an_exchange_is_nowhere_once_it_was_compared_or_listed(
    tmp_path: Path, target: str, headers: Mapping[str, str], body: str
) -> None:
    async def monolith_says(request: Received, _: Conversation) -> bytes:
        return ok(told(request), f"Content-Type: {JSON}".encode())

    async def extracted_says(request: Received, _: Conversation) -> bytes:
        if request.method == b"POST":
            return b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"
        return ok(b'{"note": "none", "list": [], "by": {}, "tokens": {}}', f"Content-Type: {JSON}".encode())

    async with (
        backend(monolith_says) as monolith,
        backend(extracted_says) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[READ, PAY], workers=1)
        ) as proxy,
    ):
        await until_comparing(proxy)
        method = "POST" if target.startswith("/pay") else "GET"
        await until_kept(proxy, method, target, headers, body)
        if method == "GET":
            await until(
                lambda: bool(holding(proxy.state_dir, {b"$.note"})), deadline_s=30, what="findings in the store"
            )
        shown = [await shown_at(proxy, path) for path in SHOWN]
    found = holding(tmp_path, writings(SECRET))
    found += [(path, way) for path, text in zip(SHOWN, shown, strict=True) for way in writings(SECRET) if way in text]
    assert found == []


async def until_kept(proxy: Proxy, method: str, target: str, headers: Mapping[str, str], body: str) -> None:
    """Send a request until it was compared and found different, or listed."""

    async def is_there() -> bool:
        url = URL(f"{proxy.url}{target}", encoded=True)
        sent = {"X-User-Id": "u", **headers}
        async with proxy.session.request(method, url, headers=sent, data=body.encode() or None) as answer:
            await answer.read()
        if method == "POST":
            _, listed = await proxy.ask("GET", "/api/v1/divergences")
            return bool(listed["divergences"])
        return bool((await findings(proxy)).get("different"))

    await until(is_there, deadline_s=30, what="what is compared or listed")


def holding(folder: Path, wanted: set[bytes]) -> list[tuple[str, bytes]]:
    """Return which files of a folder have which of the wanted bytes."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [(name, way) for name, text in files.items() for way in wanted if way in text]


async def shown_at(proxy: Proxy, path: str) -> bytes:
    headers = {"Authorization": f"Bearer {proxy.token}"}
    async with proxy.session.get(f"http://{proxy.admin}{path}", headers=headers) as answer:
        return await answer.read()
