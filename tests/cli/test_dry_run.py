"""Every command that changes something can be tried: it says what it would do, and does nothing."""

import asyncio
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from strangler.cli import _parser, main
from strangler.cli.changing import lines
from tests.cli.test_every_command import ADMIN, ASKS, READS, WHY, Place, leaves, place
from tests.control.test_dryrun import everything
from tests.support.backend import backend, ok, says
from tests.support.shown import ROUTES_TEXT

__all__ = ("place",)

UNCHANGING: Mapping[str, str] = {
    "serve": "it is the proxy itself; `check` tries a routes file before",
    "check": "it reads",
    "schema": "it prints",
    "plan": "it is a dry run itself",
    "explain": "nothing is sent",
    "flags list": "it reads",
    "flags get": "it reads",
    "status": "it reads",
    "guards": "it reads",
    "shadow report": "it reads",
    "shadow recordings": "it reads",
    "divergences list": "it reads",
    "progress": "it reads",
    "token list": "it reads",
    "audit list": "it reads",
    "audit verify": "it reads",
    "audit export": "it reads",
    "config show": "it reads",
    "replay": "it asks a build that is named for it, reads alone, and changes nothing of this proxy",
    "completion": "it prints",
}
"""Commands that need no dry run, and why."""

WRITES = {"shadow export": ("--route users --format pytest -c {recorded} -o {new}",)}
CASES = [
    (name, one)
    for name, several in {**ASKS, **READS, **WRITES}.items()
    for one in several
    if name not in UNCHANGING
    and (name != "discover" or "--suggest" in one)
    and (name != "divergences show" or WHY in one)
]


