"""What holds for every command: JSON for machines, on success and on failure, and the documented exit codes."""

import argparse
import asyncio
import json
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from strangler.cli import _parser, main
from strangler.control.operations import Role
from strangler.control.store import Store
from tests.cli import test_divergences, test_replay
from tests.control.test_discovery import shape
from tests.support.backend import backend, ok, says
from tests.support.findings import PAY
from tests.support.recordings import entries
from tests.support.shown import ROUTES_TEXT
from tests.support.surface import TOKEN, Client, served

ADMIN = "--admin {admin}"
WHY = "--reason test"
ASKS: Mapping[str, tuple[str, ...]] = {
    "plan": ("{file}",),
    "explain": ("GET /",),
    "flags list": ("",),
    "flags get": ("payments",),
    "flags set": (f"payments 25% {WHY}",),
    "flags delete": (f"spare {WHY}",),
    "status": ("",),
    "guards": ("", "pay"),
    "audit list": ("", "--kind flags --limit 1"),
    "reset": (f"pay {WHY}",),
    "trip": (f"pay {WHY}",),
    "kill": (f"on {WHY}", f"off {WHY}"),
    "shadow report": ("", "pay"),
    "shadow reset": (f"pay {WHY}",),
    "shadow recordings": ("", "users"),
    "shadow forget": (f"users {WHY}",),
    "divergences list": ("",),
    "divergences show": ("a1", f"a1 --raw {WHY}"),
    "divergences repair": (f"a1 --yes {WHY}",),
    "divergences settle": (f"a1 --yes {WHY}",),
    "discover": ("", "--all", f"--suggest --yes {WHY} -c {{file}}"),
    "progress": ("",),
    "token create": (f"me --role viewer {WHY}",),
    "token list": ("",),
    "token revoke": (f"ci {WHY}",),
    "restart": (f"--no-wait {WHY}",),
    "config show": ("",),
    "config apply": ("{file} --dry-run", f"{{file}} {WHY}"),
}
"""What asks the running instance, and with what."""
READS: Mapping[str, tuple[str, ...]] = {
    "check": ("-c {file}",),
    "shadow accept": (f"pay $.items[*].amount --yes {WHY} -c {{file}}", f"pay $.now --yes {WHY} -c {{file}}"),
    "replay": ("--route users --against {against} -c {recorded}",),
    "audit verify": ("--state-dir {state}",),
    "vault rotate": ("--state-dir {state}",),
}
"""What goes by the files, and needs nothing that runs."""
WITHOUT = {
    "serve": "it runs until it is ended, and its log is JSON where no terminal is",
    "schema": "it is JSON",
    "audit export": "it is one JSON object a line",
    "shadow export": "it is a test",
    "completion": "it is a script",
}
"""Commands whose output is for other programs anyway."""
RESTART_NEVER = 1
"""No restart runs here, so none is waited for."""
CASES = [(name, more) for table in (ASKS, READS) for name, several in table.items() for more in several]


