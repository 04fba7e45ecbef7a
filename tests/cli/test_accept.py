"""`strangler shadow accept`: a difference that is meant becomes a rule, shown first."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from strangler.cli import main
from strangler.config.load import load
from strangler.core.shadowing import PathRule, RuleKind
from tests.support.findings import PAY
from tests.support.proxy import routes_text, running
from tests.support.surface import TOKEN, served
from tests.support.waiting import until

MATCH = 'match: {path: "/items/{id}"}, extracted: extracted'
ROUTES = [
    f"{{name: items, {MATCH}, shadow: shadow}}  # compared",
    "{name: plain, match: {path: /plain}, extracted: extracted}",
    "{name: asleep, match: {path: /off}, extracted: extracted, shadow: off}",
    "{name: ruled, match: {path: /ruled}, extracted: extracted, shadow: {rules: [ignore: $.now]}}",
]
TEXT = routes_text(monolith=1, workers=0, routes=ROUTES)
WITH_RULE = TEXT.replace("shadow: shadow}", "shadow: {mode: shadow, rules: [{ignore: $.now}]}}")
DIFF = """\
--- {file}
+++ {file}
@@ -9,7 +9,7 @@
 defaults:
   identity: [header X-User-Id]
 routes:
-  - {{name: items, {match}, shadow: shadow}}  # compared
+  - {{name: items, {match}, shadow: {{mode: shadow, rules: [{{ignore: $.now}}]}}}}  # compared
   - {{name: plain, match: {{path: /plain}}, extracted: extracted}}
   - {{name: asleep, match: {{path: /off}}, extracted: extracted, shadow: off}}
   - {{name: ruled, match: {{path: /ruled}}, extracted: extracted, shadow: {{rules: [ignore: $.now]}}}}
"""
ANEW = "findings begin anew with it: 3,000 comparisons of pay are counted no longer"
ANSWER_S = 60.0
"""A command takes half a second; a busy machine may take much longer."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def pay(file: Path) -> Path:
    file.write_text(TEXT.replace("name: items", "name: pay"))
    return file


def accept(file: Path, *arguments: str) -> int:
    return main(["shadow", "accept", *arguments, "-c", str(file)])


def command(file: Path, *arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "strangler", "shadow", "accept", *arguments, "-c", str(file)]


