"""`strangler token` against an admin API that answers."""

import argparse
import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from strangler.cli import main, token
from tests.support.surface import TOKEN, Client, served


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        yield made


async def run(client: Client, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["token", *arguments, "--admin", str(client.address)])


async def test_a_token_is_printed_alone_lets_its_holder_in_and_is_revoked(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [await run(client, "create", "ci", "--role", "viewer", "--expires", "30d", "--reason", "a pipeline")]
    made = capsys.readouterr()
    monkeypatch.setenv("STRANGLER_TOKEN", made.out.strip())
    refused = [await run(client, "list"), await run(client, "create", "x", "--role", "operator", "--reason", "more")]
    told = capsys.readouterr().err
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    codes += [await run(client, "list"), await run(client, "revoke", "ci", "--reason", "leaked")]
    listed = capsys.readouterr().out
    monkeypatch.setenv("STRANGLER_TOKEN", made.out.strip())
    out = await run(client, "list")

    assert codes == [0, 0, 0]
    assert made.out.startswith("strangler_")
    assert len(made.out.splitlines()) == 1
    assert "ci: viewer, until" in made.err
    assert refused == [1, 1]
    assert told.count("token:ci has the role viewer") == 2
    assert listed.splitlines()[1].split()[:3] == ["ci", "viewer", "valid"]
    assert listed.splitlines()[2] == "revoked: ci"
    assert out == 1
    assert "The token `ci` was revoked at" in capsys.readouterr().err


async def test_machines_get_the_apis_answer(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    await run(client, "create", "ci", "--role", "operator", "--reason", "x", "--json")
    made = json.loads(capsys.readouterr().out)
    await run(client, "list", "--json")
    listed = json.loads(capsys.readouterr().out)

    assert listed == {"tokens": [made["token"]]}


async def test_the_secret_of_the_json_is_the_token_and_lets_its_holder_in(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(client, "create", "ci", "--role", "operator", "--reason", "x", "--json")
    made = json.loads(capsys.readouterr().out)

    monkeypatch.setenv("STRANGLER_TOKEN", made["secret"])
    code = await run(client, "list")

    assert code == 0
    assert re.fullmatch(r"strangler_[0-9a-f]{12}_[\w-]{43}", made["secret"])
    assert made["secret"] not in json.dumps(made["token"])


async def test_a_name_of_another_form_is_refused_with_the_form_and_an_example(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await run(client, "create", "Ann Example", "--role", "viewer", "--reason", "x")

    assert code == 2
    assert "at most 63 of a-z, 0-9, `.`, `_`, `@` and `-`, such as `ci`" in capsys.readouterr().err


async def test_a_name_that_is_taken_is_refused_and_one_that_is_not_there_exits_2_with_what_to_do(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(client, "create", "ci", "--role", "viewer", "--reason", "x")
    codes = [
        await run(client, "create", "ci", "--role", "viewer", "--reason", "x"),
        await run(client, "revoke", "cii", "--reason", "x"),
    ]
    told = capsys.readouterr().err

    assert codes == [1, 2]
    assert "revoke it first" in told
    assert "Did you mean `ci`?" in told


@pytest.mark.parametrize(("text", "seconds"), [("30d", 2_592_000.0), ("12h", 43_200.0), ("90s", 90.0)])
def test_times_are_read(text: str, seconds: float) -> None:
    assert token._time(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "0d", "4000d", "-1d", "1.5d", "soon", "0s", "²d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        token._time(text)


async def test_the_tag_of_something_older_is_refused_with_what_is_there(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await run(client, "create", "ci", "--role", "viewer", "--reason", "x", "--if-match", '"old.1"')

    assert code == 1
    assert f"It is {client.truth.tag} by now" in capsys.readouterr().err
    assert client.tokens.all() == ()


async def test_without_a_reason_nothing_is_asked_for(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code = await run(client, "create", "ci", "--role", "viewer")

    assert code == 2
    assert "--reason" in capsys.readouterr().err
    assert client.tokens.all() == ()


NO_TOKENS = [
    (b"", "is empty"),
    (b" \n", "is empty"),
    (b'{\n  "secret": "hidden"\n}\n', "holds no token"),
    (b"hidden\nhidden\n", "holds no token"),
    (b"hidden\xff", "holds no token"),
]


@pytest.mark.parametrize(("content", "fault"), NO_TOKENS)
@pytest.mark.parametrize("way", ["--token-file", "--state-dir"])
async def test_a_file_that_holds_no_token_is_told_with_its_remedy_and_repeated_nowhere(
    client: Client,
    content: bytes,
    fault: str,
    way: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STRANGLER_TOKEN")
    path = tmp_path / "admin-token"
    path.write_bytes(content)

    code = await run(client, "list", way, str(path if way == "--token-file" else tmp_path))

    told = capsys.readouterr().err
    assert code == 2
    assert f"{path} {fault}. " in told
    assert "one word, as `strangler token create` prints it, with --json as `secret`." in told
    assert "hidden" not in told


@pytest.mark.parametrize("value", ["", "two words", "\N{SNOWMAN}"])
async def test_a_variable_that_holds_no_token_is_named(
    client: Client, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", value)

    code = await run(client, "list")

    assert code == 2
    assert "strangler: the variable STRANGLER_TOKEN " in capsys.readouterr().err
