"""`strangler divergences`: writes that are not on both sides, as people read, repair and settle them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from strangler.cli import main
from strangler.cli.divergences import _WHYS
from strangler.cli.status import lines as status_lines
from strangler.control.divergencedesk import MOST_LISTED
from strangler.control.operations import Role
from strangler.control.status import ComparerStatus
from strangler.core.divergence import Listed, Verdict, Why, Write
from strangler.core.model import Side
from strangler.vault.vault import Purpose
from tests.support.backend import Conversation, Received, backend, ok
from tests.support.surface import STATUS, TOKEN, Client, served


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        yield made


def keep(client: Client, one: str, *, why: Why = Why.STATUS, status: int = 0, route: str = "pay") -> None:
    write = Write(
        route=route,
        primary=Side.LEGACY,
        method=b"POST",
        target=b"/pay/7",
        host=b"shop.example",
        headers=((b"X-User-Id", b"u"),),
        body=b"s3cret body",
        has_body=True,
        key=b"",
        other_key=b"k",
        request_id=b"r",
        trace=b"t",
        status=201,
        at=1_800_000_000.0,
    )
    sealed = client.vault.seal(msgspec.msgpack.encode(write), purpose=Purpose.DIVERGENCE, name=one)
    listed = Listed(
        id=one,
        at=write.at,
        route=route,
        primary=Side.LEGACY,
        why=why,
        status=status,
        primary_status=201,
        method="POST",
        path="/pay/7",
        request_id="r",
        sealed=sealed,
    )
    assert client.divergences.take([listed])


async def run(client: Client, *arguments: str) -> int:
    """Run a command on a thread, so that this loop answers it meanwhile."""
    return await asyncio.to_thread(main, ["divergences", *arguments, "--admin", str(client.address)])


def test_every_reason_is_told_in_words() -> None:
    assert set(_WHYS) == {why.value for why in Why}


@pytest.mark.parametrize("arguments", [(), ("list",), ("list", "--route", "pay")])
async def test_the_list_says_what_is_known_of_each(
    client: Client, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    keep(client, "a1", status=503)
    keep(client, "b2", why=Why.WORKER_ENDED)

    code = await run(client, *arguments)

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "ID  SINCE                ROUTE  WRITE        ANSWERED BY   LACKING ON  WHAT IS KNOWN",
        "a1  2027-01-15 08:00:00  pay    POST /pay/7  monolith 201  extracted   failed: it answered 503",
        "b2  2027-01-15 08:00:00  pay    POST /pay/7  monolith 201  extracted   "
        "unknown: who waited for the answering side ended",
        "none waits to be sent on or listed",
    ]


async def test_options_may_stand_before_the_action(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    keep(client, "a1")

    code = await asyncio.to_thread(main, ["divergences", "--admin", str(client.address), "list", "--json"])

    assert code == 0
    assert json.loads(capsys.readouterr().out)["open"] == 1


async def test_an_empty_list_says_so(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(client) == 0
    assert capsys.readouterr().out == "no write is listed\nnone waits to be sent on or listed\n"


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (1, "1 write waits to be sent on or listed"),
        (1_200, "1,200 writes wait to be sent on or listed"),
        (None, "how many writes wait to be sent on or listed is not known until the comparer runs"),
    ],
)
async def test_what_waits_to_be_sent_on_is_told_beside_an_empty_list(
    client: Client, capsys: pytest.CaptureFixture[str], waiting: int | None, said: str
) -> None:
    client.repairs.waiting = waiting

    assert await run(client) == 0
    assert capsys.readouterr().out == f"no write is listed\n{said}\n"
    assert await run(client, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["waiting"] == waiting


async def test_a_route_that_there_is_not_is_refused_with_the_nearest_that_there_is(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(client, "a1")
    keep(client, "b2", route="left-the-file")

    for arguments in (("list", "--route", "pya"), ("settle", "--all-of", "pya", "--reason", "r", "--yes")):
        assert await run(client, *arguments) == 2
        assert "no route `pya` is in the routes file, and no write of one is listed. " in (
            error := capsys.readouterr().err
        )
        assert "pay" in error
    assert await run(client, "list", "--route", "left-the-file") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("b2 ")
    assert await run(client, "list", "--route", "read") == 0
    assert capsys.readouterr().out.splitlines()[0] == "no write of read is listed, 2 of other routes"


async def test_options_of_the_list_need_no_action_and_are_refused_before_another_one(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(client, "a1")
    keep(client, "b2")

    for arguments in (("--limit", "1", "--route", "pay", "--json"), ("--limit", "1", "list", "--json")):
        assert await run(client, *arguments) == 0
        assert [one["id"] for one in json.loads(capsys.readouterr().out)["divergences"]] == ["a1"]
    for action in (("show", "a1"), ("settle", "a1", "--reason", "r", "--yes"), ("repair", "a1", "--reason", "r")):
        assert await run(client, "--route", "read", *action) == 2
        assert "--route and --limit are for the list" in capsys.readouterr().err
    assert client.divergences.status().open == 2


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "9" * 5_000, "x"])
async def test_a_limit_that_is_none_is_told_in_plain_words(
    client: Client, capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["divergences", "list", f"--limit={limit}"])

    assert ended.value.code == 2
    assert f"is not a number from 1 to {MOST_LISTED}" in capsys.readouterr().err


async def test_a_file_of_headers_that_cannot_be_read_is_told_in_plain_words(
    client: Client, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bytes").write_bytes(b"A: \xff")
    for name, said in (("none", "cannot be read (No such file or directory)."), ("bytes", "is no text in UTF-8.")):
        assert await run(client, "repair", "a1", "--reason", "r", "--yes", "--headers", str(tmp_path / name)) == 2
        assert capsys.readouterr().err == f"strangler: --headers: {tmp_path / name} {said}\n"


async def test_a_write_is_shown_without_its_secrets_and_whole_only_with_a_reason(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(client, "a1")

    assert await run(client, "show", "a1") == 0
    assert json.loads(capsys.readouterr().out)["request"]["body_bytes"] == 11
    assert await run(client, "show", "a1", "--raw") == 2
    assert "a reason is needed" in capsys.readouterr().err
    assert await run(client, "show", "a1", "--raw", "--reason", "asked for") == 0
    assert json.loads(capsys.readouterr().out)["request"]["body"] == "s3cret body"
    assert await run(client, "show", "zz") == 2


async def test_a_repair_asks_first_and_says_how_it_went(
    client: Client, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(client, "a1")
    keep(client, "b2")
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer x\n\nX-More: 1\n")

    assert await run(client, "repair", "a1", "--reason", "r") == 2
    assert "nobody can be asked here, so nothing was done" in capsys.readouterr().err
    assert client.repairs.sent == []
    assert await run(client, "repair", "a1", "--reason", "r", "--yes", "--headers", str(headers)) == 0
    assert capsys.readouterr().out == "a1: carried out\n"
    client.repairs.verdict = Verdict(why=Why.STATUS, status=422)
    assert await run(client, "repair", "b2", "--reason", "r", "--yes") == 1
    assert capsys.readouterr().out == "b2: not carried out: it answered 422\n"
    assert client.repairs.sent[0][2] == [(b"Authorization", b"Bearer x"), (b"X-More", b"1")]


async def test_all_of_a_route_are_repaired_in_their_order_and_those_that_cannot_be_are_told(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(client, "a1")
    keep(client, "b2", why=Why.NO_ANSWER)
    keep(client, "c3")
    keep(client, "d4", route="other")

    code = await run(client, "repair", "--all-of", "pay", "--reason", "r", "--yes")

    first, second, third = capsys.readouterr().out.splitlines()
    assert code == 1
    assert (first, third) == ("a1: carried out", "c3: carried out")
    assert second.startswith("b2: nobody knows whether the monolith carried it out")
    assert [one for one, _, _ in client.repairs.sent] == ["a1", "c3"]


async def test_settling_takes_off_the_list_with_a_reason(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    keep(client, "a1")

    assert await run(client, "settle", "a1", "--reason", "by hand", "--yes") == 0
    assert capsys.readouterr().out == "a1: settled\n"
    assert await run(client, "settle", "--all-of", "pay", "--reason", "r", "--yes") == 2
    assert await run(client, "settle", "--reason", "r", "--yes") == 2


async def test_what_cannot_be_settled_is_told_beside_what_was_and_keeps_nothing_from_its_turn(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in ("a1", "b2", "c3"):
        keep(client, one)
    words = ("settle", "a1", "zz", "b2", "--reason", "r", "--yes")

    tried = await run(client, *words, "--dry-run", "--json"), json.loads(capsys.readouterr().out)
    done = await run(client, *words, "--json"), json.loads(capsys.readouterr().out)
    code, told = await run(client, "settle", "zz", "c3", "--reason", "r", "--yes"), capsys.readouterr().out

    (refused,) = done[1]["not_settled"]
    assert done == (1, {"settled": ["a1", "b2"], "not_settled": [refused]})
    assert (refused["id"], refused["is_settled"], refused["problem"]["status"]) == ("zz", False, 404)
    assert tried == (1, {"dry_run": True, **done[1]})
    assert (code, told) == (1, f"zz: not settled: {refused['detail']}\nc3: settled\n")
    assert client.divergences.status().open == 0


@pytest.mark.parametrize("is_json", [True, False])
async def test_a_repair_that_breaks_off_says_what_was_done_and_what_was_not(
    client: Client, is_json: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", client.tokens.create("ci", Role.OPERATOR, for_s=None, who="t", why="t")[1])
    client.repairs.then = lambda: client.tokens.revoke("ci", who="t", why="t")
    for one in ("a1", "b2", "c3", "d4"):
        keep(client, one)

    words = ("repair", "a1", "b2", "c3", "d4", "--reason", "r", "--yes")
    code = await run(client, *words, *(["--json"] if is_json else []))

    printed = capsys.readouterr()
    assert code == 1
    assert [one for one, _, _ in client.repairs.sent] == ["a1"]
    assert printed.err.startswith("strangler: The token `ci` was revoked at")
    assert printed.err.endswith("strangler: not tried: c3, d4\n")
    if is_json:
        answer = json.loads(printed.out)
        assert [(one["id"], one["is_carried_out"]) for one in answer["repairs"]] == [("a1", True), ("b2", False)]
        assert answer["untried"] == ["c3", "d4"]
        assert (answer["error"]["exit_code"], answer["error"]["problem"]["status"]) == (1, 401)
    else:
        assert printed.out.startswith("a1: carried out\nb2: The token `ci` was revoked at")


async def test_a_write_whose_answer_is_lost_is_in_doubt_and_the_others_are_not_tried(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    answers = iter([ok(b'{"settled": "a1"}'), None])

    async def script(_received: Received, _conversation: Conversation) -> bytes | None:
        return next(answers)

    async with backend(script) as instance:
        words = ["divergences", "settle", "a1", "b2", "c3", "--reason", "r", "--yes", "--json"]
        code = await asyncio.to_thread(main, [*words, "--admin", f"127.0.0.1:{instance.port}"])

    answer = json.loads(capsys.readouterr().out)
    (lost,) = answer["not_settled"]
    assert (code, answer["settled"], answer["untried"]) == (1, ["a1"], ["c3"])
    assert (lost["id"], lost["is_settled"]) == ("b2", None)
    assert lost["detail"] == answer["error"]["detail"]
    assert "Whether the change was made is not known: `strangler audit list` tells." in lost["detail"]


@pytest.mark.parametrize("text", ["no colon", "Name: a\x07b"])
async def test_headers_that_are_none_are_refused_without_showing_them(
    client: Client, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "headers").write_text(text)

    code = await run(client, "repair", "a1", "--reason", "r", "--yes", "--headers", str(tmp_path / "headers"))

    assert code == 2
    assert text not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ({"open": 0, "unlisted": 0, "is_full": False, "waiting": 0}, None),
        (
            {"open": 2, "unlisted": 0, "is_full": False, "waiting": 0},
            "DIVERGED 2 writes are not on both sides: strangler divergences",
        ),
        (
            {"open": 10_000, "unlisted": 7, "is_full": True, "waiting": 0},
            "DIVERGED 10000 writes are not on both sides, 7 more found no room, and there is no room for more: "
            "strangler divergences",
        ),
    ],
)
def test_status_says_that_there_are_any(state: dict[str, Any], line: str | None) -> None:
    status = {**msgspec.to_builtins(STATUS), "divergences": state}

    found = [text for text in status_lines(status) if text.startswith("DIVERGED")]

    assert found == ([] if line is None else [line])


@pytest.mark.parametrize(("waiting", "said"), [(0, []), (10, ["writes   10 writes wait to be sent on or listed"])])
def test_status_says_how_many_writes_wait(waiting: int, said: list[str]) -> None:
    comparer = ComparerStatus(state="running", pid=7, restarts=0, waiting=0, asking=0, bytes=0, resting=0)
    status = {**msgspec.to_builtins(STATUS), "comparer": msgspec.to_builtins(comparer)}
    status["divergences"]["waiting"] = waiting

    assert [text for text in status_lines(status) if text.startswith("writes")] == said
