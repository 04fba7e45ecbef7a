"""`strangler completion`: the script is asked by the shell that it is for."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from strangler.cli import main
from strangler.control.operations import Role
from strangler.control.store import Store
from strangler.control.tokendesk import TokenDesk
from strangler.core.divergence import Listed, Why
from strangler.core.model import Side

ROUTES = """\
version: 1
state_dir: state
upstreams:
  monolith: {url: "http://127.0.0.1:1", default: true}
  extracted: {url: "http://127.0.0.1:2"}
routes:
  - {name: pay.create, match: {path: /pay}, extracted: extracted, flag: payments}
  - {name: users, match: {path: /users}, extracted: extracted, flag: people}
"""
STORED = {"flags": ["payments", "people", "spare"], "divergences": ["a1", "b2"], "tokens": ["ci"]}
ASKED = [
    ("", "flags"),
    ("flags ", "set"),
    ("kill ", "on"),
    ("flags set --rea", "--reason"),
    ("token create --ro", "--role"),
    ("flags set spare ", "rampdown"),
    ("shadow report --format ", "json"),
    ("shadow export --format ", "hurl"),
    ("token create ci --role ", "operator"),
    ("serve --log-format ", "json"),
    ("explain ", "POST"),
    ("trip p", "pay.create"),
    ("guards p", "pay.create"),
    ("audit list --kind tr", "trips"),
    ("audit list --route u", "users"),
    ("shadow accept --yes u", "users"),
    ("divergences list --route u", "users"),
    ("replay --route pay", "pay.create"),
    ("flags get sp", "spare"),
    ("flags set --reason x pe", "people"),
    ("divergences show ", "b2"),
    ("divergences settle a1 ", "b2"),
    ("token revoke ", "ci"),
    ("trip -c elsewhere/other.yaml o", "other"),
    ("trip --config elsewhere/other.yaml o", "other"),
    ("flags get --state-dir state -c none.yaml sp", "spare"),
]
NOTHING = [
    "token create ",
    "flags set spare 25% ",
    "explain GET ",
    "trip --reason ",
    "trip zz",
    "trip -c none.yaml ",
    "token revoke -c elsewhere/other.yaml ",
]
FILES = [
    ("config apply r", "routes.yaml"),
    ("plan r", "routes.yaml"),
    ("check -c r", "routes.yaml"),
    ("flags set spare --definition ro", "routes.yaml"),
    ("serve --state-dir st", "state"),
]


def listed(one: str) -> Listed:
    return Listed(
        id=one,
        at=1.0,
        route="users",
        primary=Side.LEGACY,
        why=Why.STATUS,
        status=503,
        primary_status=201,
        method="POST",
        path="/users",
        request_id="r",
        sealed=b"sealed",
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the shell is in, with a routes file, another one, and a state directory."""
    (tmp_path / "routes.yaml").write_text(ROUTES)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.yaml").write_text("routes:\n  - name: other\n")
    with closing(Store(tmp_path / "state")) as store:
        store.write_flag({"key": "spare", "version": 1}, by="ann", what="set on", at=1.0)
        desk = TokenDesk(store.tokens)
        for name in ("gone", "ci"):
            desk.create(name, Role.VIEWER, for_s=None, who="t", why="t")
        desk.revoke("gone", who="t", why="t")
        store.divergences.add([listed("a1"), listed("b2")], now=1.0)
    monkeypatch.chdir(tmp_path)
    # Because the script asks the command by its name.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    return tmp_path


def in_bash(typed: str, script: Path) -> list[str]:
    """Return what bash offers for a line, split as it splits one: `=` is a word of its own."""
    words = ["strangler", *typed.replace("=", " = ").split(" ")]
    array = " ".join(f"'{word}'" for word in words)
    return run(
        "bash",
        f"source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; "
        "$(complete -p strangler | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); "
        'printf "%s\\n" "${COMPREPLY[@]}"',
    )


def in_fish(typed: str, script: Path) -> list[str]:
    return run("fish", f"source {script}; complete -C 'strangler {typed}'")


