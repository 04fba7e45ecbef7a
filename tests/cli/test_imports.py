"""What a command imports: not what only an instance needs, and not the other commands."""

import argparse
import subprocess
import sys

import pytest

from strangler.cli import COMMANDS, _parser

TELLS = """
import sys
from strangler.cli import main
try:
    main({words!r})
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""
INSTANCE = {"aiohttp", "ldclient", "opentelemetry", "prometheus_client", "strangler.runtime.serve", "uvloop"}


def imported(*words: str) -> set[str]:
    script = [sys.executable, "-c", TELLS.format(words=list(words))]
    done = subprocess.run(script, check=False, capture_output=True, text=True)
    return set(done.stderr.split())


def test_the_help_imports_every_command_and_nothing_that_only_an_instance_needs() -> None:
    found = imported("--help")

    assert {f"strangler.cli.{module}" for module in COMMANDS.values()} <= found
    assert not found & INSTANCE


@pytest.mark.parametrize(
    ("command", "others"), [("serve", {"status", "shadow", "admin"}), ("status", {"serve", "replay"})]
)
def test_a_command_imports_no_other_command_that_it_does_not_use(command: str, others: set[str]) -> None:
    found = imported(command, "--help")

    assert f"strangler.cli.{command}" in found
    assert not found & {f"strangler.cli.{other}" for other in others}
    assert not found & INSTANCE


def test_every_command_is_where_the_table_says_and_stands_there_in_the_order_of_the_help() -> None:
    [commands] = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]

    assert list(commands.choices) == list(COMMANDS)
