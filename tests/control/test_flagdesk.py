"""The flag desk with thousands of flags: a change of one costs what one costs."""

import asyncio
import time
from pathlib import Path
from typing import Any

from strangler.config import load
from strangler.control.flagdesk import FlagDesk
from strangler.control.truth import Truth
from strangler.flags.data import NOT_READY
from strangler.flags.embedded import EmbeddedSource
from tests.support.flags import percent_flag
from tests.support.shown import ROUTES_TEXT

FEW, MANY = 10, 2_000


class Kept:
    """Flags that are kept nowhere, so that nothing is measured but the desk and its source."""

    def __init__(self, count: int) -> None:
        rule = {"clauses": [{"attribute": "a", "op": "in", "values": ["x"], "contextKind": "user"}], "variation": 1}
        self._flags = {f"f{number}": percent_flag(f"f{number}", 10, rules=[rule]) for number in range(count)}

    def flags(self) -> dict[str, dict[str, Any]]:
        return dict(self._flags)

    def write_flag(self, flag: dict[str, Any], *, by: str, what: str, at: float) -> None:
        """Keep nothing."""

    def delete_flag(self, key: str, *, by: str, what: str, at: float) -> None:
        """Keep nothing."""


def serving(count: int) -> tuple[FlagDesk, Truth]:
    config = load.parse(ROUTES_TEXT.encode(), path=Path("routes.yaml"))
    truth = Truth(config, NOT_READY)
    source = EmbeddedSource(Kept(count), truth.replace_flags)
    source.start()
    truth.replace_flags(source.data())
    return FlagDesk(truth, source), truth


def change(desk: FlagDesk, setting: str) -> Any:
    return desk.change("f7", setting, who="ann", why="test").carry_out()


def spent(desk: FlagDesk) -> float:
    """Return the least processor time of a change, of asking what it would do, and of looking at the flag."""
    tries = []
    for number in range(1, 9):
        began = time.thread_time()
        change(desk, f"{number}%")
        desk.show("f7")
        tries.append(time.thread_time() - began)
    return min(tries)


async def test_a_change_of_one_flag_of_thousands_costs_what_one_costs() -> None:
    few, many = serving(FEW)[0], serving(MANY)[0]
    await few.catalogue(), await many.catalogue()

    # Because all flags together go to the workers as one text, some of it grows; two hundred times as much it was.
    assert spent(many) < MANY / FEW / 4 * spent(few)


async def test_flags_are_listed_in_pieces_and_each_is_checked_again_only_once_it_has_changed() -> None:
    desk, _ = serving(MANY)
    turns = 0
    is_over = False

    async def count() -> None:
        nonlocal turns
        while not is_over:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(count())
        first = (await desk.catalogue())["flags"]
        is_over = True
    changed = change(desk, "25%")["summary"]
    second = (await desk.catalogue())["flags"]

    assert turns > 5
    fresh = [after for before, after in zip(first, second, strict=True) if before is not after]
    assert fresh == [changed]


async def test_the_served_text_of_flags_is_the_same_however_it_came_about() -> None:
    desk, truth = serving(FEW)

    change(desk, "25%")
    desk.delete("f3", who="ann", why="test").carry_out()

    fresh = Kept(0)
    fresh._flags = {one.key: (desk.show(one.key) or {})["flag"] for one in (await desk.catalogue())["flags"]}
    source = EmbeddedSource(fresh, lambda _: None)
    source.start()
    assert source.data().document == truth.flags.document