def kept(place: Place) -> Any:
    folder = Path(place.words["state"]).parent
    files = {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    # Because a store that is read keeps its index of readers beside it.
    return everything(place.client), {name: data for name, data in files.items() if "state.db-" not in name}


async def tried(place: Place, command: str, more: str, **words: str) -> int:
    """Run a command without a reason, and without anybody to ask."""
    known = {**place.words, "new": str(Path(place.words["state"]).parent / "test_new.py"), **words}
    text = more.replace(WHY, "").replace("--yes", "").replace("--dry-run", "")
    arguments = shlex.split(f"{command} {text} --dry-run".format(**known))
    if command in ASKS or command.startswith("shadow accept"):
        arguments += shlex.split(ADMIN.format(**known))
    return await asyncio.to_thread(main, arguments)


def test_every_command_that_changes_something_has_a_dry_run() -> None:
    found = dict(leaves(_parser()))

    assert found.keys() - UNCHANGING.keys() == {name for name, _ in CASES}
    assert UNCHANGING.keys() <= found.keys()
    assert {name for name, one in found.items() if "--dry-run" in one._option_string_actions} == {
        name for name, _ in CASES
    }


@pytest.mark.parametrize(("command", "more"), CASES)
async def test_a_dry_run_is_done_without_a_reason_and_changes_nothing(
    place: Place, command: str, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = kept(place)

    code = await tried(place, command, more)

    output = capsys.readouterr()
    assert code == 0, output.err
    assert kept(place) == before
    if command == "shadow export":
        assert (output.out, "1 reads would be written" in output.err) == ("", True)
    else:
        assert output.out.splitlines()[-1] == "dry run: nothing was changed"


@pytest.mark.parametrize(("command", "more"), [case for case in CASES if case[0] != "shadow export"])
async def test_a_dry_run_in_json_says_that_it_is_one(
    place: Place, command: str, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await tried(place, command, f"{more} --json")

    assert code == 0
    assert json.loads(capsys.readouterr().out)["dry_run"] is True


@pytest.mark.parametrize("command", [name for name in ASKS if name not in UNCHANGING])
async def test_a_dry_run_where_nothing_runs_fails_as_the_change_does(
    place: Place, command: str, unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await tried(place, command, ASKS[command][-1], admin=f"127.0.0.1:{unused_tcp_port}")

    assert code == 1
    assert "no strangler answers" in capsys.readouterr().err


REFUSED = (
    ("flags set", f"paymnts 25% {WHY}", 2),
    ("flags set", f"payments 25% --if-match '\"other\"' {WHY}", 1),
    ("flags set", f"payments 25 {WHY}", 2),
    ("flags delete", f"payments {WHY}", 1),
    ("trip", f"pya {WHY}", 2),
    ("token create", f"ci --role viewer {WHY}", 1),
    ("token revoke", f"cy {WHY}", 2),
    ("divergences repair", f"none --yes {WHY}", 2),
    ("divergences settle", f"none --yes {WHY}", 2),
    ("shadow accept", f"pya $.a --yes {WHY} -c {{file}}", 2),
    ("discover", f"--suggest 'GET /none' --yes {WHY} -c {{file}}", 2),
    ("vault rotate", "--state-dir {none}", 1),
    ("shadow export", "--route users --format pytest -c {recorded} -o {file}", 2),
)


@pytest.mark.parametrize(("command", "more", "code"), REFUSED)
async def test_what_cannot_be_done_has_the_same_words_and_exit_code_in_a_dry_run(
    place: Place, command: str, more: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"none": str(tmp_path / "none" / "none")}
    dry = await tried(place, command, more, **words)
    told = capsys.readouterr().err
    arguments = shlex.split(f"{command} {more}".format(**{**place.words, **words}))
    is_asking = command in ASKS or command.startswith("shadow accept")
    real = await asyncio.to_thread(main, arguments + shlex.split(ADMIN.format(**place.words)) * is_asking)

    assert (dry, real) == (code, code)
    if command != "vault rotate":
        # Because what the system says of a directory that is not there is known only once it is tried.
        assert told == capsys.readouterr().err


async def test_a_reason_that_is_given_is_looked_at(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    code = await tried(place, "kill", "on --reason ' '")

    assert (code, "a reason is needed" in capsys.readouterr().err) == (2, True)


async def test_an_instance_that_knows_no_dry_run_is_sent_no_reason_and_its_answer_taken_for_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", "t")
    async with backend(says(ok(b'{"is_killed": true}'))) as former:
        arguments = ["kill", "on", "--dry-run", "--reason", "why", "--admin", f"127.0.0.1:{former.port}"]
        code = await asyncio.to_thread(main, arguments)

    assert (code, "knows no dry run" in capsys.readouterr().err) == (1, True)
    (received,) = former.received
    assert (received.target, json.loads(received.body)) == (b"/api/v1/kill?dry_run=true", {"is_on": True})


async def test_a_differing_place_that_would_be_ignored_is_named(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    await tried(place, "shadow accept", READS["shadow accept"][0])

    assert "caution: would be ignored: $.items[*].amount  value, 12 times" in capsys.readouterr().err
    assert place.client.file.read_text() == ROUTES_TEXT


def dry_run(*moved: dict[str, Any]) -> dict[str, Any]:
    changes = [{"kind": "changed", "what": "flag", "name": "pay", "fields": []}]
    return {"dry_run": True, "changes": changes, "moved": list(moved), "notes": [], "diff": [], "answer": None}


def moved(route: str, before_bp: int, after_bp: int | None, per_minute: float | None) -> dict[str, Any]:
    def part(share_bp: int | None) -> float | None:
        return None if share_bp is None or per_minute is None else per_minute * share_bp / 10_000

    return {
        "route": route,
        "before_bp": before_bp,
        "after_bp": after_bp,
        "per_minute": per_minute,
        "extracted_before": part(before_bp),
        "extracted_after": part(after_bp),
    }


def test_what_moves_is_told_in_requests_a_minute_of_each_route_and_in_all() -> None:
    told = list(lines(dry_run(moved("a", 200, 2_500, 120.0), moved("b", 200, 2_500, None), moved("c", 200, None, 5.0))))

    assert told == [
        "changed flag pay",
        "a: 2% -> 25% extracted, 2.4 -> 30 of 120 requests a minute",
        "b: 2% -> 25% extracted",
        "c: 2% -> ? extracted",
        "about 30 of 120 requests a minute would be answered by the extracted side: 27.6 more than now",
        "dry run: nothing was changed",
    ]


def test_without_requests_nothing_is_said_of_how_many_would_move() -> None:
    told = list(lines(dry_run(*(moved(f"r{number}", 0, 100, None) for number in range(25)))))

    assert told[-3:-1] == [
        "... and 5 routes more: --json",
        "there was no request in the last five minutes, so nothing can be said of how many would move",
    ]


def test_what_would_change_nothing_says_so() -> None:
    assert list(lines({**dry_run(), "changes": []})) == ["nothing would be otherwise", "dry run: nothing was changed"]
