"""`strangler audit` where nothing runs: from the state directory alone."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strangler.cli import main
from tests.support.guarding import Proxy, config, route


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Return a state directory with three entries in its audit log."""
    proxy = Proxy(tmp_path, config(route("pay")))
    proxy.guards.trip("pay", who="ann", why="double charges")
    proxy.guards.reset("pay", who="ann", why="mended")
    proxy.guards.trip("pay", who="bob", why="again")
    proxy.close()
    return tmp_path


def audit(state_dir: Path, *arguments: str) -> int:
    return main(["audit", *arguments, "--state-dir", str(state_dir)])


def tamper(state_dir: Path, statement: str) -> None:
    """Change the log as somebody who has the file could; the triggers of the store are no lock."""
    with closing(sqlite3.connect(state_dir / "state.db")) as db, db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        assert db.execute(statement).rowcount > 0


def head(state_dir: Path, seq: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Return an entry as one that was written down elsewhere."""
    audit(state_dir, "export")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return f"{seq}:{rows[seq - 1]['hash']}"


def test_the_latest_entries_are_listed_first(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = audit(state_dir, "list", "--limit", "2")

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert rows[0] == ["SEQ", "TIME", "WHO", "WHAT", "SUBJECT", "WHY"]
    assert [[row[0], *row[3:6]] for row in rows[1:]] == [["3", "bob", "trip", "pay"], ["2", "ann", "reset", "pay"]]


def test_a_whole_log_is_said_to_be_whole_with_its_head(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = head(state_dir, 3, capsys)

    code = audit(state_dir, "verify")

    assert (code, capsys.readouterr().out) == (0, f"3 entries, whole; head {kept}\n")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET why = 'nothing' WHERE seq = 2", "entry 2: altered"),
        ("DELETE FROM audit WHERE seq = 2", "entry 2: missing"),
        ("UPDATE audit SET seq = CASE seq WHEN 1 THEN 9 ELSE seq END", "entry 1: missing"),
        ("DELETE FROM audit WHERE seq = 3", "entry 3: truncated"),
    ],
)
def test_a_log_that_was_changed_exits_1_and_names_the_entry(
    state_dir: Path, statement: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(state_dir, statement)

    code = audit(state_dir, "verify")

    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert printed.err == f"strangler: the audit log is broken at {said}.\n"


def test_a_head_that_was_kept_elsewhere_finds_an_end_that_was_cut_off_with_its_anchor(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = head(state_dir, 3, capsys)
    tamper(state_dir, "DELETE FROM audit WHERE seq = 3")
    (state_dir / "audit.anchor").unlink()

    without = audit(state_dir, "verify"), capsys.readouterr().err
    given = audit(state_dir, "verify", "--head", kept), capsys.readouterr().err

    assert without == (1, "strangler: the audit log is broken at entry 3: unanchored.\n")
    assert given == (1, "strangler: the audit log is broken at entry 3: truncated.\n")


def test_a_head_that_was_kept_elsewhere_stands_in_for_an_anchor_that_is_lost(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = head(state_dir, 3, capsys)
    (state_dir / "audit.anchor").unlink()

    assert audit(state_dir, "verify", "--head", kept) == 0


def test_a_head_that_is_none_is_refused(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        audit(state_dir, "verify", "--head", "3:abc")

    assert stopped.value.code == 2
    assert "is not SEQ:HASH as `audit verify` prints it" in capsys.readouterr().err


def test_an_export_can_be_checked_by_anybody(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = audit(state_dir, "export")

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [row["prev"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    assert json.loads(rows[0]["evidence"])["why"] == "double charges"


def test_a_directory_without_a_store_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = audit(tmp_path, "list")

    assert code == 2
    assert f"there is no state store at {tmp_path / 'state.db'}" in capsys.readouterr().err


@pytest.fixture
def faulty(state_dir: Path) -> Path:
    """Return a routes file with a fault, beside the state directory that it names."""
    path = state_dir.parent / f"{state_dir.name}.yaml"
    path.write_text(f"version: 1\nstate_dir: {state_dir}\nroutes: 7\n")
    return path


@pytest.mark.parametrize("command", ["verify", "list", "export"])
def test_a_routes_file_with_faults_keeps_nobody_from_the_log_of_the_directory_that_it_names(
    faulty: Path, state_dir: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["audit", command, "-c", str(faulty)])
    read = capsys.readouterr()
    audit(state_dir, command)

    assert (code, read.out) == (0, capsys.readouterr().out)
    assert read.err == (f"strangler: {faulty} has faults, see `strangler check`; the state directory is {state_dir}.\n")


def test_a_routes_file_with_faults_does_not_hide_that_the_log_is_broken(
    faulty: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(state_dir, "DELETE FROM audit WHERE seq = 2")

    code = main(["audit", "verify", "--json", "-c", str(faulty)])

    assert (code, json.loads(capsys.readouterr().out)["broken"]) == (1, {"seq": 2, "kind": "missing"})


def test_without_a_routes_file_the_state_directory_is_enough_and_is_asked_for(
    state_dir: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path_factory.mktemp("empty") / "routes.yaml"

    codes = [
        main(["audit", "verify", "-c", str(missing), "--state-dir", str(state_dir)]),
        main(["audit", "verify", "-c", str(missing)]),
    ]

    assert codes == [0, 2]
    assert "or the state directory with --state-dir" in capsys.readouterr().err


def test_a_store_that_is_no_store_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state.db").write_bytes(b"no store at all" * 1_000)

    code = audit(tmp_path, "verify")

    assert code == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["reset", "pay"], ["trip", "pay"], ["kill", "on"]])
def test_nobody_acts_without_a_reason(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "--reason" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["reset"], ["trip"], ["kill"], ["audit"], ["audit", "verify"]])
def test_help_says_what_a_command_does(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])

    said = capsys.readouterr().out
    assert "audit log" in said or "entry" in said
    assert "exit codes" in said.lower()
