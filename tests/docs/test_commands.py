"""Commands and files in the documents are ones that work."""

import re
import shlex
from pathlib import Path

import pytest

from strangler.cli import _parser
from strangler.config import load

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "deploy" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```|((?:^    [^\n]*\n)+)", re.MULTILINE | re.DOTALL)
_IN_LINE = re.compile(r"`((?:\.venv/bin/)?strangler [a-z][^`]*)`")
_STAND_INS = {
    "KEY": "key",
    "METHOD": "GET",
    "PATH": "/path",
    "FILE": "file",
    "...": "X-User-Id: 42",
    "HOST:PORT": "h:1",
}


def _commands(page: Path) -> list[str]:
    """Return every command line of ours that a page shows."""
    text = page.read_text()
    lines = [line for block in _BLOCK.findall(text) for line in "".join(block).splitlines()]
    shown = [line.strip() for line in lines] + _IN_LINE.findall(text)
    return [command for command in shown if re.match(r"(\.venv/bin/)?strangler [a-z]", command)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_is_one_that_the_command_line_takes(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in _commands(page):
        words = [_STAND_INS.get(word, word) for word in shlex.split(command, comments=True)[1:]]
        # Because a sentence may name a command without saying what it is given.
        if words == ["serve", "X-User-Id: 42"] or words in (
            ["flags"],
            ["explain"],
            ["flags", "set"],
            ["replay"],
            ["shadow", "export"],
        ):
            continue
        try:
            _parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"{command}\n{capsys.readouterr().err}")


def test_the_readme_shows_commands_at_all() -> None:
    commands = _commands(ROOT / "README.md")

    assert {"check", "serve", "flags", "explain", "status"} <= {command.split()[1] for command in commands}


def test_every_make_target_that_a_page_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"(?:^    |`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }

    assert {"demo", "test"} <= named
    assert named - targets == set()


def test_the_routes_file_that_the_readme_builds_has_no_fault(tmp_path: Path) -> None:
    parts = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)

    smallest, whole = (
        load.parse("".join(parts[:count]).encode(), path=tmp_path / "routes.yaml") for count in (1, len(parts))
    )

    assert (smallest.default_upstream, smallest.routes) == ("monolith", ())
    assert [route.name for route in whole.routes] == ["payments.read"]
