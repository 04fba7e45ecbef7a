"""A process loads what it runs: workers are many, and each is replaced while its clients wait."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "stranger"),
    [
        ("worker", {"aiohttp", "opentelemetry", "prometheus_client", "sqlite3", "strangler.control", "yaml"}),
        ("comparer", {"opentelemetry", "prometheus_client", "sqlite3", "strangler.control", "yaml"}),
    ],
)
def test_a_process_loads_nothing_that_only_control_needs(module: str, stranger: set[str]) -> None:
    code = f"import sys, strangler.runtime.{module}; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "uvloop" in loaded
    assert stranger.intersection(loaded) == set()
