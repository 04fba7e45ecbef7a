"""`strangler audit list` of what runs, and what is chosen of the log."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from strangler.cli import main
from strangler.control.operations import Role
from tests.support.guarding import Proxy, config, route
from tests.support.surface import TOKEN, Client, served

CHOSEN = [
    (("--what", "reset"), [2]),
    (("--kind", "trips"), [3, 1]),
    (("--who", "bob"), [3]),
    (("--subject", "pay"), [3, 2, 1]),
    (("--subject", "other"), []),
    (("--what", "trip", "--limit", "1"), [3]),
    (("--kind", "trips", "--who", "ann"), [1]),
]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Return a state directory with three entries in its audit log."""
    proxy = Proxy(tmp_path, config(route("pay")))
    proxy.guards.trip("pay", who="ann", why="double charges")
    proxy.guards.reset("pay", who="ann", why="mended")
    proxy.guards.trip("pay", who="bob", why="again")
    proxy.close()
    return tmp_path


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Client]:
    monkeypatch.chdir(tmp_path)
    async with served() as made:
        for method, more in (("trip", "double charges"), ("reset", "mended"), ("trip", "again")):
            await made.ask("POST", f"/api/v1/guards/pay/{method}", {"reason": more})
        await made.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "incident\x1b[2J"})
        yield made


async def listed(client: Client, *arguments: str, token: str = TOKEN) -> int:
    """List by a token in a file, with no routes file and no state directory."""
    (path := client.folder / "token").write_text(token)
    words = ["audit", "list", *arguments, "--admin", str(client.address), "--token-file", str(path)]
    return await asyncio.to_thread(main, words)


def seqs(text: str) -> list[int]:
    return [row["seq"] for row in json.loads(text)["rows"]]


async def test_what_runs_is_asked_and_a_viewer_may(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    _, secret = client.tokens.create("ci", Role.VIEWER, for_s=None, who="test", why="test")

    code = await listed(client, "--kind", "kill", token=secret)

    head, row = capsys.readouterr().out.splitlines()
    assert code == 0
    assert head.split() == ["SEQ", "TIME", "WHO", "WHAT", "SUBJECT", "WHY"]
    assert row.endswith(r"incident\x1b[2J")


@pytest.mark.parametrize(
    ("arguments", "whats"),
    [
        (("--kind", "trips"), ["trip", "trip", "trip", "trip"]),
        (("--route", "read", "--what", "kill"), ["kill"]),
        (("--route", "read"), ["kill", "trip", "reset", "trip"]),
        (("--subject", "pay", "--limit", "2"), ["trip", "reset"]),
        (("--who", "nobody"), []),
    ],
)
async def test_what_runs_is_asked_for_what_is_chosen(
    client: Client, arguments: tuple[str, ...], whats: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = await listed(client, *arguments, "--json")

    rows = json.loads(capsys.readouterr().out)["rows"]
    assert (code, [row["what"] for row in rows]) == (0, whats)


async def test_more_than_one_answer_has_are_asked_for_page_by_page(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1_001):
        is_on = bool(number % 2)
        client.surface.guards.kill(is_on, f"{number}", who="test").carry_out()

    code = await listed(client, "--limit", "1005", "--json")

    found = seqs(capsys.readouterr().out)
    assert (code, len(found)) == (0, 1_005)
    assert found == list(range(found[0], found[0] - 1_005, -1))


async def test_an_address_where_nothing_answers_is_code_1_whatever_the_directory_has(
    state_dir: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)

    code = main(["audit", "list", "--admin", f"127.0.0.1:{unused_tcp_port}", "--state-dir", str(state_dir)])

    assert (code, capsys.readouterr().out) == (1, "")


@pytest.mark.parametrize(("arguments", "wanted"), CHOSEN)
def test_where_nothing_runs_the_directory_has_what_is_chosen(
    state_dir: Path, arguments: tuple[str, ...], wanted: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["audit", "list", *arguments, "--json", "--state-dir", str(state_dir)])

    assert (code, seqs(capsys.readouterr().out)) == (0, wanted)


def test_where_nothing_runs_a_route_is_refused_with_what_does(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["audit", "list", "--route", "pay", "--state-dir", str(state_dir)])

    assert code == 1
    assert "--subject" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-3", "x", "", "1.5", "9" * 5_000])
def test_a_limit_that_is_none_is_code_2(limit: str, state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["audit", "list", f"--limit={limit}", "--state-dir", str(state_dir)])

    assert stopped.value.code == 2
    assert "--limit" in capsys.readouterr().err
