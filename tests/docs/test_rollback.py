"""docs/rollback.md is drawn from the code: the picture from the guard's table, the rules' names from the simulation."""

import re
from pathlib import Path

from bench.rollback.__main__ import SCENARIOS
from bench.rollback.rules import RULES
from strangler.core.guard import TABLE, Guard

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "rollback.md").read_text()


def test_the_picture_has_every_transition_that_changes_the_phase_and_no_other() -> None:
    picture = PAGE.partition("```mermaid\n")[2].partition("```")[0]

    drawn = re.findall(r"^    (\S+) --> (\w+)(?:: (\w+))?$", picture, re.MULTILINE)

    assert picture.startswith("stateDiagram-v2\n")
    assert len(drawn) == picture.count("-->") == len(set(drawn))
    assert set(drawn) == {
        ("[*]", Guard().phase.value, ""),
        *((before.value, after.value, event.value) for (before, event), after in TABLE.items() if before is not after),
    }


def test_the_simulations_table_has_every_rule_and_every_scenario() -> None:
    section = PAGE.partition("\n## How the rules compare\n")[2]
    head, _, *rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]

    assert head == ["rule", *(scenario.name for scenario in SCENARIOS)]
    assert [row[0] for row in rows] == [name for name, _ in RULES]
    assert {len(row) for row in rows} == {len(head)}


def test_lines_of_prose_fit_the_width_of_the_other_pages() -> None:
    long = [line for line in PAGE.splitlines() if len(line) > 120 and not line.startswith("|")]

    assert long == []
