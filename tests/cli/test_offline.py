"""Commands that need no running instance."""

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from strangler import __version__
from strangler.cli import main
from strangler.config import load
from strangler.control import auth
from strangler.control.migrations import STEPS
from strangler.control.store import Store
from strangler.core.shares import STAGES
from strangler.flags.edit import SetShare, SetStage
from strangler.flags.embedded import EmbeddedSource
from tests.config.test_ten_faults import TEN
from tests.config.texts import faults
from tests.support.proxy import routes_text

ROUTE = '{name: items, match: {path: "/items/{id}"}, extracted: extracted, flag: items}'
GOOD = routes_text(monolith=1, routes=[ROUTE])
BAD = GOOD.replace("extracted: extracted", "extracted: nowhere").replace("workers: 2", "workers: many")


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(GOOD)
    return path


def test_check_of_a_good_file_is_one_line_and_exit_0(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", "-c", str(routes)])

    assert code == 0
    assert capsys.readouterr().out == (
        f"{routes}: ok, 2 upstreams, 1 route (1 with an extracted service), flags from embedded\n"
    )


def test_check_prints_every_fault_with_its_line_and_exits_2(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routes.write_text(BAD)

    code = main(["check", "-c", str(routes)])

    lines = capsys.readouterr().out.splitlines()
    assert code == 2
    assert [line.split(":")[1] for line in lines] == ["4", "12"]


def test_a_file_with_ten_different_faults_prints_each_with_its_line_and_exits_2(
    routes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    routes.write_text(TEN)

    code = main(["check", "-c", str(routes)])

    printed = capsys.readouterr().out.splitlines()
    assert code == 2
    assert [line.removeprefix(f"{routes}:") for line in printed] == faults(TEN)
    assert len({line.split(":")[1] for line in printed}) >= 10


def test_check_as_json_has_the_faults_as_fields(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routes.write_text(BAD)

    code = main(["check", "-c", str(routes), "--json"])

    found = json.loads(capsys.readouterr().out)
    assert code == 2
    assert (found["ok"], len(found["faults"])) == (False, 2)
    assert set(found["faults"][0]) == {"file", "line", "column", "where", "message", "remedy"}


def test_check_reads_the_flag_file_too(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routes.write_text(GOOD + "flags: {source: file, file: flags.json}\n")
    flags = routes.parent / "flags.json"
    missing = main(["check", "-c", str(routes)])
    flags.write_text('{"flags": {"items": {"on": "yes"}}}')
    faulty = main(["check", "-c", str(routes)])
    flags.write_text('{"flagValues": {"other": true}}')
    capsys.readouterr()

    unknown = main(["check", "-c", str(routes)])

    assert (missing, faulty, unknown) == (2, 2, 0)
    assert "warning: routes file line 12: route items: the flag file has no flag 'items'" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--listen", "8080"],
        ["serve", "--listen", "localhost:99999"],
        ["serve", "--workers", "-1"],
        ["explain", "GET", "/", "-H", "no colon"],
        ["flags"],
        ["serves"],
        [],
    ],
)
def test_a_wrong_command_line_exits_2_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    assert capsys.readouterr().err.startswith("usage: strangler")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-c", "none.yaml"), b"none.yaml:1:1: document: the file cannot be read"),
        (("-c", "routes.yaml", "--admin", "0.0.0.0:0"), b"can be reached from other machines"),
        (("--listen", "127.0.0.1:7001", "--admin", "127.0.0.1:7001"), b"clients and operators would share"),
        (("--listen", "localhost:1"), b"is the proxy's own listener, localhost:1, and requests would go round forever"),
    ],
)
def test_a_start_that_cannot_be_says_why_without_a_traceback(
    routes: Path, arguments: tuple[str, ...], said: bytes
) -> None:
    # Because serving sets up the whole process's log, it gets a process of its own.
    done = subprocess.run(
        [sys.executable, "-m", "strangler", "serve", *arguments],
        cwd=routes.parent,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["schema"])

    assert code == 0
    assert "upstreams" in json.loads(capsys.readouterr().out)["properties"]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--version"])

    assert raised.value.code == 0
    assert capsys.readouterr().out == f"strangler {__version__}\n"


def test_help_documents_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])

    assert "exit codes: 0 done" in capsys.readouterr().out


