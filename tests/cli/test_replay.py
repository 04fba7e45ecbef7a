"""`strangler replay`: recorded reads are asked of another build, reads alone, and what differs is named."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.cli import main
from strangler.control.recordingbook import RecordingBook, RecordingEntry
from strangler.control.store import Store
from strangler.core.findings import Findings, Group
from strangler.core.noise import Nature
from strangler.core.offer import Answer
from strangler.vault.keyfile import KEY_FILE
from strangler.vault.vault import Vault
from tests.support.backend import Conversation, Received, Script, backend, ok, says
from tests.support.proxy import routes_text
from tests.support.recordings import TYPED, entries

JSON = b"Content-Type: application/json"
FEE, OTHER = b'{"id":7,"fee":5}', b'{"id":7,"fee":4}'
NOISE = Group(place="$.fee", kind="value", count=9, nature=Nature.NOISE, first=1.0, last=2.0)


def keep(folder: Path, recordings: Sequence[RecordingEntry], *groups: Group, rules: str = "") -> None:
    """Make a state directory and a routes file, as a proxy that has recorded leaves them."""
    route = f'{{name: users, match: {{path: "/users/{{id}}"}}, extracted: extracted, shadow: {{record: {{}}{rules}}}}}'
    (folder / "routes.yaml").write_text(routes_text(monolith=1, routes=[route]))
    with closing(Store(folder / "state")) as store:
        book = RecordingBook(store.recordings, Vault(folder / "state"))
        assert book.write(recordings, ())
        store.findings.write([Findings(route="users", since=1.0, groups=groups)])


async def replay(folder: Path, port: int, *more: str) -> int:
    words = ["replay", "-c", str(folder / "routes.yaml"), "--route", "users"]
    return await asyncio.to_thread(main, [*words, "--against", f"http://127.0.0.1:{port}", *more])


async def test_a_build_that_answers_as_it_was_recorded_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, entries(1, 2, 3, body=FEE))
    async with backend(says(ok(FEE, JSON))) as build:
        code = await replay(tmp_path, build.port)

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines == [
        "users: 3 reads recorded 1970-01-01 00:00:01 UTC to 1970-01-01 00:00:01 UTC (monolith 3)",
        f"  asked again of http://127.0.0.1:{build.port}; primary is what was recorded, shadow what it answers now",
        "  all counts are of the recorded reads, of 1 kind; live traffic has its own shares of each",
        "  3 compared: 3 equal, 0 ignored, 0 different; 0 not comparable",
        "  0 dropped",
    ]
    assert sorted(one.target for one in build.received) == [b"/users/1", b"/users/2", b"/users/3"]


async def test_what_differs_is_named_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, entries(1, 2, body=FEE))
    async with backend(says(ok(OTHER, JSON))) as build:
        code = await replay(tmp_path, build.port, "--json")

    answer = json.loads(capsys.readouterr().out)
    assert code == 1
    assert (answer["counts"]["different"], answer["noise_only"]) == (2, 0)
    assert (answer["recorded"]["kinds"], "parity" in answer) == (1, False)
    (group,) = answer["groups"]
    assert (group["place"], group["kind"], group["count"], group["shadowing_found"]) == ("$.fee", "value", 2, None)
    assert (group["examples"][0]["primary"], group["examples"][0]["shadow"]) == ("5", "4")
    assert group["examples"][0]["request_id"].startswith("replay-")


async def test_what_is_known_as_noise_is_told_apart_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, entries(1, body=FEE), NOISE)
    async with backend(says(ok(OTHER, JSON))) as build:
        code = await replay(tmp_path, build.port)

    text = capsys.readouterr().out
    assert code == 0
    assert "  $.fee  value, 1 times: noise, as shadowing found\n" in text
    assert "  1 of the different only where, and as, shadowing has proven noise\n" in text


async def test_the_routes_rules_hold_and_what_it_redacts_is_neither_compared_nor_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(
        tmp_path, entries(1, body=b'{"fee":5,"name":"Ann","x":1}'), rules=", redact: [$.name], rules: [{ignore: $.fee}]"
    )
    async with backend(says(ok(b'{"fee":4,"name":"Bob","x":2}', JSON))) as build:
        code = await replay(tmp_path, build.port, "--json")

    text = capsys.readouterr().out
    assert code == 1
    assert [group["place"] for group in json.loads(text)["groups"]] == ["$.x"]
    assert "Ann" not in text
    assert "Bob" not in text


async def test_each_request_is_marked_for_the_builds_own_host_and_has_the_operators_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = ((b"Accept", b"text/x"), (b"X-User-Id", b"42"), (b"Authorization", b"Bearer of-the-client"))
    keep(tmp_path, entries(1, body=FEE, headers=headers))
    (tmp_path / "headers").write_text("Authorization: Bearer mine\r\nX-User-Id: 1\n\n")
    monkeypatch.setenv("MORE", "X-More: 2")
    async with backend(says(ok(FEE, JSON))) as build:
        where = (f"@{tmp_path / 'headers'}", "--header", "X-Extra: 3", "--header-env", "MORE")
        assert await replay(tmp_path, build.port, "--header", *where) == 0

    (one,) = build.received
    assert one.values(b"X-Strangler-Shadow") == [b"1"]
    assert one.values(b"Host") == [b"127.0.0.1:%d" % build.port]
    assert one.values(b"Accept") == [b"text/x"]
    assert [one.values(name) for name in (b"Authorization", b"X-User-Id", b"X-More", b"X-Extra")] == [
        [b"Bearer mine"],
        [b"1"],
        [b"2"],
        [b"3"],
    ]


async def test_only_reads_are_sent_whatever_stands_in_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = entries(1, 2, 3, body=FEE)
    planted = [
        replace(first, recording=replace(first.recording, method=b"POST")),
        replace(second, recording=replace(second.recording, target=b"@other.example/")),
        third,
    ]
    keep(tmp_path, planted)
    async with backend(says(ok(FEE, JSON))) as build:
        code = await replay(tmp_path, build.port, "--json")

    assert code == 3
    assert json.loads(capsys.readouterr().out)["dropped"] == {"failed": 2}
    assert [(one.method, one.target) for one in build.received] == [(b"GET", b"/users/3")]


async def _hang(_received: Received, _conversation: Conversation) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("script", "why"),
    [(_hang, "timeout"), (says(b"no HTTP\r\n\r\n"), "failed"), (says(ok(b"x" * 2_000_000)), "body_too_large")],
)
async def test_what_could_not_be_asked_is_counted_and_nothing_is_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: Script, why: str
) -> None:
    keep(tmp_path, entries(1, 2, body=FEE))
    async with backend(script) as build:
        code = await replay(tmp_path, build.port, "--json", "--timeout", "300ms" if why == "timeout" else "30s")

    answer = json.loads(capsys.readouterr().out)
    assert code == 3
    assert (answer["dropped"], answer["counts"]["compared"]) == ({why: 2}, 0)


async def test_a_redirect_is_an_answer_and_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    keep(tmp_path, entries(1, body=FEE))
    async with backend(says(moved)) as build:
        code = await replay(tmp_path, build.port, "--json")

    assert code == 1
    places = [group["place"] for group in json.loads(capsys.readouterr().out)["groups"]]
    assert places == ["header content-type", "header location", "status"]
    assert [one.target for one in build.received] == [b"/users/1"]


async def test_a_limit_takes_some_of_each_kind_and_a_path_of_the_url_stands_before_all(tmp_path: Path) -> None:
    missing = entries(9, answer=Answer(status=404, headers=TYPED, body=b"{}"))
    keep(tmp_path, [*entries(*range(20), body=FEE), *missing])

    async def script(received: Received, _conversation: Conversation) -> bytes:
        return (
            ok(FEE, JSON) if not received.target.endswith(b"/9") else b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}"
        )

    async with backend(script) as build:
        await replay(tmp_path, build.port, "--limit", "4", "--concurrency", "1")
        targets = [one.target for one in build.received]
        build.received.clear()
        words = ["replay", "-c", str(tmp_path / "routes.yaml"), "--route", "users", "--limit", "1"]
        await asyncio.to_thread(main, [*words, "--against", f"http://127.0.0.1:{build.port}/v2/"])
        (prefixed,) = build.received

    assert len(targets) == 4
    assert b"/users/9" in targets
    assert prefixed.target.startswith(b"/v2/users/")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://127.0.0.1", "is not a URL"),
        ("file:///etc/passwd", "is not a URL"),
        ("127.0.0.1:80", "is not a URL. Write it with its scheme: http://127.0.0.1:80"),
        ("http://user:pw@127.0.0.1", "carries a user, a query or a fragment"),
        ("http://127.0.0.1?x=1", "carries a user, a query or a fragment"),
    ],
)
def test_anything_but_http_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, message: str
) -> None:
    keep(tmp_path, entries(1))

    with pytest.raises(SystemExit, match="2"):
        main(["replay", "-c", str(tmp_path / "routes.yaml"), "--route", "users", "--against", url])

    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("s3cret", "line 1 of --header is not `Name: value`"),
        ("X: a\x00s3cret", "line 1 of --header is not"),
        ("Content-Length: 5", "would frame or mark the request; leave Content-Length out"),
        ("x-strangler-shadow: 0", "leave x-strangler-shadow out"),
        ("@nowhere", "nowhere cannot be read"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, message: str
) -> None:
    keep(tmp_path, entries(1))
    words = ["replay", "-c", str(tmp_path / "routes.yaml"), "--route", "users", "--against", "http://127.0.0.1:1"]

    assert main([*words, "--header", header]) == 2

    told = capsys.readouterr().err
    assert message in told
    assert "s3cret" not in told


def refusal(folder: Path, capsys: pytest.CaptureFixture[str], *more: str, route: str = "users") -> str:
    words = ["replay", "-c", str(folder / "routes.yaml"), "--route", route, "--against", "http://127.0.0.1:1"]
    assert main([*words, *more]) == 2
    return capsys.readouterr().err


def test_what_is_not_there_is_said_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, [])

    assert "nothing is recorded of users" in refusal(tmp_path, capsys)
    assert "has no route nobody. Known: users." in refusal(tmp_path, capsys, route="nobody")
    assert "has no state store" in refusal(tmp_path, capsys, "--state-dir", str(tmp_path / "no"))
    assert "there is no variable NOBODY" in refusal(tmp_path, capsys, "--header-env", "NOBODY")


def test_a_key_that_is_gone_is_named_with_its_file_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, entries(1))
    (tmp_path / "state" / KEY_FILE).unlink()

    told = refusal(tmp_path, capsys)

    assert f"{tmp_path / 'state' / KEY_FILE} has not. Put that key's line into the file" in told
    assert not (tmp_path / "state" / KEY_FILE).exists()


async def test_what_cannot_be_opened_is_left_out_told_and_nothing_is_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, entries(1))
    (tmp_path / "state" / KEY_FILE).unlink()
    keep(tmp_path, entries(2, body=FEE))
    async with backend(says(ok(FEE, JSON))) as build:
        code = await replay(tmp_path, build.port)

    told = capsys.readouterr()
    assert code == 3
    assert "1 recordings are left out" in told.err
    assert "  1 more cannot be opened\n" in told.out
    assert [one.target for one in build.received] == [b"/users/2"]


def test_nothing_is_answered_where_nothing_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, entries(1))

    found: Any = main(
        ["replay", "-c", str(tmp_path / "routes.yaml"), "--route", "users", "--against", "http://127.0.0.1:1", "--json"]
    )

    assert found == 3
    told = capsys.readouterr()
    assert json.loads(told.out)["dropped"] == {"connect": 1}
    assert told.err == (
        "strangler: http://127.0.0.1:1 was not reached (Connection refused). Start the build there, or name another "
        "address with --against.\n"
    )
