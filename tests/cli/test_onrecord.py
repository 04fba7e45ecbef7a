"""`strangler shadow accept` of the file that an instance serves: that makes the change, on record."""

import asyncio
import os
import pty
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from strangler.cli import main
from strangler.config.load import load
from strangler.control.operations import Role
from strangler.core.audit import Action
from strangler.core.shadowing import PathRule, RuleKind
from tests.cli.test_accept import ANSWER_S, accept, command
from tests.support.shown import ROUTES_TEXT
from tests.support.surface import Client, served


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """An instance that serves by a file with a route `pay`, and a token of somebody by name."""
    async with served() as made:
        _, token = made.tokens.create("ann", Role.OPERATOR, for_s=None, who="test", why="test")
        monkeypatch.setenv("STRANGLER_TOKEN", token)
        yield made


async def ask(client: Client, *arguments: str) -> int:
    return await asyncio.to_thread(accept, client.file, *arguments, "--admin", str(client.address))


def deeds(client: Client) -> list[tuple[str, str, str]]:
    rows = client.store.journal.page(what=Action.CONFIG).rows
    return [(one.entry.who, one.entry.subject, one.entry.why) for one in rows]


async def test_where_the_file_is_served_the_audit_log_has_who_accepted_and_why(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await ask(client, "pay", "$.now", "--yes", "--reason", " a clock ")

    shown = capsys.readouterr().out
    assert (code, deeds(client)) == (0, [("token:ann", "routes", "a clock")])
    assert load(client.file).routes[0].shadow.rules == (PathRule(kind=RuleKind.IGNORE, path="$.now"),)  # type: ignore[union-attr]
    assert shown.startswith(f"--- {client.file}\n")
    assert shown.splitlines()[-2:] == [
        f"written: {client.file}; it is on the audit log",
        "what was found of pay begins anew with it",
    ]


@pytest.mark.parametrize("more", [("--yes", "--reason", "x"), ("--dry-run",)])
@pytest.mark.parametrize("rules", ["", ", rules: [{ignore: $.now}]"])
async def test_a_viewer_is_refused_as_elsewhere_where_the_file_is_served(
    client: Client,
    more: Sequence[str],
    rules: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client.file.write_text(client.file.read_text().replace("sample: 25%", f"sample: 25%{rules}"))
    before = client.file.read_text()
    _, token = client.tokens.create("reader", Role.VIEWER, for_s=None, who="test", why="test")
    monkeypatch.setenv("STRANGLER_TOKEN", token)

    code = await ask(client, "pay", "$.now", *more)
    told = capsys.readouterr()
    elsewhere = await asyncio.to_thread(
        main, ["shadow", "reset", "pay", "--reason", "x", "--admin", str(client.address)]
    )

    assert (code, elsewhere) == (1, 1)
    assert (told.out, told.err) == ("", capsys.readouterr().err)
    assert (client.file.read_text(), deeds(client)) == (before, [])


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--yes",), 2, "a reason is needed"),
        (("--yes", "--reason", " "), 2, "a reason is needed"),
        (("--dry-run", "--reason", " "), 2, "a reason is needed"),
        (("--yes", "--reason", "x", "--if-match", '"other.1"'), 1, "Look again"),
        (("--dry-run", "--if-match", '"other.1"'), 1, "Look again"),
    ],
)
async def test_where_the_file_is_served_a_reason_is_needed_and_what_was_looked_at(
    client: Client, more: Sequence[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = client.file.read_text()

    assert (await ask(client, "pay", "$.now", *more), client.file.read_text()) == (code, before)
    assert says in capsys.readouterr().err


async def test_what_is_served_otherwise_while_the_question_waits_is_not_written_over(client: Client) -> None:
    before = client.file.read_text()
    words = [*command(client.file, "pay", "$.now", "--reason", "x"), "--admin", str(client.address)]
    ours, theirs = pty.openpty()
    pipe = asyncio.subprocess.PIPE
    try:
        asking = await asyncio.create_subprocess_exec(*words, stdin=theirs, stdout=pipe, stderr=pipe)
        assert asking.stdout is not None
        # Because the change is shown before it asks, it was tried by then.
        await asking.stdout.readline()
        await client.ask("PUT", "/api/v1/flags/payments", {"set": "2%", "create": True, "reason": "test"})
        os.write(ours, b"y\n")
        _, said = await asyncio.wait_for(asking.communicate(), ANSWER_S)
    finally:
        os.close(ours)
        os.close(theirs)

    assert (asking.returncode, client.file.read_text(), deeds(client)) == (1, before, [])
    assert b"Look again" in said


@pytest.mark.parametrize("is_copy", [True, False])
async def test_another_file_than_the_one_that_is_served_is_written_here_and_not_on_that_audit_log(
    client: Client, tmp_path: Path, is_copy: bool
) -> None:
    pay = tmp_path / "routes.yaml"
    pay.write_text(ROUTES_TEXT + ("" if is_copy else "# another\n"))
    before = client.file.read_text()

    code = await asyncio.to_thread(accept, pay, "pay", "$.now", "--yes", "--admin", str(client.address))

    assert (code, client.file.read_text(), deeds(client)) == (0, before, [])
    assert load(pay).routes[0].shadow.rules == (PathRule(kind=RuleKind.IGNORE, path="$.now"),)  # type: ignore[union-attr]


async def test_a_link_to_the_file_that_is_served_is_that_file(client: Client, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(client.file)

    words = ["pay", "$.now", "--yes", "--reason", "x", "--admin", str(client.address)]
    assert await asyncio.to_thread(accept, link, *words) == 0
    assert deeds(client) == [("token:ann", "routes", "x")]
