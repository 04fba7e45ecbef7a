"""What cannot be sent as it was typed is refused by the command itself, with the option or name that is at fault."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from strangler.cli import main
from tests.support.surface import TOKEN, Client, served

WHY = ("--reason", "test")
TAGS = ["", " ", "“1”", '"1"\n', "\udcff", "\x1b[2J"]
NAMES = ["", " ", ".", "..", "a\nb", "\udcff"]
NAMED = (
    ("flags", "get"),
    ("flags", "set", "{}", "25%", *WHY),
    ("flags", "delete", "{}", *WHY),
    ("reset", "{}", *WHY),
    ("trip", "{}", *WHY),
    ("guards",),
    ("audit", "list", "--route"),
    ("audit", "list", "--who"),
    ("audit", "list", "--subject"),
    ("shadow", "report"),
    ("shadow", "reset", "{}", *WHY),
    ("shadow", "recordings"),
    ("shadow", "forget", "{}", *WHY),
    ("token", "create", "{}", "--role", "viewer", *WHY),
    ("token", "revoke", "{}", *WHY),
    ("divergences", "list", "--route"),
    ("divergences", "show"),
    ("divergences", "settle", "{}", "--yes", *WHY),
    ("divergences", "settle", "--yes", *WHY, "--all-of"),
)


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        yield made


async def run(client: Client, *arguments: str) -> int:
    def run() -> int:
        try:
            return main([*arguments, "--admin", str(client.address)])
        except SystemExit as error:
            return int(error.code or 0)

    return await asyncio.to_thread(run)


@pytest.mark.parametrize("tag", TAGS)
async def test_a_tag_that_no_header_holds_is_refused_and_not_taken_for_none(
    client: Client, tag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await run(client, "kill", "on", *WHY, "--if-match", tag)

    told = capsys.readouterr().err
    guards = (await client.ask("GET", "/api/v1/guards"))[1]
    assert (code, guards["is_killed"]) == (2, False)
    assert "argument --if-match: " in told
    assert tag.strip() not in told or not tag.strip()


@pytest.mark.parametrize("name", NAMES)
async def test_what_can_be_no_name_is_refused_by_every_command_that_takes_one(
    client: Client, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in NAMED:
        arguments = [name if word == "{}" else word for word in words]
        code = await run(client, *(arguments if "{}" in words else [*arguments, name]))

        told = capsys.readouterr().err
        assert (words, code) == (words, 2)
        assert "is no name" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("kill", "on", "--reason", "\udcff"),
        ("flags", "set", "payments", "\udcff", *WHY),
        ("explain", "GET", "/\udcff"),
        ("explain", "GET", "/", "-H", "X: \udcff"),
        ("discover", "--suggest", "GET /\udcff", "--yes", *WHY),
        ("token", "create", "ci", "--role", "viewer", "--reason", "\udcff"),
    ],
)
async def test_bytes_that_are_no_utf_8_end_no_command_with_a_traceback(
    client: Client, arguments: tuple[str, ...]
) -> None:
    assert await run(client, *arguments) == 2


@pytest.mark.parametrize("status", ["404 Not Found", "400 Bad Request", "401 Unauthorized", "422 Unprocessable"])
@pytest.mark.parametrize("body", ['{"detail": "Not Found"}', '{"status": 404, "title": "flag_missing"}', "[]"])
async def test_what_another_program_answers_is_no_fault_of_what_was_typed(
    status: str, body: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", "hidden")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        address = f"127.0.0.1:{other.sockets[0].getsockname()[1]}"
        code = await asyncio.to_thread(main, ["flags", "get", "payments", "--admin", address])

    told = capsys.readouterr().err
    assert code == 1
    assert told == f"strangler: what answers on {address} is no strangler admin port.\n"