def leaves(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command that does something, with its whole name."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield path, parser
    for action in inner:
        for name, one in action.choices.items():
            yield from leaves(one, f"{path} {name}".strip())


@dataclass(frozen=True)
class Place:
    """An admin API, a file and a state directory that every command finds something in."""

    client: Client
    words: Mapping[str, str]

    async def run(self, command: str, more: str, *, is_json: bool = True, **words: str) -> int:
        known = {**self.words, **words}
        arguments = shlex.split(f"{command} {more} {'--json' if is_json else ''}".format(**known))
        if command in ASKS or command.startswith("shadow accept"):
            arguments += shlex.split(ADMIN.format(**known))
        return await asyncio.to_thread(main, arguments)


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    test_replay.keep(recorded, entries(1, body=b'{"id":1}'))
    with closing(Store(tmp_path / "state")) as store:
        store.write_flag({"key": "f", "version": 1}, by="ann", what="set on", at=1.0)
    async with served() as client, backend(says(ok(b'{"id":1}', test_replay.JSON))) as build:
        client.book.take(PAY)
        test_divergences.keep(client, "a1")
        assert client.recorded.write(entries(1), ())
        client.tokens.create("ci", Role.VIEWER, for_s=None, who="test", why="test")
        for key in ("payments", "spare"):
            await client.ask("PUT", f"/api/v1/flags/{key}", {"set": "2%", "create": True, "reason": "test"})
        client.discovery.record(2, (shape("/invoices/{uuid}"), shape("/invoices/{hash}")))
        words = {
            "admin": str(client.address),
            "file": str(client.file),
            "state": str(tmp_path / "state"),
            "recorded": str(recorded / "routes.yaml"),
            "against": f"http://127.0.0.1:{build.port}",
        }
        yield Place(client, words)


def test_every_command_has_json_for_machines_or_is_for_them_anyway() -> None:
    found = dict(leaves(_parser()))

    assert found.keys() == ASKS.keys() | READS.keys() | WITHOUT.keys()
    assert {name for name, one in found.items() if "--json" in one._option_string_actions} == ASKS.keys() | READS.keys()


@pytest.mark.parametrize(("command", "more"), CASES)
async def test_with_json_standard_output_is_one_document(
    place: Place, command: str, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await place.run(command, more)

    answer = json.loads(capsys.readouterr().out)
    assert code == (RESTART_NEVER if command == "restart" else 0)
    assert "error" not in answer


@pytest.mark.parametrize(("command", "more"), CASES)
async def test_for_people_the_side_of_the_monolith_is_called_the_monolith(
    place: Place, command: str, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await place.run(command, more, is_json=False)

    output = capsys.readouterr()
    if command != "divergences show":
        # Because that one prints what is stored, as JSON.
        assert "legacy" not in (output.out + output.err).lower()


@pytest.mark.parametrize("command", ASKS)
async def test_where_nothing_runs_the_code_is_1_and_the_reason_is_in_json_too(
    place: Place, command: str, unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await place.run(command, ASKS[command][-1], admin=f"127.0.0.1:{unused_tcp_port}")

    output = capsys.readouterr()
    if command == "explain":
        # Because it is worked out from the files then, of which there is none here.
        assert (code, error_of(output.out)["exit_code"]) == (2, 2)
        return
    assert (code, error_of(output.out)["exit_code"]) == (1, 1)
    assert output.err == f"strangler: {error_of(output.out)['detail']}\n"


@pytest.mark.parametrize("command", ["plan", "config apply", "shadow accept", "replay", "explain"])
async def test_a_faulty_routes_file_is_2_and_each_fault_has_its_place_in_text_and_json(
    place: Place, command: str, unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = place.client.folder / "bad.yaml"
    bad.write_text(ROUTES_TEXT.replace("share: 10%", "share: 10"))
    words: dict[str, Any] = {"file": str(bad), "recorded": str(bad)}
    more = f"GET / -c {bad}" if command == "explain" else {**ASKS, **READS}[command][-1]
    if command == "explain":
        words["admin"] = f"127.0.0.1:{unused_tcp_port}"

    code = await place.run(command, more, **words)

    output = capsys.readouterr()
    (fault,) = error_of(output.out)["faults"]
    assert (code, error_of(output.out)["exit_code"]) == (2, 2)
    assert (fault["file"], fault["line"], fault["where"]) == (str(bad), 10, "routes[0].share")
    assert output.err.startswith(f"{bad}:10:10: routes[0].share: ")


async def test_a_refusal_has_what_the_instance_answered(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [await place.run("flags get", "paymnts")]
    missing = error_of(capsys.readouterr().out)["problem"]
    codes.append(await place.run("flags set", f"payments 3% {WHY} --if-match '\"other\"'"))
    stale = error_of(capsys.readouterr().out)["problem"]

    assert codes == [2, 1]
    assert (missing["status"], missing["title"], missing["nearest"]) == (404, "flag_missing", ["payments"])
    assert (stale["status"], stale["given"]) == (412, '"other"')


async def test_a_log_that_is_broken_is_told_in_json(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(place.words["state"]) / "audit.anchor").unlink()

    code = await place.run("audit verify", READS["audit verify"][0])

    assert code == 1
    assert json.loads(capsys.readouterr().out) == {
        "entries": 1,
        "is_whole": False,
        "head": None,
        "broken": {"seq": 2, "kind": "unanchored"},
    }


@pytest.mark.parametrize(
    "arguments", [("shadow accept", "pay $.items[*].amount -c {file}"), ("discover", "--suggest -c {file}")]
)
async def test_with_json_nobody_is_asked(
    place: Place, arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = await place.run(*arguments)

    assert code == 2
    assert "Add --yes" in error_of(capsys.readouterr().out)["detail"]
    assert place.client.file.read_text() == ROUTES_TEXT


async def test_what_was_written_is_told_with_its_difference(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        assert await place.run("shadow accept", READS["shadow accept"][0]) == 0
        told.append(json.loads(capsys.readouterr().out))

    assert [one["is_written"] for one in told] == [True, False]
    assert any("$.items[*].amount" in line for line in told[0]["diff"])
    assert told[1]["diff"] == []


def test_a_command_line_that_cannot_be_read_is_2_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", "--json", "--nonsense"])

    output = capsys.readouterr()
    assert ended.value.code == error_of(output.out)["exit_code"] == 2
    assert "--nonsense" in output.err


def error_of(text: str) -> Any:
    """Return what the one document says went wrong."""
    (error,) = json.loads(text).values()
    return error
