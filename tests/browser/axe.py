"""axe-core from the npm registry: fetched once by npm into `build`, checked by its hash, and run in the page."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

VERSION = "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
FOLDER = Path(__file__).parents[2] / "build" / "axe"
FETCH_S = 60.0


def source() -> str:
    """Return axe's script; skip, naming what is missing, where it cannot be had."""
    packed = FOLDER / f"axe-core-{VERSION}.tgz"
    if not packed.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no axe-core: `npm` is not installed")
        FOLDER.mkdir(parents=True, exist_ok=True)
        words = [npm, "pack", "--silent", f"axe-core@{VERSION}"]
        done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, timeout=FETCH_S, check=False)
        if done.returncode or not packed.exists():
            pytest.skip(f"no axe-core: npm cannot fetch axe-core@{VERSION}")
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == SHA256
    with tarfile.open(packed) as archive:
        file = archive.extractfile("package/axe.min.js")
        assert file is not None
        with file:
            return file.read().decode()
