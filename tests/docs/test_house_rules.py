"""Rules of the house that no linter knows."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("strangler", "legacy_monolith", "extracted", "demo", "bench", "tests")
MAX_LINES = 400


def _sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_file_is_longer_than_the_wall() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in _sources(*FOLDERS)}

    assert len(lines) > 200
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_everything_is_caught_in_the_outermost_steps_alone() -> None:
    catches_all = re.compile(r"^ *except(?: Exception\b.*)?:", re.MULTILINE)

    found = {str(path.relative_to(ROOT)) for path in _sources("strangler") if catches_all.search(path.read_text())}

    assert found == {"strangler/control/api.py", "strangler/runtime/tasks.py", "strangler/shadow/comparer.py"}


def test_every_fragment_of_the_changes_says_what_kind_it_is() -> None:
    fragments = {path.name: path.read_text() for path in (ROOT / "changes").glob("*.md")}

    assert fragments
    assert [name for name, text in fragments.items() if not re.match(r"(Added|Changed|Fixed|Removed): ", text)] == []
    assert [name for name in fragments if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name)] == []
