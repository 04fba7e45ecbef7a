"""docs/operations.md has the exit codes of every command, in the words of their `--help`."""

import re
from collections.abc import Mapping
from pathlib import Path

from strangler.cli import _parser, exits
from tests.cli.test_every_command import leaves

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
EVERY = "every command"
_ROW = re.compile(r"^\| `?(?P<name>[a-z -]+?)`? \| (?P<code>\d) \| (?P<means>[^|]+) \|$", re.MULTILINE)
_CODE = re.compile(r"(?:^exit codes: |; )(\d) ")


def _helped(epilog: str | None) -> Mapping[int, str]:
    """Return what a command's help says of its codes."""
    _, *found = _CODE.split(epilog or "")
    return {int(code): means for code, means in zip(found[::2], found[1::2], strict=True)}


def _documented() -> dict[str, dict[int, str]]:
    section = PAGE.partition("\n### Exit codes\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    found: dict[str, dict[int, str]] = {}
    for row in _ROW.finditer(section):
        found.setdefault(row["name"], {})[int(row["code"])] = row["means"]
    return found


def test_the_page_has_the_codes_of_every_command_and_no_other() -> None:
    helped = {name: _helped(parser.epilog) for name, parser in leaves(_parser())}
    own = {
        name: {code: means for code, means in codes.items() if exits.USUAL.get(code) != means}
        for name, codes in helped.items()
    }

    assert all(codes.keys() >= exits.USUAL.keys() for codes in helped.values())
    assert _documented() == {EVERY: dict(exits.USUAL), **{name: codes for name, codes in own.items() if codes}}


def test_the_code_of_an_interrupted_command_is_documented() -> None:
    assert f"{exits.INTERRUPTED} if it is interrupted" in PAGE