def in_zsh(typed: str, script: Path) -> list[str]:
    words = ["strangler", *typed.split(" ")]
    array = " ".join(f"'{word}'" for word in words)
    # Because completion runs at a prompt only, what it hands over is caught where it does so.
    return run(
        "zsh",
        "compdef() { :; }; compadd() { print -l -- $found; }; "
        '_files() { [[ $1 = -/ ]] && print -l -- "${words[CURRENT]}"*(/) || print -l -- "${words[CURRENT]}"*; }; '
        f"source {script}; words=({array}); CURRENT={len(words)}; _strangler",
    )


IN = {"bash": in_bash, "fish": in_fish, "zsh": in_zsh}


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


@pytest.mark.parametrize("shell", IN)
@pytest.mark.parametrize(("typed", "wanted"), ASKED)
def test_a_shell_completes_commands_choices_options_and_names(
    shell: str, typed: str, wanted: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = IN[shell](typed, script(shell, capsys, place))

    # Because zsh chooses among what it is given by itself.
    assert wanted in found
    assert shell == "zsh" or all(one.startswith(typed.rpartition(" ")[2]) for one in found)


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize("typed", NOTHING)
def test_where_nothing_is_known_nothing_is_offered_not_even_files(
    shell: str, typed: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offered = IN[shell](typed, script(shell, capsys, place))

    assert [one for one in offered if not one.startswith("--")] == []


@pytest.mark.parametrize("shell", IN)
@pytest.mark.parametrize(("typed", "wanted"), FILES)
def test_a_shell_completes_files(
    shell: str, typed: str, wanted: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = IN[shell](typed, script(shell, capsys, place))

    assert wanted in [one.rstrip("/") for one in found]


def test_bash_completes_behind_an_equals_sign(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("bash", capsys, place)

    assert "routes.yaml" in in_bash("check --config=ro", path)
    assert in_bash("trip --config=elsewhere/other.yaml ", path) == ["other"]


@pytest.mark.parametrize("kind", ["routes", "flags", "divergences", "tokens"])
def test_names_are_printed_one_a_line(kind: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["completion", kind])

    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert printed.out.split() == {"routes": ["pay.create", "users"], **STORED}[kind]


@pytest.mark.parametrize(
    "text",
    [
        ROUTES.replace("version: 1", "version: 7"),
        ROUTES.replace("match: {path: /users}", "match: {path: /users"),
        ROUTES.replace("version: 1", "\tversion: 1"),
        ROUTES + '  - {name: "$(touch evil)", match: {path: /a}}\n  - {name: "a b"}\n  - {name: 7x;ls}\n',
    ],
)
def test_a_faulty_file_still_has_its_names_and_none_that_a_shell_could_take_for_a_command(
    text: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "routes.yaml").write_text(text)

    code = main(["completion", "routes"])

    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert {"pay.create", "users"} <= set(printed.out.split())
    assert re.fullmatch(r"[\w.\n-]+", printed.out)


@pytest.mark.parametrize("kind", ["routes", "flags", "divergences", "tokens"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"[1, 2]", b"flags: {file: none.json}\nstate_dir: bad\n"])
def test_names_that_cannot_be_read_are_none_and_no_fault(
    kind: str, content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "state.db").write_bytes(b"no store" * 999)
    if content is not None:
        (tmp_path / "routes.yaml").write_bytes(content)

    code = main(["completion", kind, "-c", str(tmp_path / "routes.yaml")])

    assert (code, *capsys.readouterr()) == (0, "", "")


@pytest.mark.parametrize("typed", ["a b.yaml", "'a b.yaml'", "a\\ b.yaml", "~/'a b.yaml'"])
def test_a_file_is_found_as_it_is_typed(
    typed: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place))
    (place / "a b.yaml").write_text("routes: [{name: spaced}]")

    main(["completion", "routes", "-c", typed])

    assert capsys.readouterr().out == "spaced\n"


def test_the_flags_of_a_flag_file_are_known(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "routes.yaml").write_text(ROUTES + "flags: {source: file, file: flags.json}\n")
    (place / "flags.json").write_text('{"flags": {"f1": {}}, "flagValues": {"f2": true}}')

    main(["completion", "flags"])

    assert capsys.readouterr().out.split() == ["f1", "f2", "payments", "people", "spare"]


def test_every_command_is_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = script("bash", capsys, tmp_path).read_text()

    assert all(
        f'"/{name}")' in text for name in ("serve", "flags/set", "token/create", "shadow/report", "config/apply")
    )
