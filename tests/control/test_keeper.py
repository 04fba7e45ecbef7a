"""The keeper: what a store that cannot be written has waiting for it, and how much of that there may be."""

from collections.abc import Mapping

from strangler.control.guardtable import Kept
from strangler.control.journal import Deed
from strangler.control.keeper import MOST_DEEDS, Keeper
from strangler.core.audit import Action
from strangler.errors import StoreError


class Full:
    """Stands for a disk that is full until it is not."""

    def __init__(self) -> None:
        self.is_full = True
        self.deeds: list[Deed] = []
        self.kept: dict[str, Kept] = {}

    def guards(self) -> dict[str, Kept]:
        return self.kept

    def is_killed(self) -> bool:
        return False

    def write(
        self, kept: Mapping[str, Kept], *, at: float, deeds: tuple[Deed, ...] = (), is_killed: bool | None = None
    ) -> None:
        if self.is_full:
            raise StoreError("the disk is full")
        self.kept.update(kept)
        self.deeds += deeds


def deeds(first: int, count: int) -> tuple[Deed, ...]:
    return tuple(
        Deed(at=1.0, who="guard", what=Action.TRIP, subject=f"r{number}", why="")
        for number in range(first, first + count)
    )


def test_so_many_deeds_wait_for_the_store_and_no_more() -> None:
    table = Full()
    keeper = Keeper(table)
    keeper.keep({}, at=1.0, deeds=deeds(0, MOST_DEEDS - 1))
    keeper.keep({}, at=2.0, deeds=deeds(MOST_DEEDS - 1, 5))
    keeper.keep({}, at=3.0, deeds=deeds(MOST_DEEDS + 4, 5))

    table.is_full = False
    keeper.retry(4.0)

    assert tuple(table.deeds) == deeds(0, MOST_DEEDS)
    assert (keeper.is_behind, keeper.fault) == (False, "")


def test_a_guard_is_kept_however_many_deeds_wait() -> None:
    table = Full()
    keeper = Keeper(table)
    keeper.keep({}, at=1.0, deeds=deeds(0, MOST_DEEDS))
    keeper.keep({"last": Kept(migration="a>b:")}, at=2.0, deeds=deeds(MOST_DEEDS, 1))

    table.is_full = False
    keeper.retry(3.0)

    assert table.kept == {"last": Kept(migration="a>b:")}
