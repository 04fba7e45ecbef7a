"""What is shipped: the lock files agree with each other, and the Dockerfile with the tree and the command line."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEVELOPMENT, RUNTIME = "requirements.lock", "requirements-runtime.lock"
_PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==([^\s;\\]+)", re.MULTILINE)
_REQUIRED = re.compile(r"^[A-Za-z0-9._-]+")


def pins(name: str) -> dict[str, str]:
    """Return a lock file's packages and their versions."""
    return dict(_PIN.findall((ROOT / name).read_text()))


def dockerfile() -> list[str]:
    """Return the Dockerfile's instructions, continued lines joined."""
    lines = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def instruction(name: str) -> list[str]:
    """Return what an instruction of the Dockerfile is given, for each of them."""
    return [line.removeprefix(f"{name} ") for line in dockerfile() if line.startswith(f"{name} ")]


def test_the_runtime_lock_is_a_part_of_the_development_lock() -> None:
    runtime, development = pins(RUNTIME), pins(DEVELOPMENT)

    differing = {name: (version, development.get(name)) for name, version in runtime.items()}

    assert len(runtime) > 10
    assert {name for name, (ours, theirs) in differing.items() if ours != theirs} == set()


def test_the_runtime_lock_pins_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [_REQUIRED.match(requirement) for requirement in project["dependencies"]]

    missing = {name[0].lower() for name in found if name} - set(pins(RUNTIME))

    assert missing == set()


@pytest.mark.parametrize("name", [DEVELOPMENT, RUNTIME])
def test_a_lock_names_no_index_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()

    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|file:", text) == []


@pytest.mark.parametrize("name", [DEVELOPMENT, RUNTIME])
def test_every_pin_of_a_lock_has_a_hash(name: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text())
    pinned = [block for block in blocks if _PIN.match(block)]

    assert [block for block in pinned if "--hash=sha256:" not in block] == []


def test_everything_that_the_image_copies_is_there_and_not_ignored() -> None:
    copied = [source for given in instruction("COPY") for source in given.split()[:-1]]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert set(copied) == kept


def test_everything_that_the_build_reads_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    copied = {source for given in instruction("COPY") for source in given.split()[:-1]}

    assert {project["readme"], *project["license-files"], "pyproject.toml", "strangler"} <= copied


def test_the_image_does_not_run_as_root() -> None:
    assert instruction("USER")[-1].split(":")[0] not in ("root", "0")


def test_the_image_starts_a_command_that_exists() -> None:
    command: list[str] = json.loads(instruction("CMD")[-1])
    # Because the file is not there, it gets as far as reading it and not further.
    elsewhere = [word.replace("/etc/strangler", "/nonexistent") for word in command]

    ended = subprocess.run(
        [sys.executable, "-m", "strangler", *elsewhere], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert json.loads(instruction("ENTRYPOINT")[-1]) == ["strangler"]
    assert ended.returncode == 2
    assert "/nonexistent/routes.yaml" in ended.stderr


def test_the_dashboards_files_are_a_part_of_the_package() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    folder = ROOT / "strangler" / "control"

    shipped = {path for pattern in data["strangler.control"] for path in folder.glob(pattern)}

    assert {path.name for path in shipped} >= {"index.html", "main.js", "base.css"}
    assert shipped == {path for path in (folder / "static").rglob("*") if path.is_file()}
