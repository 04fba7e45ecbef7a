"""`strangler shadow export`: files that run without the proxy, and fail where a build answers otherwise."""

import asyncio
import gzip
import os
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from strangler.cli import main
from strangler.control.recordingbook import RecordingEntry
from strangler.core.offer import Answer
from tests.cli.test_replay import keep
from tests.core.test_hurlfile import parsed
from tests.demo_apps.apps import Client, build, serve
from tests.support.backend import backend, ok, says
from tests.support.recordings import entries

JSON = b"Content-Type: application/json"
RULES = ", rules: [{unordered: $.tags}, {round: $.fee, decimals: 1}, {ignore: $.seen}]"
BODY = b'{"id":7,"fee":5.24,"tags":["a","b"],"mail":"bob@mail.example"}'


async def recorded_of(client: Client, caller: str, targets: Sequence[str]) -> list[RecordingEntry]:
    """Return recordings of what an application answers."""
    made: list[RecordingEntry] = []
    for number, target in enumerate(targets):
        async with client.get(target, headers={"X-User-Id": caller}) as answer:
            told = Answer(status=answer.status, headers=tuple(answer.raw_headers), body=await answer.read())
        headers = ((b"X-User-Id", caller.encode()), (b"Accept", b"*/*"))
        made += entries(number, target=target.encode(), headers=headers, answer=told)
    return made


def export(folder: Path, form: str, *more: str) -> int:
    words = ["shadow", "export", "-c", str(folder / "routes.yaml"), "--route", "users", "--format", form]
    return main([*words, *more])


async def run(folder: Path, url: str, **environ: str) -> tuple[int, str]:
    """Run an exported pytest file in a folder of its own, without the project's settings or packages."""
    (folder / "alone").mkdir(exist_ok=True)
    file = (folder / "test_users.py").replace(folder / "alone" / "test_users.py")
    words = [
        sys.executable,
        "-I",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(file.parent),
        str(file),
    ]
    done = await asyncio.to_thread(
        subprocess.run,
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
        env={"PATH": os.environ["PATH"], "BASE_URL": url, **environ},
    )
    return done.returncode, done.stdout + done.stderr


async def test_a_pytest_file_passes_against_the_demos_monolith_and_fails_where_a_service_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(build("monolith", tmp_path)) as monolith, serve(build("payments", tmp_path)) as service:
        async with monolith.get("/api/users/9/transactions?limit=200", headers={"X-User-Id": "9"}) as answer:
            numbers = [item["payment_id"] for item in (await answer.json())["items"]]
        targets = [*(f"/api/payments/{number}" for number in numbers), "/api/payments/999999"]
        keep(tmp_path, await recorded_of(monolith, "9", targets))
        assert export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py")) == 0
        assert capsys.readouterr().err == f"{len(targets)} reads written\n"
        assert (tmp_path / "test_users.py").stat().st_mode & 0o777 == 0o600

        same = await run(tmp_path, str(monolith.make_url("/")))
        export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))
        other = await run(tmp_path, str(service.make_url("/")))

    assert same[0] == 0, same[1]
    assert f"{len(targets)} passed" in same[1]
    assert other[0] == 1
    wrong = {line for line in other[1].splitlines() if line.startswith("E ") and "$" in line}
    assert wrong
    assert all("$.fee_cents is " in line for line in wrong)
    assert f"{len(wrong)} failed, {len(targets) - len(wrong)} passed" in other[1]


async def test_what_rules_let_differ_passes_and_all_else_is_named(tmp_path: Path) -> None:
    keep(tmp_path, entries(7, body=BODY), rules=RULES)
    alike = b'{"seen":9,"tags":["b","a"],"fee":5.16,"mail":"x","id":7}'
    wrong = b'{"tags":["b","c"],"fee":5.3,"mail":5,"id":7.0,"more":1}'

    export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))
    async with backend(says(ok(alike, JSON))) as build_:
        same = await run(tmp_path, f"http://127.0.0.1:{build_.port}", HEADERS="Authorization: Bearer mine\nAccept: a/b")
        (asked,) = build_.received
    export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))
    async with backend(says(ok(wrong, JSON))) as build_:
        other = await run(tmp_path, f"http://127.0.0.1:{build_.port}/")

    assert same[0] == 0, same[1]
    assert (asked.target, asked.values(b"Authorization"), asked.values(b"Accept")) == (
        b"/users/7",
        [b"Bearer mine"],
        [b"a/b"],
    )
    assert other[0] == 1
    for problem in (
        "$.fee is 5.3, not alike 5.24",
        "$.tags[0], 'a', is missing",
        "$.tags has 'c' too much",
        "$.mail is of type integer, not string",
        "$.id is 7.0, not 7",
        "$.more is too much",
    ):
        assert problem in other[1]


