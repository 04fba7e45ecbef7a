"""What commands print: a terminal is not driven by it, and an output that cannot be written is told in one line."""

import asyncio
import io
import os
import sys
import unicodedata
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.cli import main, outlet
from tests.support.surface import TOKEN, Client, served
from tests.support.terminal import Terminal

HOSTILE = "\x1b]0;pwned\x07\x1b[2J\u202eyes\nready    yes\u200b \x9b31m"
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
COMMANDS = (
    ("--help",),
    ("schema",),
    ("completion", "bash"),
    ("flags", "list"),
    ("flags", "list", "--json"),
    ("flags", "get", "none", "--json"),
    ("status", "--json"),
    ("config", "show"),
    ("kill", "on", "--reason", "test"),
    ("kill", "on", "--dry-run"),
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with served() as made:
        yield made


async def run(
    client: Client, *arguments: str, stdout: int = asyncio.subprocess.PIPE, **environment: str
) -> tuple[int | None, bytes, str]:
    """Return exit code, standard output and standard error of a command in a process of its own."""
    own = () if arguments[0] in ("--help", "schema", "completion") else ("--admin", str(client.address))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "strangler", *arguments, *own),
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "STRANGLER_TOKEN": TOKEN, **environment},
    )
    out, err = await process.communicate()
    return process.returncode, out or b"", err.decode()


@given(st.text(), st.sampled_from(["utf-8", "latin-1", "ascii"]))
def test_nothing_that_a_terminal_acts_upon_gets_through_and_every_character_does(text: str, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")

    outlet.Outlet(stream, may_fail=True).write(text)

    stream.seek(0)
    shown = stream.read()
    kinds = {unicodedata.category(character) for character in shown if character not in "\n\t\u200c\u200d"}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not any(unicodedata.bidirectional(character) in DIRECTIONS for character in shown)
    assert "�" not in shown or "�" in text


@given(st.text())
def test_one_line_stays_one_line(text: str) -> None:
    assert len(outlet.one_line(text).splitlines()) <= 1


async def test_what_somebody_wrote_does_not_drive_the_terminal_of_whoever_reads_it(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    client.file.write_text(f"{client.file.read_text()}# \u202e\x9b\n")
    await client.ask("POST", "/api/v1/guards/pay/trip", {"reason": HOSTILE})
    await client.ask("PUT", "/api/v1/flags/payments", {"set": "5%", "reason": HOSTILE})
    for words in (("reset", "pay", "--dry-run"), ("config", "apply", str(client.file), "--dry-run")):
        await asyncio.to_thread(main, [*words, "--admin", str(client.address)])

    said = "".join(capsys.readouterr())

    assert said
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(said)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_an_output_that_is_full_is_one_line_and_code_1(client: Client, words: tuple[str, ...]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, _, told = await run(client, *words, stdout=full)
    finally:
        os.close(full)

    wanted = "strangler: standard output cannot be written (No space left on device).\n"
    assert (code, told.splitlines()[-1] + "\n") == (1, wanted)
    assert "Traceback" not in told


async def test_nobody_to_tell_of_a_failure_leaves_its_code(client: Client) -> None:
    command = f"{sys.executable} -m strangler flags get none --admin {client.address} 2> /dev/full"
    process = await asyncio.create_subprocess_shell(command, env={**os.environ, "STRANGLER_TOKEN": TOKEN})

    assert await process.wait() == 2


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
async def test_what_the_output_cannot_hold_is_written_as_its_number(client: Client, encoding: str) -> None:
    body = {"name": "ci", "role": "viewer", "reason": "test"}
    await client.ask("POST", "/api/v1/tokens", body)
    code, _, told = await run(client, "flags", "get", "\N{SNOWMAN}", PYTHONIOENCODING=encoding)

    assert (code, r"\u2603" in told) == (2, True)


async def test_a_file_is_poured_out_as_it_is_and_only_a_terminal_gets_it_harmless(client: Client) -> None:
    text = f"{client.file.read_text()}# \u202e\u00e9\n"
    client.file.write_text(text)
    terminal = Terminal(*os.openpty())
    try:
        piped = await run(client, "config", "show", PYTHONIOENCODING="latin-1")
        shown = await run(client, "config", "show", stdout=terminal.far)
        await terminal.wait_for("# \\u202e\u00e9\n", deadline_s=20.0)
    finally:
        terminal.close()

    assert (piped, shown[0]) == ((0, text.encode(), ""), 0)
