"""A test that hangs is ended by its time-out, named, and cleaned up after."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HANGS = """\
import asyncio
from pathlib import Path


async def test_hangs(tmp_path_factory):
    try:
        await asyncio.Event().wait()
    finally:
        Path("cleaned").touch()
"""


def test_a_test_that_waits_for_ever_fails_by_its_time_out_and_its_end_runs(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(HANGS)

    ended = subprocess.run(
        (
            *(sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml"),
            *("-p", "tests.conftest", "--timeout", "1"),
            ".",
        ),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Timeout (>1.0s)" in ended.stdout
    assert "::test_hangs - " in ended.stdout
    assert (tmp_path / "cleaned").exists()
