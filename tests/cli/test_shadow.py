"""`strangler shadow`: findings as people read them, and forgetting them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.cli import main
from strangler.cli.shadow import lines
from strangler.cli.status import lines as status_lines
from strangler.control.shadowbook import ShadowBook
from strangler.control.store import Store
from strangler.core.audit import Action
from strangler.core.findings import Findings
from tests.support.findings import AMOUNT, EXAMPLE, PAY
from tests.support.proxy import end, launch, routes_text, running
from tests.support.surface import TOKEN, Client, served

GONE = Findings(route="gone", since=1_799_999_000.0, equal=3_000)


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("STRANGLER_TOKEN", TOKEN)
    async with served() as made:
        yield made


async def run(client: Client, *arguments: str) -> int:
    """Run a command on a thread, so that this loop answers it meanwhile."""
    return await asyncio.to_thread(main, ["shadow", *arguments, "--admin", str(client.address)])


async def test_the_report_prints_every_example_that_is_kept(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tuple(replace(EXAMPLE, request_id=f"request-{at}") for at in range(3))
    client.book.take(replace(PAY, groups=(replace(AMOUNT, examples=kept),)))

    await run(client, "report", "pay")

    told = capsys.readouterr().out
    assert all(example.request_id in told for example in kept)


async def test_the_report_tells_a_route_its_parity_and_its_groups(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.book.take(PAY)

    code = await run(client, "report", "pay")

    # The first bound is that of the exact sum over binomial terms with 60 digits.
    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "pay: shadow, sample 25%, since 2027-01-15 07:43:20 UTC",
        "  3,000 compared: 2,940 equal, 10 ignored, 50 different; 3 not comparable (encoding 3)",
        "  1 not answered by the monolith (connect 1), which proves nothing",
        "  12 dropped (queue_full 10, timeout 2)",
        "  With 95% confidence, at least 97.8951% of such requests are answered alike "
        "(equal or ignored; noise and no answer count as different).",
        "  That is for one look. However often it is looked at: at least 97.5398%.",
        "  For 99% it takes 4,398 more without a difference.",
        "  For 99.9% it takes 71,077 more without a difference.",
        "",
        "  $.now  value, 40 times: noise (asked twice: 0 differ only between the sides, "
        "38 only within the answering side, p = 1)",
        "    first seen 2027-01-15 08:00:00 UTC, last 2027-01-15 08:01:01 UTC",
        "",
        "  $.items[*].amount  value, 12 times: regression (asked twice: 9 differ only between the sides, "
        "1 only within the answering side, p = 0.011)",
        "    first seen 2027-01-15 08:00:00 UTC, last 2027-01-15 08:01:00 UTC",
        "    GET /api/x  primary: 12.5  shadow: 12.50  (id-1)",
        "",
        "  4 differences more, in groups that found no room",
    ]


async def test_a_side_that_gives_no_answer_is_not_proven_by_those_that_it_gives(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.book.take(Findings(route="pay", since=5.0, equal=413, no_answer={"extracted": {"failed": 44, "timeout": 3}}))

    code = await run(client, "report", "pay", "--bound", "98%")

    out = capsys.readouterr().out
    assert code == 3
    assert "  47 not answered by the extracted side (failed 44, timeout 3), counted as different" in out
    assert "98% is proven" not in out


async def test_a_side_that_rests_after_failures_is_not_proven_by_what_it_answers_when_it_is_well(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = {"extracted": {"connect": 5}}
    client.book.take(Findings(route="pay", since=5.0, equal=20_000, no_answer=silent, dropped={"breaker": 500}))

    rested = await run(client, "report", "pay", "--bound", "99%")
    told = capsys.readouterr().out
    little = await run(client, "report", "pay", "--bound", "97%")

    assert (rested, little) == (3, 0)
    assert "For 99% too much was not asked: 500 requests while the shadowed side was left alone after failures." in told
    assert "99% is proven" not in told
    assert "97% is proven" in capsys.readouterr().out


async def test_the_report_tells_all_routes_also_those_that_left_the_file(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.book.take(GONE)

    code = await run(client, "report")

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "gone: route not in the file, since 2027-01-15 07:43:20 UTC",
        "  3,000 compared: 3,000 equal, 0 ignored, 0 different; 0 not comparable",
        "  0 dropped",
        "  With 95% confidence, at least 99.9001% of such requests are answered alike "
        "(equal or ignored; noise and no answer count as different).",
        "  That is for one look. However often it is looked at: at least 99.8496%.",
        "  For 99.9% it takes 1,512 more without a difference.",
        "",
        "pay: shadow, sample 25%",
        "  0 compared: 0 equal, 0 ignored, 0 different; 0 not comparable",
        "  0 dropped",
        "  Nothing was compared, so nothing is known of parity.",
        "  For 99% it takes 449 more without a difference.",
        "  For 99.9% it takes 4,512 more without a difference.",
    ]


async def test_the_report_as_json_is_what_the_api_tells(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.book.take(PAY)
    client.book.take(GONE)

    code = await run(client, "report", "--format", "json")

    told = [(await client.ask("GET", f"/api/v1/shadow/{route}"))[1] for route in ("gone", "pay")]
    assert (code, json.loads(capsys.readouterr().out)) == (0, {"routes": told})


@pytest.mark.parametrize(
    ("bound", "code", "says"),
    [
        ("99.8%", 0, "99.8% is proven."),
        ("99.9%", 3, "For 99.9% it takes 1,512 more without a difference."),
        ("99.99999%", 3, "For 99.99999% it takes more than can be counted on; find the differences first."),
    ],
)
async def test_a_bound_that_is_not_proven_exits_3(
    client: Client, bound: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client.book.take(GONE)

    found = await run(client, "report", "gone", "--bound", bound)

    assert found == code
    assert [line.strip() for line in capsys.readouterr().out.splitlines()][5:] == [says]


async def test_one_route_that_is_unproven_is_enough_to_exit_3(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.book.take(GONE)

    assert await run(client, "report", "--bound", "99%", "--format", "json") == 3
    assert capsys.readouterr().err == ""


WRITES = (
    "{name: charge, match: {methods: [POST], path: /charge}, extracted: extracted, shadow: {mode: both, writes: true}}"
)
READS = "{name: items, match: {path: /items}, extracted: extracted, shadow: {}}"


@pytest.mark.parametrize(
    ("routes", "arguments", "code", "judged"),
    [
        ([WRITES], [], 0, {"proven": ["gone"], "unproven": [], "without": ["charge"]}),
        ([WRITES, READS], [], 3, {"proven": ["gone"], "unproven": ["items"], "without": ["charge"]}),
        ([WRITES], ["charge"], 3, {"proven": [], "unproven": [], "without": ["charge"]}),
    ],
)
async def test_a_route_of_writes_alone_is_named_and_decides_nothing_but_is_no_proof_by_itself(
    routes: list[str],
    arguments: list[str],
    code: int,
    judged: dict[str, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    with closing(Store(tmp_path / "state")) as store:
        book = ShadowBook(store)
        book.take(GONE)
        book.save()
    async with running(tmp_path, routes_text(monolith=1, extracted=2, workers=0, routes=routes)) as proxy:
        words = ["shadow", "report", *arguments, "--bound", "99.8%", "-c", str(proxy.routes)]
        found = await asyncio.to_thread(main, [*words, "--json"])

    printed = capsys.readouterr()
    assert (found, json.loads(printed.out)["bound"]) == (code, {"parity": 0.998, **judged})
    assert "strangler: writes alone, of which there is no bound to prove: charge.\n" in printed.err
    assert ("so nothing is proven" in printed.err) is (judged["proven"] == judged["unproven"] == [])


async def test_where_no_route_is_shadowed_nothing_is_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path, routes_text(monolith=1, workers=0)) as proxy:
        words = ["shadow", "report", "-c", str(proxy.routes)]
        codes = [
            await asyncio.to_thread(main, words),
            await asyncio.to_thread(main, [*words, "--bound", "99%"]),
        ]

    assert codes == [0, 3]
    assert "so nothing is proven" in capsys.readouterr().err


@pytest.mark.parametrize("bound", ["99.9", "100%", "0%", "-1%", "nan%", "inf%", "much%", "%"])
def test_a_bound_that_means_nothing_is_a_mistake_of_the_command_line(
    bound: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["shadow", "report", f"--bound={bound}"])

    assert caught.value.code == 2
    assert "is not a percentage over 0% and below 100%" in capsys.readouterr().err


async def test_an_unknown_route_exits_2(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [await run(client, "report", "a/b?c"), await run(client, "reset", "nope", "--reason", "x")]

    assert codes == [2, 2]
    assert capsys.readouterr().err == "".join(
        f"strangler: no route `{name}` is shadowed, and nothing was found of one. Known: pay\n"
        for name in ("a/b?c", "nope")
    )


async def test_a_reset_is_recorded_with_its_reason(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.book.take(PAY)

    code = await run(client, "reset", "pay", "--reason", "mended in release 7")

    assert (code, capsys.readouterr().out, client.book.of("pay")) == (0, "reset: pay\n", None)
    assert [(row.entry.what, row.entry.subject, row.entry.why) for row in client.store.journal.page().rows] == [
        (Action.FORGET, "pay", "mended in release 7")
    ]


async def test_what_an_upstream_wrote_cannot_steer_a_terminal(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    # Clear the screen; turn the direction of writing; another line.
    hostile = "a\x1b[2J\u202e\nb"
    example = replace(EXAMPLE, path=hostile, primary=hostile, shadow="", request_id=hostile, method=hostile)
    client.book.take(replace(PAY, groups=(replace(AMOUNT, place=hostile, examples=(example,)),)))

    await run(client, "report", "pay")

    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if not line.isprintable()] == []
    assert "shadow: (none)" in shown[-3]


async def test_a_running_proxy_keeps_its_findings_and_tells_them_after_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    with closing(Store(tmp_path / "state")) as store:
        book = ShadowBook(store)
        book.take(PAY)
        book.save()
    async with running(tmp_path, routes_text(monolith=1, workers=0)) as proxy:
        first = await asyncio.to_thread(main, ["shadow", "report", "-c", str(proxy.routes)])
        before = capsys.readouterr().out
        await proxy.stop()
        again = await launch(tmp_path, session=proxy.session)
        try:
            await again.wait_ready()
            second = await asyncio.to_thread(main, ["shadow", "report", "-c", str(again.routes)])
            after = capsys.readouterr().out
            metrics = await again.metrics()
        finally:
            await end(again)

    assert (first, second, after) == (0, 0, before)
    assert before.startswith("pay: route not in the file, since ")
    assert 'strangler_shadow_comparisons_total{result="different",route="pay"} 50.0' in metrics


def test_lines_of_a_route_that_is_in_the_file_and_no_longer_shadowed_say_so() -> None:
    route = {
        "route": "pay",
        "is_in_file": True,
        "mode": None,
        "sample_bp": None,
        "since": 0.0,
        "counts": {"compared": 0, "equal": 0, "ignored": 0, "different": 0, "not_comparable": 0, "asked_twice": 0},
        "dropped": {},
        "obstacles": {},
        "parity": {"lower_bound": 0.0, "confidence": 0.95, "needed": []},
        "groups": [],
        "uncounted": 0,
    }

    assert next(lines(route)) == "pay: not shadowed now"


async def test_status_has_a_line_for_each_route_that_is_shadowed(client: Client) -> None:
    side = {"requests": 0, "failures": {}, "p50_ms": None, "p95_ms": None}
    route = {"note": "", "share_bp": 0, "served_bp": 0, "guard": None, "sides": {"legacy": side, "extracted": side}}
    shadow = {"mode": "both", "compared": 3_000, "different": 50, "dropped": 12}
    status = (await client.ask("GET", "/api/v1/status"))[1]
    status["routes"] = [{**route, "name": "pay", "shadow": shadow}, {**route, "name": "read", "shadow": None}]

    shown = [line for line in status_lines(status) if line.startswith("shadow")]

    assert shown == ["shadow   pay (both): 3000 compared, 50 different, 0 without an answer, 12 dropped"]
