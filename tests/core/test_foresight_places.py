"""Foresight of where requests go: another address is told, and another name of the same one is not."""

from dataclasses import replace
from typing import Any

import pytest

from strangler.core.foresight import Served, foresee
from strangler.core.model import Address, Config
from tests.core.requests import config, route
from tests.core.shapes import NOW, hour_of
from tests.core.test_foresight import moved, plan, snapshot, users


def test_another_upstream_is_told_though_the_side_stays() -> None:
    before = snapshot(config(route("x", "/x/{id}", share=5_000)))
    after = snapshot(config(route("x", "/x/{id}", share=5_000, extracted="monolith")))

    (effect,) = plan(users(200), before, after).effects

    assert (effect.upstream, effect.to_extracted, effect.to_legacy) == (moved("x", 200, 0, 5_000), 0.0, 0.0)


def placed(by: Config, **ports: tuple[int, ...]) -> Config:
    """Return the configuration with some upstreams elsewhere."""
    addresses = {
        name: tuple(Address(host="127.0.0.1", port=port) for port in several) for name, several in ports.items()
    }
    moved_there = (replace(one, addresses=addresses.get(one.name, one.addresses)) for one in by.upstreams)
    return replace(by, upstreams=tuple(moved_there))


def renamed(by: Config, name: str) -> Config:
    """Return the configuration with another name for the extracted service."""
    return replace(
        by,
        upstreams=tuple(replace(one, name=name) if one.name == "payments" else one for one in by.upstreams),
        routes=tuple(replace(one, extracted=name) for one in by.routes),
    )


@pytest.mark.parametrize(
    ("ports", "part"),
    [({"payments": (9,)}, 1.0), ({"payments": (8104, 9)}, 0.5), ({"payments": (8104,)}, 0.0)],
)
def test_another_address_is_told_though_the_upstream_has_the_same_name(
    ports: dict[str, tuple[int, ...]], part: float
) -> None:
    by = config(route("x", "/x/{id}", share=5_000))

    (effect,) = plan(users(200), snapshot(by), snapshot(placed(by, **ports))).effects

    assert effect.upstream == pytest.approx(part * moved("x", 200, 0, 5_000))
    assert effect.changes is (part > 0)


def test_a_monolith_elsewhere_is_told_of_what_no_route_names_too() -> None:
    by = config(route("x", "/x/{id}", share=5_000))
    several = [*users(200), *users(10, b"/other")]

    found = plan(several, snapshot(by), snapshot(placed(by, monolith=(9,))))

    assert {effect.before: effect.upstream for effect in found.effects} == {
        "": 10.0,
        "x": 200 - moved("x", 200, 0, 5_000),
    }


@pytest.mark.parametrize("more", [{"share": 5_000}, {"flag": "f"}])
def test_an_upstream_with_another_name_at_the_same_address_changes_nothing(more: dict[str, Any]) -> None:
    by = config(route("x", "/x/{id}", **more))

    assert not plan(users(100), snapshot(by, True), snapshot(renamed(by, "wallet"), True), {"x": 5_000}).changes


@pytest.mark.parametrize("share", [None, 0])
def test_a_flag_whose_values_are_names_that_there_are_no_more_moves_those_it_had(share: int | None) -> None:
    by = config(route("x", "/x/{id}", flag="f"))
    rows = hour_of(snapshot(by, True), users(10)).rows(NOW)

    found = foresee(
        rows,
        snapshot(by, True),
        snapshot(renamed(by, "wallet"), True),
        served_before={"x": Served(share=10_000 if share == 0 else share)},
        served_after={"x": Served(share=share)},
    )

    assert [(effect.to_legacy, effect.estimated) for effect in found.effects] == [(10.0, 10.0)]