def test_the_change_is_shown_and_with_yes_it_is_written(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = accept(file, "items", "$.now", "--yes")

    shown = capsys.readouterr().out
    diff = DIFF.format(file=file, match=MATCH)
    assert (code, file.read_text()) == (0, WITH_RULE)
    assert shown.startswith(diff)
    assert shown.removeprefix(diff).splitlines() == [
        f"written: {file}; a proxy that runs with it takes it over by itself",
        "what was found of items begins anew with it",
    ]
    assert load(file).routes[0].shadow.rules == (PathRule(kind=RuleKind.IGNORE, path="$.now"),)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "cautions"),
    [
        ("$.nosuch", ["no difference was found at that place; found: $.now, $.items[*].amount", ANEW]),
        ("$.items[*].name", ["no difference was found at that place; found: $.now, $.items[*].amount", ANEW]),
        ("$.items[3].amount", [ANEW]),
        ("$.items", [ANEW]),
        ("$..amount", [ANEW]),
        ("$", ["`$` is the whole body: no difference in it is found any more, whatever it is", ANEW]),
    ],
)
async def test_a_place_where_nothing_was_found_and_findings_that_are_lost_are_cautioned_of(
    pay: Path, path: str, cautions: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as client:
        client.book.take(PAY)
        code = await asyncio.to_thread(accept, pay, "pay", path, "--yes", "--admin", str(client.address))

    assert code == 0
    assert load(pay).routes[0].shadow.rules == (PathRule(kind=RuleKind.IGNORE, path=path),)  # type: ignore[union-attr]
    assert capsys.readouterr().err.splitlines() == [f"caution: {caution}" for caution in cautions]


async def test_where_nothing_was_compared_yet_that_is_the_caution(
    pay: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as client:
        await asyncio.to_thread(accept, pay, "pay", "$.now", "--yes", "--admin", str(client.address))

    assert capsys.readouterr().err == (
        "caution: nothing of pay was compared yet, so nothing shows that there is such a place\n"
    )


def test_patch_takes_what_is_shown_also_of_a_last_line_without_end(file: Path) -> None:
    file.write_text(TEXT + "  - name: last\n    match: {path: /last}\n    extracted: extracted\n    shadow: shadow")
    before = file.read_text()
    shown = subprocess.run(
        command(file, "last", "$.now"), stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S, check=False
    ).stdout

    assert main(["shadow", "accept", "last", "$.now", "--yes", "-c", str(file)]) == 0

    assert b"\n\\ No newline at end of file\n" in shown
    assert patched(before, shown.decode()) == file.read_text()


def test_without_a_terminal_nothing_is_written_and_it_exits_2(file: Path) -> None:
    done = subprocess.run(
        command(file, "items", "$.now"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # Because the change is to stand before the message also where both go to one log.
        stderr=subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        text=True,
        timeout=ANSWER_S,
        check=False,
    )

    assert (done.returncode, file.read_text()) == (2, TEXT)
    assert done.stdout.startswith(DIFF.format(file=file, match=MATCH))
    assert done.stdout.removeprefix(DIFF.format(file=file, match=MATCH)) == (
        "strangler: nobody can be asked here, so nothing was written. Add --yes to write it.\n"
    )


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (b"y\n", 0, WITH_RULE),
        (b"YES\n", 0, WITH_RULE),
        (b"n\n", 1, TEXT),
        (b"\n", 1, TEXT),
        (b"yellow\n", 1, TEXT),
        (b"\x04", 1, TEXT),
    ],
)
def test_a_terminal_is_asked_after_the_change_is_shown(file: Path, answer: bytes, code: int, text: str) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        done = subprocess.run(
            command(file, "items", "$.now"), stdin=theirs, capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert (done.returncode, file.read_text(), done.stderr) == (code, text, "")
    assert done.stdout.startswith(DIFF.format(file=file, match=MATCH) + "Write it? [y/N] ")
    assert ("nothing was written" in done.stdout) == (code == 1)


def test_for_a_machine_nobody_is_asked_though_there_is_a_terminal(file: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"y\n")
        done = subprocess.run(
            [*command(file, "items", "$.now"), "--json"],
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert (done.returncode, file.read_text()) == (2, TEXT)
    assert json.loads(done.stdout)["error"]["exit_code"] == 2


def test_what_somebody_saves_while_the_question_waits_is_kept(file: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            command(file, "items", "$.now"), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as asking:
            assert asking.stdout is not None
            # Because the change is shown before it asks, the file was read by then.
            asking.stdout.readline()
            file.write_text(TEXT + "# somebody else\n")
            os.write(ours, b"y\n")
            _, said = asking.communicate(timeout=ANSWER_S)
    finally:
        os.close(ours)
        os.close(theirs)

    assert (asking.returncode, file.read_text()) == (1, TEXT + "# somebody else\n")
    assert "was changed by somebody else meanwhile" in said


@pytest.mark.parametrize("path", ["$.now", "$['now']"])
def test_what_is_ignored_already_is_not_written_again(
    file: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = accept(file, "ruled", path)

    assert (code, file.read_text()) == (0, TEXT)
    assert capsys.readouterr().out == f"{path} is ignored already; nothing was written\n"


def test_what_the_defaults_ignore_is_not_written_again(file: Path) -> None:
    file.write_text(TEXT.replace("defaults:\n", "defaults:\n  shadow: {rules: [{ignore: $.now}]}\n"))
    before = file.read_text()

    assert (accept(file, "items", "$.now", "--yes"), file.read_text()) == (0, before)


@pytest.mark.parametrize(
    ("route", "path", "says"),
    [
        ("itms", "$.now", "there is no route 'itms'. Nearest: items."),
        ("zzzz", "$.now", "there is no route 'zzzz'. Known: items, plain, asleep, ruled."),
        ("plain", "$.now", "route 'plain' has no `shadow` to add a rule to. Add `shadow: shadow` to it"),
        ("asleep", "$.now", "or write that mode where `off` stands."),
        ("items", "now", "PATH: a path starts with `$`; write `$.now`."),
        ("items", "$.a[?(@.b)]", "PATH: `[?(@.b)]` at character 4 is not a step"),
        ("items", "$[\x1b", r"\x1b"),
        ("items", "$['\x1b[2J']", "PATH: write at most 256 printable characters"),
        ("items", "$." + "a" * 255, "PATH: write at most 256 printable characters"),
        ("items", "status", "no rule ignores a status that differs"),
        ("items", "header content-type", "Leave it out of the list `headers` of the route's shadow."),
    ],
)
def test_what_cannot_be_accepted_exits_2_with_what_to_do_instead(
    file: Path, route: str, path: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = accept(file, route, path, "--yes")

    printed = capsys.readouterr()
    assert (code, file.read_text(), printed.out) == (2, TEXT, "")
    assert says in printed.err
    assert printed.err.removesuffix("\n").isprintable()


def test_a_file_with_faults_is_not_edited(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TEXT + "unknown: 1\n")

    assert (accept(file, "items", "$.now", "--yes"), file.read_text()) == (2, TEXT + "unknown: 1\n")
    assert f"{file}:16:1: unknown" in capsys.readouterr().err


def test_a_rule_that_cannot_be_added_by_itself_exits_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = TEXT.replace("shadow: {rules", "shadow: &s {rules")
    shared += "  - {name: also, match: {path: /also}, extracted: extracted, shadow: *s}\n"
    file.write_text(shared)

    codes = [accept(file, name, "$.new", "--yes") for name in ("ruled", "also")]

    assert (codes, file.read_text()) == ([1, 1], shared)
    assert capsys.readouterr().err.splitlines() == [
        "strangler: the rule cannot be added to route 'ruled' by itself. "
        "With it: route 'also' would not be as it is meant, perhaps because of a YAML anchor.",
        "strangler: shadow is only a YAML alias in line 16, so others would change too. Write it out there.",
    ]


async def test_a_proxy_that_runs_takes_the_rule_over_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path, TEXT) as proxy:
        before = (await proxy.status())["generation"]

        code = await asyncio.to_thread(accept, proxy.routes, "items", "$.now", "--yes", "--reason", "a clock")

        async def is_newer() -> bool:
            return bool((await proxy.status())["generation"] > before)

        await until(is_newer, what="a generation with the rule")
        _, log = await proxy.ask("GET", "/api/v1/audit?what=config")
        assert (code, proxy.events("config_rejected")) == (0, [])
        assert "a clock" in [one["why"] for one in log["rows"]]


def patched(before: str, diff: str) -> str:
    """Return what a diff of one hunk makes of a text, by its own words alone."""
    _, _, head, *body = diff.split("\n")
    first = int(head.split()[1].split(",")[0].removeprefix("-")) - 1
    ends_open = "\\ No newline at end of file"
    kept: list[str] = []
    removed: list[str] = []
    for line, following in zip(body[:-1], [*body[1:]], strict=True):
        text = line[1:] + ("" if following == ends_open else "\n")
        if line[:1] in (" ", "-"):
            removed.append(text)
        if line[:1] in (" ", "+"):
            kept.append(text)
    lines = before.splitlines(keepends=True)
    assert lines[first : first + len(removed)] == removed
    return "".join(lines[:first] + kept + lines[first + len(removed) :])