BARE = zlib.compressobj(wbits=-15)
ANSWERS = [
    ("caf\u00e9".encode("latin-1"), b"text/plain; charset=iso-8859-1", b""),
    ("caf\u00e9".encode("latin-1"), b"text/plain", b""),
    ('{"a":"caf\u00e9"}'.encode("latin-1"), b"application/json; charset=iso-8859-1", b""),
    ('{"a":"caf\u00e9"}'.encode("utf-16"), b"application/json; charset=utf-16", b""),
    (BARE.compress(b"abc") + BARE.flush(), b"text/plain", b"deflate"),
    (gzip.compress(zlib.compress(b"abc"), mtime=0), b"text/plain", b"deflate, gzip"),
    (b'{"a":1,"n":' + b"9" * 4_500 + b"}", b"application/json", b""),
    (b'{"a":1,"n":1e' + b"9" * 30 + b"}", b"application/json", b""),
]


@pytest.mark.parametrize(("body", "kind", "coding"), ANSWERS, ids=range(len(ANSWERS)))
async def test_an_exported_test_passes_against_the_build_that_was_recorded(
    tmp_path: Path, body: bytes, kind: bytes, coding: bytes
) -> None:
    fields = ((b"Content-Type", kind), *(((b"Content-Encoding", coding),) if coding else ()))
    keep(tmp_path, entries(7, answer=Answer(status=200, headers=fields, body=body)))
    lines = [name + b": " + value for name, value in fields]

    export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))
    async with backend(says(ok(body, *lines))) as build_:
        same = await run(tmp_path, f"http://127.0.0.1:{build_.port}")
    export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))
    async with backend(says(ok(b'"other"', *lines[:1]))) as build_:
        other = await run(tmp_path, f"http://127.0.0.1:{build_.port}")

    assert (same[0], other[0]) == (0, 1), same[1]


async def test_a_coding_that_python_cannot_undo_is_told(tmp_path: Path) -> None:
    keep(tmp_path, entries(7, body=BODY))

    export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))
    async with backend(says(ok(BODY, JSON, b"Content-Encoding: br"))) as build_:
        code, told = await run(tmp_path, f"http://127.0.0.1:{build_.port}")

    assert code == 1
    assert "the content coding br, which Python alone cannot undo" in told


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "the status is 500, not 200"),
        (ok(BODY, b"Content-Type: text/plain"), "header content-type is 'text/plain', not 'application/json'"),
        (ok(BODY, JSON, b"Location: /x"), "header location is '/x'"),
        (ok(b"{", JSON), "the body is not JSON that can be read"),
        (ok(b'{"id":7,"id":7}', JSON), "an object has a name twice"),
    ],
)
async def test_what_else_may_be_wrong_is_named(tmp_path: Path, answer: bytes, problem: str) -> None:
    keep(tmp_path, entries(7, body=BODY))
    export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))
    async with backend(says(answer)) as build_:
        code, text = await run(tmp_path, f"http://127.0.0.1:{build_.port}")

    assert code == 1
    assert problem in text


async def test_without_a_build_to_ask_it_says_what_to_set(tmp_path: Path) -> None:
    keep(tmp_path, entries(7, body=BODY))
    export(tmp_path, "pytest", "-o", str(tmp_path / "test_users.py"))

    code, text = await run(tmp_path, "")

    assert code == 1
    assert "set BASE_URL to the build that is asked" in text


def test_a_hurl_file_is_of_hurls_grammar_and_has_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = entries(8, target=b"/users/bob@mail.example")
    keep(tmp_path, [*entries(7, body=BODY), *secret], rules=RULES)

    assert export(tmp_path, "hurl") == 0

    told = capsys.readouterr()
    assert told.err == "1 reads written; left out: secret 1\n"
    assert "bob@mail.example" not in told.out
    assert parsed(told.out) == [
        [
            'header "location" not exists',
            'header "content-type" == "application/json"',
            'jsonpath "$.id" isInteger',
            'jsonpath "$.id" == 7',
            'jsonpath "$.fee" >= 5.15',
            'jsonpath "$.fee" <= 5.25',
            'jsonpath "$.tags" count == 2',
            'jsonpath "$.tags" includes "a"',
            'jsonpath "$.tags" includes "b"',
            'jsonpath "$.mail" isString',
        ]
    ]


def test_a_file_that_is_there_is_not_written_over_and_what_makes_no_test_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, entries(8, target=b"/users/bob@mail.example"))
    (tmp_path / "mine").write_text("mine")

    assert export(tmp_path, "hurl") == 1
    assert capsys.readouterr().err == "no recording of users makes a test (secret 1)\n"
    keep(tmp_path, entries(7, body=BODY))
    assert export(tmp_path, "hurl", "-o", str(tmp_path / "mine")) == 2
    assert export(tmp_path, "hurl", "-o", str(tmp_path / "no" / "file")) == 2
    assert (tmp_path / "mine").read_text() == "mine"