def test_explain_without_an_instance_reads_the_stored_flags_and_says_so(
    routes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Store(routes.parent / "state")) as store:
        source = EmbeddedSource(store, lambda _data: None)
        source.start()
        source.write("items", SetShare(share_bp=10_000), by="test")

    code = main(["explain", "get", "/items/7", "-H", "X-User-Id: 4", "-c", str(routes)])

    output = capsys.readouterr()
    assert code == 0
    assert "side      extracted, by upstream extracted" in output.out
    assert "flag_fallthrough" in output.out
    assert output.err == (
        "strangler: nothing runs; worked out from the files, with trips and the kill switch as they are stored.\n"
    )


def test_explain_without_an_instance_reads_beside_a_start_and_keeps_it_from_nothing(
    routes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Store(routes.parent / "state")) as store:
        source = EmbeddedSource(store, lambda _data: None)
        source.start()
        source.write("items", SetShare(share_bp=10_000), by="test")

        # Because the store is held here as a start holds it, and has said nothing yet of where it can be asked.
        code = main(["explain", "get", "/items/7", "-H", "X-User-Id: 4", "-c", str(routes)])
        source.write("items", SetShare(share_bp=0), by="test")

    output = capsys.readouterr()
    assert (code, output.out.splitlines()[0]) == (0, "side      extracted, by upstream extracted")


KEEPS = "Unless this key was seen before: a repetition keeps its first side."


@pytest.mark.parametrize(
    ("method", "header", "is_told"),
    [("POST", "Idempotency-Key: a1", True), ("POST", "X-Other: a1", False), ("GET", "Idempotency-Key: a1", False)],
)
def test_explain_of_a_keyed_write_says_that_a_repetition_keeps_its_first_side(
    routes: Path, method: str, header: str, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    routes.write_text(GOOD.replace("flag: items}", "flag: items, idempotency: {}}"))

    assert main(["explain", method, "/items/7", "-H", header, "-H", "X-User-Id: 4", "-c", str(routes)]) == 0

    assert (KEEPS in capsys.readouterr().out) is is_told


def test_explain_of_what_is_no_method_is_refused(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "G T", "/items/7", "-c", str(routes)]) == 2

    assert "'G T' is no method; write one such as GET or POST." in capsys.readouterr().err


