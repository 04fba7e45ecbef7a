"""Plans of a whole proxy: what was foretold of another file, beside who answers once it is applied."""

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.test_discovery import discovered, is_newer, wait_generation
from tests.support.backend import backend, ok, says
from tests.support.proxy import Proxy, running
from tests.support.waiting import until

COUNT = 120
APPLICATIONS = ("monolith", "pay", "other")
UPSTREAMS = {name: f'{{url: "http://127.0.0.1:@{name}"}}' for name in APPLICATIONS}
UPSTREAMS["monolith"] = '{url: "http://127.0.0.1:@monolith", default: true}'
USERS = '{name: users, match: {path: "/users/{id}"}, extracted: pay, share: 40%}'
FLAGGED = USERS.replace("share: 40%", "flag: one")
WHOLE = USERS.replace("share: 40%", "flag: whole")
HELD = WHOLE.replace("flag: whole", "flag: whole, rollback: {hold_back: 30%}")
WITH_A = '{name: a, match: {path: "/users/{id}", headers: {x-a: true}}, extracted: pay, share: 100%}'
WITH_B = '{name: b, match: {path: "/users/{id}", headers: {x-b: true}}, extracted: other, share: 50%}'
ALL = '{name: all, match: {path: "/{rest...}"}, extracted: other, share: 70%}'


@dataclass(frozen=True, kw_only=True)
class Case:
    """One change of a file."""

    before: tuple[str, ...] = (USERS,)
    after: tuple[str, ...] = (USERS,)
    upstreams: dict[str, str] | None = None
    """Of the file after; as before if it has the same."""
    is_exact: bool = True
    """Whether all of it is foretold request by request."""


CASES = {
    "upstreams are dropped with a route": Case(
        before=(USERS, '{name: health, match: {path: "/health"}, extracted: other, share: 100%}'),
        after=('{name: health, match: {path: "/health"}}',),
        upstreams={"monolith": UPSTREAMS["monolith"]},
    ),
    "an upstream is renamed": Case(
        after=(USERS.replace("extracted: pay", "extracted: wallet"),),
        upstreams={"monolith": UPSTREAMS["monolith"], "wallet": UPSTREAMS["pay"]},
    ),
    "an upstream of a flagged route is renamed": Case(
        before=(FLAGGED,),
        after=(FLAGGED.replace("extracted: pay", "extracted: wallet"),),
        upstreams={"monolith": UPSTREAMS["monolith"], "wallet": UPSTREAMS["pay"]},
    ),
    "an upstream is another address": Case(upstreams={**UPSTREAMS, "pay": UPSTREAMS["other"]}),
    "the monolith is another upstream": Case(
        upstreams={
            "pay": UPSTREAMS["pay"],
            "monolith": '{url: "http://127.0.0.1:@monolith"}',
            "other": UPSTREAMS["other"].replace("}", ", default: true}"),
        },
    ),
    "a route has another flag": Case(before=(FLAGGED,), after=(FLAGGED.replace("one", "two"),), is_exact=False),
    "nothing is held back any more": Case(before=(HELD,), after=(HELD.replace("30%", "0%"),)),
    "a share of all stands in place of a flag that holds back": Case(
        before=(HELD,), after=(USERS.replace("40%", "100%"),)
    ),
    "a flag that holds back stands in place of a share of all": Case(
        before=(USERS.replace("40%", "100%"),), after=(HELD,), is_exact=False
    ),
    "less is held back": Case(before=(HELD,), after=(HELD.replace("30%", "10%"),), is_exact=False),
    "more is held back": Case(before=(HELD,), after=(HELD.replace("30%", "45%"),), is_exact=False),
    "what is held back is the monolith's by the flag too": Case(
        before=(HELD.replace("whole", "one"),), after=(HELD.replace("whole", "one").replace("30%", "0%"),)
    ),
    "a route is renamed": Case(after=(USERS.replace("users,", "people,"),), is_exact=False),
    "routes are in another order": Case(before=(WITH_A, WITH_B), after=(WITH_B, WITH_A), is_exact=False),
    "a route is dropped before a wider one": Case(before=(USERS, ALL), after=(ALL,), is_exact=False),
}


