"""What a person on call does from the command line, on a running instance."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from strangler.cli import main
from tests.support.backend import backend, ok, says
from tests.support.proxy import Proxy, routes_text, running

ROUTES = [
    "{name: pay, match: {path: /pay}, extracted: extracted, flag: pay, cohort: pay}",
    "{name: read, match: {path: /read}, extracted: extracted, flag: pay, cohort: pay}",
    "{name: free, match: {path: /free}, extracted: extracted, flag: pay, rollback: 'off'}",
]


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    async with (
        backend(says(ok(b"monolith"))) as monolith,
        backend(says(ok(b"extracted"))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=ROUTES, workers=0)
        ) as made,
    ):
        yield made


async def run(proxy: Proxy, *arguments: str) -> int:
    """Run a command on a thread, so that this loop serves the backends meanwhile."""
    return await asyncio.to_thread(main, [*arguments, "-c", str(proxy.routes)])


async def test_a_route_is_tripped_and_reset_with_its_cohort(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [await run(proxy, "trip", "pay", "--reason", "double charges")]
    codes.append(await run(proxy, "trip", "pay", "--reason", "again"))
    tripped = capsys.readouterr().out
    codes.append(await run(proxy, "status"))
    status = capsys.readouterr().out
    codes.append(await run(proxy, "reset", "read", "--reason", "mended in 4.2.1"))
    codes.append(await run(proxy, "status"))
    after = capsys.readouterr().out

    assert codes == [0, 0, 3, 0, 0]
    assert tripped == "tripped: pay, read\ntripped: nothing more; it had tripped already\n"
    assert re.findall(r"^TRIPPED  (\w+) since [\d-]+ [\d:]+ UTC: (.*)$", status, re.MULTILINE) == [
        ("pay", "double charges"),
        ("read", "with pay: double charges"),
    ]
    assert re.search(r"^pay +0% .*tripped, the flag says 0%", status, re.MULTILINE)
    assert after.startswith("reset: pay, read\n")
    assert "TRIPPED" not in after


async def test_the_kill_switch_is_pulled_and_released(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    await run(proxy, "flags", "set", "pay", "on", "--reason", "test")

    codes = [await run(proxy, "kill", "on", "--reason", "incident 7"), await run(proxy, "status")]
    killed = capsys.readouterr().out
    answer = await proxy.get("/pay")
    codes += [await run(proxy, "kill", "off", "--reason", "over"), await run(proxy, "status")]
    released = capsys.readouterr().out

    assert codes == [0, 3, 0, 0]
    assert "the monolith answers everything\n" in killed
    assert re.search(r"^KILLED ", killed, re.MULTILINE)
    assert re.search(r"^pay +0% ", killed, re.MULTILINE)
    assert answer == (200, "monolith")
    assert "flags and guards decide again\n" in released
    assert "KILLED" not in released


async def test_a_reset_and_a_release_that_change_nothing_say_so(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [await run(proxy, "reset", "pay", "--reason", "test"), await run(proxy, "kill", "off", "--reason", "test")]
    told = capsys.readouterr().out.splitlines()
    _, audit = await proxy.ask("GET", "/api/v1/audit")

    assert codes == [0, 0]
    assert told == ["nothing changed: pay had not tripped", "nothing changed: the kill switch was off already"]
    assert [row for row in audit["rows"] if row["what"] in ("reset", "kill")] == []


@pytest.mark.parametrize(("route", "said"), [("paj", "Did you mean `pay`?"), ("free", "Known: pay, read")])
@pytest.mark.parametrize("command", ["reset", "trip"])
async def test_a_route_that_is_not_guarded_is_told_the_nearest(
    proxy: Proxy, command: str, route: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await run(proxy, command, route, "--reason", "x")

    assert code == 2
    assert capsys.readouterr().err == f"strangler: no route `{route}` is guarded. {said}\n"


async def test_a_reason_of_blanks_is_none(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run(proxy, "trip", "pay", "--reason", "  ")

    assert code == 2
    assert "a reason is needed" in capsys.readouterr().err


async def test_the_audit_log_is_listed_checked_and_exported_beside_the_running_instance(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(proxy, "flags", "set", "pay", "25%", "--reason", "test")
    await run(proxy, "trip", "pay", "--reason", "double charges")
    await run(proxy, "kill", "on", "--reason", "incident 7")
    capsys.readouterr()

    codes = [await run(proxy, "audit", "list", "--limit", "3")]
    listed = capsys.readouterr().out.splitlines()
    codes.append(await run(proxy, "audit", "verify"))
    verified = capsys.readouterr().out
    codes.append(await run(proxy, "audit", "export"))
    exported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert codes == [0, 0, 0]
    assert [line.split()[0] for line in listed] == ["SEQ", "4", "3", "2"]
    assert listed[1].endswith("incident 7")
    assert verified == f"4 entries, whole; head 4:{exported[-1]['hash']}\n"
    assert [(row["seq"], row["what"], row["subject"]) for row in exported] == [
        (1, "flag", "pay"),
        (2, "trip", "pay"),
        (3, "trip", "read"),
        (4, "kill", "*"),
    ]


@pytest.mark.parametrize(
    ("change", "reason"), [(("trip", "pay"), "tripped"), (("trip", "read"), "tripped"), (("kill", "on"), "killed")]
)
async def test_trips_and_the_kill_switch_are_explained_once_the_proxy_has_stopped(
    tmp_path: Path, change: tuple[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = routes_text(monolith=1, extracted=1, routes=ROUTES, workers=0)
    question = ("explain", "GET", "/pay", "-H", "X-User-Id: 42", "--json")
    async with running(tmp_path, text) as proxy:
        await run(proxy, "flags", "set", "pay", "on", "--reason", "test")
        await run(proxy, *change, "--reason", "double charges")
        capsys.readouterr()
        await run(proxy, *question)
        before = json.loads(capsys.readouterr().out)

    await run(proxy, *question)
    after = json.loads(capsys.readouterr().out)

    assert (after["side"], after["reason"]) == (before["side"], before["reason"]) == ("legacy", reason)


async def test_the_status_shows_the_share_that_is_served_and_what_is_held_back(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(proxy, "flags", "set", "pay", "on", "--reason", "test")
    capsys.readouterr()

    await run(proxy, "status")
    served = capsys.readouterr().out
    await run(proxy, "kill", "on", "--reason", "test")
    await run(proxy, "status")
    killed = capsys.readouterr().out

    assert re.search(r"^pay +99% .* 1% held back to compare with", served, re.MULTILINE)
    assert re.search(r"^free +100% ", served, re.MULTILINE)
    assert "held back" not in killed


@pytest.mark.parametrize(
    ("change", "back", "said"),
    [
        (
            ("trip", "pay"),
            ("reset", "pay"),
            "taken back, so not moved until a reset: the routes `pay`, `read`; `strangler reset pay`",
        ),
        (
            ("kill", "on"),
            ("kill", "off"),
            "the kill switch is on, so nothing moves until it is off: `strangler kill off`",
        ),
    ],
)
async def test_a_share_that_a_trip_or_the_kill_switch_keeps_back_says_so_when_it_is_set_or_tried(
    proxy: Proxy,
    change: tuple[str, str],
    back: tuple[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await run(proxy, *change, "--reason", "test")
    capsys.readouterr()

    await run(proxy, "flags", "set", "pay", "90%", "--dry-run")
    tried = capsys.readouterr().out.splitlines()
    await run(proxy, "flags", "set", "pay", "90%", "--reason", "test")
    done = capsys.readouterr().err
    await run(proxy, "flags", "set", "pay", "off", "--reason", "test")
    off = capsys.readouterr().err
    await run(proxy, *back, "--reason", "test")
    await run(proxy, "flags", "set", "pay", "80%", "--reason", "test")
    over = capsys.readouterr().err

    assert said in tried
    assert done == f"strangler: caution: {said}\n"
    assert (off, over) == ("", "")
