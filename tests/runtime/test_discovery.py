"""Discovery and plans of a whole proxy: what comes out of live traffic, and what was foretold beside what happened."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from strangler.cli import main
from tests.support.backend import Conversation, Received, backend, ok, says
from tests.support.proxy import Proxy, launch, routes_text, running
from tests.support.waiting import until

MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
REAL = ("/users", "/invoices", "/reports", "/products", "/login", "/health")


async def shop(received: Received, _conversation: Conversation) -> bytes:
    """A monolith that has some paths and not others."""
    return ok(b"monolith") if received.target.decode().startswith(REAL) else MISSING


def traffic(seed: int, count: int) -> list[tuple[str, str]]:
    """Return requests of a made-up shop, and of somebody who guesses."""
    dice = random.Random(seed)
    slugs = [f"{color}-{thing}" for color in ("red", "blue", "green", "pink") for thing in "abcdefghijklmnopqrst"]
    made = []
    for _ in range(count):
        number = dice.randrange(1, 9_999)
        made.append(
            dice.choice(
                [
                    ("GET", f"/users/{number}"),
                    ("PUT", f"/users/{number}"),
                    ("GET", f"/users/{number}/orders/{UUID(int=dice.getrandbits(128))}"),
                    ("GET", f"/invoices/INV-{number:06}.pdf"),
                    ("GET", f"/reports/2026-{number % 12 + 1:02}-{number % 28 + 1:02}?token=secret"),
                    ("GET", f"/products/{dice.choice(slugs)}"),
                    ("GET", f"/products/{dice.choice(slugs)}/reviews"),
                    ("POST", "/login"),
                    ("GET", "/health"),
                    ("GET", f"/wp-{number}/setup.php"),
                ]
            )
        )
    return made


async def send(proxy: Proxy, several: Sequence[tuple[str, str]], users: int = 200) -> Counter[str]:
    """Send requests of some users, and return how many each side answered."""
    answered: Counter[str] = Counter()
    for number, (method, target) in enumerate(several):
        headers = {"X-User-Id": f"user-{number % users}"}
        async with proxy.session.request(method, proxy.url + target, headers=headers) as answer:
            answered[await answer.text()] += 1
    return answered


async def discovered(proxy: Proxy, *, seen: int) -> dict[str, Any]:
    """Return what was discovered once control has heard of so many requests."""
    found: dict[str, Any] = {}

    async def is_there() -> bool:
        found.update((await proxy.ask("GET", "/api/v1/discovery"))[1])
        return bool(found["seen"] >= seen)

    await until(is_there, what=f"{seen} seen")
    return found


ENDPOINTS = {
    ("GET", "/health", "unrouted"),
    ("GET", "/invoices/{file}", "unrouted"),
    ("GET", "/products/{name}", "unrouted"),
    ("GET", "/products/{name}/reviews", "unrouted"),
    ("GET", "/reports/{date}", "unrouted"),
    ("GET", "/users/{id}", "monolith"),
    ("GET", "/users/{id}/orders/{id2}", "unrouted"),
    ("POST", "/login", "unrouted"),
    ("PUT", "/users/{id}", "monolith"),
}


def endpoints(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["method"], one["template"], one["standing"]) for one in found["endpoints"]}


async def test_the_traffic_of_a_monolith_comes_out_as_its_endpoints_and_is_there_after_a_restart(
    tmp_path: Path,
) -> None:
    sent = 0
    async with backend(shop) as monolith:
        routes = routes_text(monolith=monolith.port, routes=['{name: users, match: {path: "/users/{id}"}}'])
        async with running(tmp_path, routes) as proxy:
            found: dict[str, Any] = {"endpoints": []}
            # Because a busy proxy looks at some requests only, more come until enough words stood at one place.
            while endpoints(found) != ENDPOINTS and sent < 6_000:
                await send(proxy, traffic(sent, 600))
                sent += 600
                found = await discovered(proxy, seen=sent)
            assert await proxy.stop() == 0
            again = await launch(tmp_path, session=proxy.session)
            try:
                await again.wait_ready()
                kept = (await again.ask("GET", "/api/v1/discovery"))[1]
                metrics = await again.metrics()
                days = (await again.ask("GET", "/api/v1/progress"))[1]
            finally:
                await again.stop()

    assert endpoints(found) == ENDPOINTS
    assert endpoints(kept) == ENDPOINTS
    # Because those after the last that was looked at are counted with the next one.
    assert 0.9 * sent <= sum(one["total"] for one in found["endpoints"]) + found["unknown"] <= sent + 1
    assert found["unknown"] > 0
    assert sum(day["legacy"] for day in days["days"]) == sent
    assert days["left"] == {"endpoints": 9, "left": 9, "unrouted": 7, "unseen": 0, "held": 0}
    assert 'strangler_endpoints{standing="unrouted"} 7.0' in metrics
    assert "secret" not in str(found)
    stored = b"".join(file.read_bytes() for file in (tmp_path / "state").glob("state.db*"))
    assert b"secret" not in stored
    assert b"user-17" not in stored


BEFORE = [
    '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 0%}',
    '{name: orders, match: {path: "/users/{id}/orders/{order}"}, extracted: extracted, share: 40%, cohort: users}',
    '{name: health, match: {path: "/health"}, extracted: extracted, share: 100%}',
    '{name: reports, match: {path: "/reports/{day}"}, extracted: extracted, flag: reports}',
]
AFTER = [
    '{name: users, match: {methods: [GET], path: "/users/{id}"}, extracted: extracted, share: 25%}',
    '{name: orders, match: {path: "/users/{id}/orders/{order}"}, extracted: extracted, share: 10%, cohort: users}',
    '{name: reports, match: {path: "/reports/{day}"}, extracted: extracted, flag: reports}',
    '{name: login, match: {path: "/login"}, extracted: extracted, share: 100%}',
]


async def test_what_was_foretold_is_what_happens_once_the_file_is_applied(
    tmp_path: Path,
) -> None:
    several = [(method, target) for method, target in traffic(2, 260) if not target.startswith("/wp-")]
    async with backend(says(ok(b"monolith"))) as monolith, backend(says(ok(b"extracted"))) as extracted:
        before, after = (
            routes_text(monolith=monolith.port, extracted=extracted.port, routes=routes) for routes in (BEFORE, AFTER)
        )
        async with running(tmp_path, before) as proxy:
            await proxy.ask(
                "PUT",
                "/api/v1/flags/reports",
                {"set": "50%", "reason": "test"},
                {"Authorization": f"Bearer {proxy.token}", "If-Match": "*"},
            )
            await wait_generation(proxy)
            first = await _sides(proxy, several, is_slow=True)
            await discovered(proxy, seen=len(several))
            (tmp_path / "new.yaml").write_text(after)
            code = await asyncio.to_thread(main, ["plan", str(tmp_path / "new.yaml"), "-c", str(proxy.routes)])
            plan = (await proxy.ask("POST", "/api/v1/plan", {"text": after}))[1]
            generation = (await proxy.status())["generation"]
            proxy.routes.write_text(after)
            await until(lambda: is_newer(proxy, generation))
            await wait_generation(proxy)
            second = await _sides(proxy, several)

    moves = Counter((one, two) for one, two in zip(first, second, strict=True) if one != two)
    told = {name: sum(effect[name] for effect in plan["effects"]) for name in ("to_extracted", "to_legacy")}
    assert code == 3
    assert plan["requests"] == plan["sampled"] == len(several)
    assert sum(moves.values()) > 30
    # Every identity and cohort was known before, so nothing is estimated, and each request is foretold.
    assert sum(effect["estimated"] for effect in plan["effects"]) == 0
    assert told == {"to_extracted": moves["monolith", "extracted"], "to_legacy": moves["extracted", "monolith"]}
    assert {(effect["before"], effect["after"]) for effect in plan["effects"]} == {
        ("users", "users"),
        ("users", ""),
        ("orders", "orders"),
        ("health", ""),
        ("", "login"),
    }


async def is_newer(proxy: Proxy, generation: int) -> bool:
    return bool((await proxy.status())["generation"] > generation)


async def wait_generation(proxy: Proxy) -> None:
    """Return once every worker serves what control does."""

    async def is_there() -> bool:
        status = await proxy.status()
        return all(worker["generation"] == status["generation"] for worker in status["workers"])

    await until(is_there)


async def _sides(proxy: Proxy, several: Sequence[tuple[str, str]], *, is_slow: bool = False) -> list[str]:
    """Return who answered each request; slowly, so few at a time that each is looked at."""
    answered = []
    for number, (method, target) in enumerate(several):
        headers = {"X-User-Id": f"user-{number}"}
        async with proxy.session.request(method, proxy.url + target, headers=headers) as answer:
            answered.append(await answer.text())
        if is_slow and len(answered) % 20 == 0:
            await discovered(proxy, seen=len(answered))
    return answered


async def test_a_stub_of_the_command_line_is_taken_over_and_changes_no_answer(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b"monolith"))) as monolith,
        running(tmp_path, routes_text(monolith=monolith.port, workers=0)) as proxy,
    ):
        await send(proxy, [("GET", "/users/17")] * 3)
        await discovered(proxy, seen=3)
        suggest = ["discover", "--suggest", "--yes", "--reason", "seen", "-c", str(proxy.routes)]
        code = await asyncio.to_thread(main, suggest)
        await until(lambda: _is_routed(proxy))
        answered = await send(proxy, [("GET", "/users/17")])
        shown = (await proxy.ask("GET", "/api/v1/discovery"))[1]

    assert (code, answered) == (0, Counter({"monolith": 1}))
    assert [(one["template"], one["standing"], one["route"]) for one in shown["endpoints"]] == [
        ("/users/{id}", "monolith", "users.read")
    ]


async def _is_routed(proxy: Proxy) -> bool:
    return bool((await proxy.status())["routes"])
