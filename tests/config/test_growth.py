"""What a routes file costs grows with its length and not with its square: thousands of routes are checked as typed."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from strangler.config import document
from strangler.config.kind import Kind, listed
from strangler.config.load import parse
from strangler.config.nodes import Place
from strangler.config.reading import MAX_FAULTS, At, Report
from strangler.errors import ConfigError
from tests.config.texts import FILE, SMALL

FEW, MANY = 100, 1_000
MOST_GROWTH = 35
"""Of CPU for ten times as much: a square would be 100, and what is seen is 9 to 14."""


def plain(count: int) -> str:
    return routes(count, "")


def of_many_upstreams(count: int) -> str:
    upstreams = "".join(f'  u{number}: {{url: "http://127.0.0.1:{number + 1}"}}\n' for number in range(count))
    return routes(count, "extracted: u{0}", upstreams)


def with_wrong_keys(count: int) -> str:
    return routes(count, "extractd: u{0}")


def of_one_cohort(count: int) -> str:
    return routes(count, "extracted: payments\n  share: 5%\n  cohort: c")


def of_one_list(count: int) -> str:
    several = ", ".join(f"header h{number}" for number in range(10 * count))
    return routes(1, f"extracted: payments\n  identity: [{several}]")


def routes(count: int, rest: str, upstreams: str = "") -> str:
    """Return a file with so many routes; `rest` may have the number of each."""
    each = "- name: r{0}\n  match: {{path: '/area-{0}/{{id}}'}}\n  " + rest + "\n"
    return SMALL + upstreams + "routes:\n" + "".join(each.format(number) for number in range(count))


def cpu(text: str) -> float:
    """Return the least seconds of the processor that a text took in three tries."""
    data, taken = text.encode(), []
    for _ in range(3):
        began = time.process_time()
        with suppress(ConfigError):
            parse(data, path=FILE)
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("written", [plain, of_many_upstreams, with_wrong_keys, of_one_cohort, of_one_list])
def test_ten_times_as_much_takes_nowhere_near_a_hundred_times_as_long(written: Callable[[int], str]) -> None:
    assert cpu(written(MANY)) < MOST_GROWTH * cpu(written(FEW))


def test_of_thousands_of_wrong_names_only_those_that_are_told_are_looked_for() -> None:
    report, remedies = Report("routes.yaml"), iter(range(10 * MAX_FAULTS))

    for _ in range(10 * MAX_FAULTS):
        report.add(Place(line=1, column=1), "routes", "wrong", lambda: f"{next(remedies)}")

    assert next(remedies) == MAX_FAULTS
    assert report.count == 10 * MAX_FAULTS


@dataclass(eq=False)
class Counted:
    """A value that counts how often it is compared."""

    text: str
    compared: list[str] = field(default_factory=list)

    def __eq__(self, other: object) -> bool:
        self.compared.append(self.text)
        return isinstance(other, Counted) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def test_a_list_is_searched_for_what_stands_twice_without_comparing_each_with_each() -> None:
    compared: list[str] = []
    kind = Kind(name="", read=lambda at: Counted(at.scalar().text, compared), schema={})  # type: ignore[union-attr]
    report = Report("routes.yaml")
    node = document.read_quickly("[" + ", ".join(f"v{number}" for number in range(MANY)) + ", v7]")
    assert node is not None

    assert listed("", kind).read(At(node=node, where="", report=report)) is None
    assert len(compared) < MANY
    assert [fault.message for fault in report.faults()] == ["this stands twice in the list"]