def text(ports: dict[str, int], upstreams: dict[str, str], routes: tuple[str, ...]) -> str:
    lines = ["version: 1", "listen: 127.0.0.1:0", "admin: 127.0.0.1:0", "workers: 0", "state_dir: state", "upstreams:"]
    lines += [f"  {name}: {upstream}" for name, upstream in upstreams.items()]
    lines += ["defaults: {identity: [header X-User-Id]}", "routes:", *(f"  - {route}" for route in routes)]
    made = "\n".join(lines) + "\n"
    for name, port in ports.items():
        made = made.replace(f"@{name}", str(port))
    return made


async def answers(proxy: Proxy, *, is_slow: bool = False) -> list[str]:
    """Return who answered each request; slowly, so few at a time that each is looked at."""
    answered: list[str] = []
    for number in range(COUNT):
        headers = {"X-User-Id": f"user-{number}"}
        headers |= {name: "1" for name, every in (("X-A", 3), ("X-B", 2)) if number % every}
        path = "/health" if number % 10 == 0 else f"/users/{number}"
        async with proxy.session.get(proxy.url + path, headers=headers) as answer:
            answered.append(await answer.text())
        if is_slow and len(answered) % 20 == 0:
            await discovered(proxy, seen=len(answered))
    return answered


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_who_answers_another_file_is_who_was_foretold(tmp_path: Path, case: Case) -> None:
    async with AsyncExitStack() as stack:
        ports = {
            name: (await stack.enter_async_context(backend(says(ok(name.encode()))))).port for name in APPLICATIONS
        }
        after = text(ports, case.upstreams or UPSTREAMS, case.after)
        proxy = await stack.enter_async_context(running(tmp_path, text(ports, UPSTREAMS, case.before)))
        for key, share in (("one", "50%"), ("two", "30%"), ("whole", "100%")):
            await proxy.ask("PUT", f"/api/v1/flags/{key}", {"set": share, "create": True, "reason": "test"})
        await wait_generation(proxy)
        first = await answers(proxy, is_slow=True)
        plan = (await proxy.ask("POST", "/api/v1/plan", {"text": after}))[1]
        proposal = (await proxy.ask("POST", "/api/v1/config/proposals", {"text": after}))[1]
        generation = (await proxy.status())["generation"]
        proxy.routes.write_text(after)
        await until(lambda: is_newer(proxy, generation))
        await wait_generation(proxy)
        second = await answers(proxy)

    assert plan["requests"] == plan["sampled"] == COUNT
    assert proposal["changes"]
    assert_foretold(plan, Counter(zip(first, second, strict=True)), is_exact=case.is_exact)


def assert_foretold(plan: dict[str, Any], pairs: Counter[tuple[str, str]], *, is_exact: bool) -> None:
    told = {name: sum(effect[name] for effect in plan["effects"]) for name in ("to_extracted", "to_legacy", "upstream")}
    moved = Counter[str]()
    for (one, other), count in pairs.items():
        sides = tuple("legacy" if who == "monolith" else "extracted" for who in (one, other))
        # Because a monolith at another address is one still.
        if one != other:
            moved["upstream" if sides[0] == sides[1] else f"to_{sides[1]}"] += count
    if plan["effects"] and all(effect["to_extracted"] == effect["to_legacy"] == 0 for effect in plan["effects"]):
        moved = Counter(upstream=sum(moved.values()))
    assert (sum(effect["estimated"] for effect in plan["effects"]) == 0) is is_exact
    # What is computed from shares is off by chance: four times the deviation of as many coins is never seen.
    slack = 0.0 if is_exact else 4 * sqrt(COUNT) / 2
    assert {name: count for name, count in told.items() if abs(count - moved[name]) > slack} == {}
    assert plan["changes"] or not moved
