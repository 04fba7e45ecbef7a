"""`strangler completion`: the script is asked by the shell that it is for."""

import shutil
import subprocess
from pathlib import Path

import pytest

from strangler.cli import main

ASKED = [
    ("", "flags"),
    ("flags ", "set"),
    ("kill ", "on"),
    ("flags set --rea", "--reason"),
    ("token create --ro", "--role"),
]


def script(shell: str, capsys: pytest.CaptureFixture[str], folder: Path) -> Path:
    assert main(["completion", shell]) == 0
    path = folder / f"completion.{shell}"
    path.write_text(capsys.readouterr().out)
    return path


def run(shell: str, text: str) -> list[str]:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"the package {shell} is not installed")
    done = subprocess.run([found, "-c", text], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(("typed", "wanted"), ASKED)
def test_bash_completes_commands_actions_choices_and_options(
    typed: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["strangler", *typed.split(" ")]
    array = " ".join(f"'{word}'" for word in words)
    text = (
        f"source {script('bash', capsys, tmp_path)}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _strangler; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )

    assert wanted in run("bash", text)


@pytest.mark.parametrize(("typed", "wanted"), ASKED)
def test_fish_completes_the_same(typed: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wanted in run("fish", f"source {script('fish', capsys, tmp_path)}; complete -C 'strangler {typed}'")


@pytest.mark.parametrize(("typed", "wanted"), ASKED)
def test_zsh_completes_the_same(typed: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("zsh", capsys, tmp_path)
    words = ["strangler", *typed.split(" ")]
    array = " ".join(f"'{word}'" for word in words)
    # Because completion runs at a prompt only, what it hands over is caught where it does so.
    text = (
        f"compdef() {{ :; }}; compadd() {{ print -l -- $found; }}; _files() {{ :; }}; source {path}; "
        f"words=({array}); CURRENT={len(words)}; _strangler"
    )

    assert wanted in run("zsh", text)


def test_every_command_is_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = script("bash", capsys, tmp_path).read_text()

    assert all(
        f'"/{name}")' in text for name in ("serve", "flags/set", "token/create", "shadow/report", "config/apply")
    )
