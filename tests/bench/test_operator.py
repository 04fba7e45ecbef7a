"""The benchmark of the operator's place as a command, as small as it can be."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN_S = 200.0
"""It takes about fifteen seconds on an idle machine."""


@pytest.mark.slow
def test_the_command_tells_what_answers_listeners_and_commands_cost_control() -> None:
    words = [sys.executable, "-m", "bench.operator", "--only", "control", "--routes", "10", "--seconds", "1"]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    for what in ("nobody looks", "8 listen", "GET status", "GET metrics", "strangler plan"):
        assert f"{what}: longest stall, CPU ms" in done.stdout


def test_a_number_of_routes_that_is_not_measured_is_refused() -> None:
    words = [sys.executable, "-m", "bench.operator", "--routes", "7"]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False)

    assert done.returncode == 2
    assert "invalid choice" in done.stderr