def test_explain_of_a_store_that_cannot_be_read_says_why(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = routes.parent / "state"
    state.mkdir()
    (state / "state.db").write_bytes(b"no database, and never was one" * 99)

    code = main(["explain", "GET", "/items/7", "-c", str(routes)])

    error = capsys.readouterr().err
    assert code == 1
    assert f"cannot read state store {state}/state.db: file is not a database" in error
    assert "Traceback" not in error


def test_explain_reads_a_store_of_a_release_that_knew_no_guards(
    routes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (routes.parent / "state").mkdir()
    with closing(sqlite3.connect(routes.parent / "state" / "state.db")) as db:
        db.executescript(f"{STEPS[0]};PRAGMA user_version = 1;")

    code = main(["explain", "GET", "/items/7", "-H", "X-User-Id: 4", "-c", str(routes)])

    assert code == 0
    assert "flag_missing" in capsys.readouterr().out


def test_explain_of_an_address_that_does_not_answer_does_not_say_that_nothing_runs(
    routes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", "any")

    code = main(["explain", "GET", "/items/7", "-c", str(routes), "--admin", "127.0.0.1:1"])

    told = capsys.readouterr().err
    assert code == 0
    assert told.startswith("strangler: no strangler answers on the admin address 127.0.0.1:1 (Connection refused).")
    assert told.endswith(
        " This is worked out from the files, with trips and the kill switch as they are stored; "
        "if it runs, it may differ.\n"
    )


def test_explain_goes_by_the_state_directory_that_is_named(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Store(routes.parent / "other")) as store:
        source = EmbeddedSource(store, lambda _data: None)
        source.start()
        source.write("items", SetShare(share_bp=10_000), by="test")

    words = ["explain", "get", "/items/7", "-H", "X-User-Id: 4", "-c", str(routes)]
    codes = [main([*words, "--state-dir", str(routes.parent / "other")]), main(words)]

    sides = [line for line in capsys.readouterr().out.splitlines() if line.startswith("side")]
    assert codes == [0, 0]
    assert [side.split(",")[0] for side in sides] == ["side      extracted", "side      monolith"]


def test_explain_without_an_instance_makes_no_state_directory(routes: Path) -> None:
    code = main(["explain", "GET", "/items/7", "-c", str(routes)])

    assert code == 0
    assert not (routes.parent / "state").exists()


def test_flags_without_an_instance_names_the_address(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routes.write_text(GOOD.replace("admin: 127.0.0.1:0", "admin: 127.0.0.1:9"))
    (routes.parent / "token").write_text("t" * 43)

    codes = [
        main(["flags", "list", "-c", str(routes)]),
        main(["flags", "list", "-c", str(routes), "--token-file", str(routes.parent / "token")]),
    ]

    assert codes == [1, 1]
    assert capsys.readouterr().err.count("127.0.0.1:9") == 2


def test_whoever_sits_on_the_configured_port_while_nothing_runs_is_not_sent_the_token(
    routes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = socket.create_server(("127.0.0.1", 0))
    stranger.setblocking(False)
    routes.write_text(GOOD.replace("admin: 127.0.0.1:0", f"admin: 127.0.0.1:{stranger.getsockname()[1]}"))
    (routes.parent / "state").mkdir()
    auth.load_token(routes.parent / "state")

    with stranger:
        code = main(["status", "-c", str(routes)])
        with pytest.raises(BlockingIOError):
            stranger.accept()

    assert code == 1
    assert "nothing runs on the state directory" in capsys.readouterr().err


def test_check_tells_what_is_rarely_meant_in_a_flag_file(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routes.write_text(GOOD + "flags: {source: file, file: flags.json}\n")
    flag = {"on": True, "variations": [False, True], "offVariation": 1, "fallthrough": {"variation": 0}}
    (routes.parent / "flags.json").write_text(json.dumps({"flags": {"items": flag}}))

    code = main(["check", "-c", str(routes)])

    assert code == 0
    assert "warning: flag 'items': offVariation means the extracted side" in capsys.readouterr().out


def test_check_knows_the_migration_flags_of_a_file(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routes.write_text(GOOD + "flags: {source: file, file: flags.json}\n")
    flag = {"on": True, "variations": list(STAGES), "offVariation": 0, "fallthrough": {"variation": 5}}
    (routes.parent / "flags.json").write_text(json.dumps({"flags": {"items": {**flag, "migration": {}}}}))

    main(["check", "-c", str(routes)])

    said = capsys.readouterr().out
    assert "route items: `items` is a migration flag, and its writes" in said
    assert "route items: `items` has keys in `complete`" in said


def test_check_knows_the_migration_flags_of_the_state_store(routes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routes.write_text(GOOD)
    state_dir = load.load(routes).state_dir
    with closing(Store(Path(state_dir))) as store:
        source = EmbeddedSource(store, lambda _: None)
        source.start()
        source.write("items", SetStage(stage="dualwrite"), by="tests")

    main(["check", "-c", str(routes)])

    assert "route items: `items` is a migration flag, and its writes" in capsys.readouterr().out


def test_a_token_file_that_is_not_there_is_named(
    routes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRANGLER_TOKEN", raising=False)
    missing = routes.parent / "nosuch"

    code = main(["status", "-c", str(routes), "--admin", "127.0.0.1:1", "--token-file", str(missing)])

    told = capsys.readouterr().err
    assert code == 2
    assert told == f"strangler: --token-file: there is no file {missing}. Name the one that holds the token.\n"


def test_an_admin_address_is_taken_as_a_browser_writes_it(
    routes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", "any")

    code = main(["status", "-c", str(routes), "--admin", "http://127.0.0.1:1/"])

    assert code == 1
    assert "no strangler answers on the admin address 127.0.0.1:1" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["status", "-c", str(routes), "--admin", "https://127.0.0.1:1"])
    assert "Write HOST:PORT, and for TLS the CA with --tls-ca" in capsys.readouterr().err


def test_a_plan_of_a_file_that_is_not_there_names_no_option_that_it_has_not(
    routes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["plan", str(routes.parent / "nosuch.yaml"), "-c", str(routes)])

    told = capsys.readouterr().err
    assert code == 2
    assert "Name the other routes file that is to be tried" in told
    assert "-c" not in told
