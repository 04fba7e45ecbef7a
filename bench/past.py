"""Past: the proxy as it was at part 1, taken from the history, so that what later parts cost is measured.

The old package runs with this interpreter and these dependencies; only its own files are the old ones.
"""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from bench.errors import BenchError, NoHistoryError

COMMIT = "84cf261220b8f8f2b6e44186b61565f195cf98e9"
"""The last commit of part 1: the whole way of a request is there, and nothing yet of what part 2 adds to it."""
PACKAGE = "strangler"
ROOT = Path(__file__).parents[1]
_LONGEST_S = 60.0
_ASK = f"import {PACKAGE}.proxy.client as module; print(module.__file__)"


def extract(folder: Path) -> Path:
    """Return a new folder with the package of part 1; raises NoHistoryError if this is no clone that has it."""
    command = ["git", "-C", str(ROOT), "archive", "--format=zip", COMMIT, PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LONGEST_S, check=True)
    except FileNotFoundError as error:
        raise NoHistoryError("git is not installed") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").split("\n")[0]
        raise NoHistoryError(f"{said}; a shallow clone or a source archive has no history") from error
    place = folder / "part-1"
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        archive.extractall(place)
    return place


def environment(place: Path) -> Mapping[str, str]:
    """Return the environment in which the package at a place is imported before the installed one."""
    given = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{given}" if given else str(place)}


def check_imports(pid: int, place: Path) -> None:
    """Raise BenchError unless a process, by its own directory and environment, imports the package at a place."""
    process = Path(f"/proc/{pid}")
    given = (entry.partition(b"=") for entry in (process / "environ").read_bytes().split(b"\0") if entry)
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=process / "cwd",
        env={os.fsdecode(name): os.fsdecode(value) for name, _, value in given},
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    found = done.stdout.strip()
    if not found or not Path(found).is_relative_to(place):
        raise BenchError(f"process {pid} was to import {PACKAGE} from {place}, but does from {found or done.stderr}")
