"""What is compared has a digest: another side, way of asking or rule gives another, and nothing else does."""

from dataclasses import replace

import pytest

from strangler.core.compared import digest_of
from strangler.core.model import Address, HostRule, Route, Upstream, UpstreamTls
from strangler.core.shadowing import Credentials, PathRule, Replacement, RuleKind, Shadow, ShadowMode
from tests.support.plane import route

ROUTE = route("users", "/users/{id}")
RULES = Shadow()
ONE, TWO = Address(host="10.0.0.1", port=80), Address(host="10.0.0.2", port=80)
SIDES = {name: Upstream(name=name, addresses=(ONE, TWO)) for name in ("monolith", "extracted")}
BEFORE = digest_of(ROUTE, RULES, SIDES)


SIDE = SIDES["extracted"]


def with_side(side: Upstream) -> dict[str, Upstream]:
    return {**SIDES, "extracted": side}


@pytest.mark.parametrize(
    ("changed", "rules", "sides"),
    [
        (ROUTE, RULES, with_side(replace(SIDE, addresses=(ONE,)))),
        (ROUTE, RULES, with_side(replace(SIDE, tls=UpstreamTls()))),
        (ROUTE, RULES, {"monolith": SIDE}),
        (replace(ROUTE, host=HostRule.UPSTREAM), RULES, SIDES),
        (ROUTE, replace(RULES, credentials=Credentials.REMOVE), SIDES),
        (ROUTE, replace(RULES, replacement=Replacement(header="cookie", variable="SHADOW_A")), SIDES),
        (ROUTE, replace(RULES, headers=("etag",)), SIDES),
        (ROUTE, replace(RULES, rules=(PathRule(kind=RuleKind.IGNORE, path="$.now"),)), SIDES),
    ],
)
def test_something_else_is_compared(changed: Route, rules: Shadow, sides: dict[str, Upstream]) -> None:
    assert digest_of(changed, rules, sides) != BEFORE


@pytest.mark.parametrize(
    ("changed", "rules", "sides"),
    [
        (ROUTE, RULES, with_side(replace(SIDE, addresses=(TWO, ONE)))),
        (ROUTE, RULES, with_side(replace(SIDE, max_idle=1))),
        (replace(ROUTE, line=9, flag="other"), RULES, SIDES),
        (ROUTE, replace(RULES, mode=ShadowMode.BOTH, sample=1, noise=0, timeout_s=1.0, redact=("$.name",)), SIDES),
    ],
)
def test_the_same_is_compared(changed: Route, rules: Shadow, sides: dict[str, Upstream]) -> None:
    assert digest_of(changed, rules, sides) == BEFORE


def test_every_process_finds_the_same() -> None:
    assert BEFORE == "f86f38f017424e5374c721fe452bc315"
