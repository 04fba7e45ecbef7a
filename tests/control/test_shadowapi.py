"""What comparisons have shown, as the admin API tells and forgets it."""

import json
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from strangler.cli.shadow import lines as report_lines
from strangler.control.shadowdesk import ShadowDesk
from strangler.core.findings import Findings
from strangler.core.model import Config, Match, Route
from strangler.core.shadowing import Shadow, ShadowMode
from tests.support.findings import AMOUNT, PAY
from tests.support.surface import Client, served

GONE = Findings(route="gone", since=5.0, equal=298, different=0)
SHORT = {
    "route": "pay",
    "is_in_file": True,
    "mode": "shadow",
    "sample_bp": 2_500,
    "has_reads": True,
    "since": 1_799_999_000.0,
    "last": 1_800_000_061.0,
    "counts": {
        "compared": 3_000,
        "equal": 2_940,
        "ignored": 10,
        "different": 50,
        "not_comparable": 3,
        "no_answer": 0,
        "asked_twice": 60,
    },
    "unanswered": {"legacy": {"connect": 1}},
    "dropped": {"timeout": 2, "queue_full": 10},
    "obstacles": {"encoding": 3},
    "natures": {"noise": 1, "regression": 1, "undecided": 0},
}


async def test_the_catalogue_has_shadowed_routes_and_those_that_left_the_file() -> None:
    async with served() as client:
        before = (await client.ask("GET", "/api/v1/shadow"))[1]
        client.book.take(GONE)
        client.book.take(PAY)
        after = (await client.ask("GET", "/api/v1/shadow"))[1]

    gone, pay = after["routes"]
    parity = pay.pop("parity")
    assert [(one["route"], one["counts"]["compared"]) for one in before["routes"]] == [("pay", 0)]
    assert (gone["route"], gone["is_in_file"], gone["mode"], gone["sample_bp"]) == ("gone", False, None, None)
    assert pay == SHORT
    assert parity["confidence"] == 0.95
    assert "groups" not in gone
    assert (before["store_fault"], after["store_fault"]) == ("", "")


async def test_the_parity_is_the_bound_of_clopper_and_pearson() -> None:
    async with served() as client:
        for findings in (GONE, PAY, Findings(route="none", since=5.0)):
            client.book.take(findings)
        routes = (await client.ask("GET", "/api/v1/shadow"))[1]["routes"]

    parities = {one["route"]: one["parity"] for one in routes}
    # With no difference in n the bound of one look is the n-th root of 5 %; at any look it is less.
    assert parities["gone"]["lower_bound"] == pytest.approx(0.05 ** (1 / 298))
    assert [one["equal_more"] for one in parities["gone"]["needed"]] == [151, 4_512 - 298]
    assert (parities["none"]["lower_bound"], [one["equal_more"] for one in parities["none"]["needed"]]) == (
        0.0,
        [449, 4_512],
    )
    # What is ignored is equal, and 50 of 3,000 are different, whatever their groups are held to be.
    assert parities["pay"]["lower_bound"] == pytest.approx(0.978951142317475, abs=1e-12)
    assert parities["pay"]["anytime_bound"] == pytest.approx(0.975398549574140, abs=1e-12)


async def test_what_the_extracted_side_did_not_answer_is_told_and_bounds_parity_as_differences_do() -> None:
    silent = {"extracted": {"timeout": 19, "failed": 1}, "legacy": {"connect": 5}}
    async with served() as client:
        client.book.take(replace(PAY, different=30, no_answer=silent, dropped={"breaker": 7, "unhealthy": 1}))
        shown = (await client.ask("GET", "/api/v1/shadow/pay"))[1]

    assert shown["unanswered"] == silent
    assert (shown["counts"]["compared"], shown["counts"]["different"], shown["counts"]["no_answer"]) == (2_980, 30, 20)
    assert shown["parity"]["left_alone"] == 8
    assert shown["parity"]["lower_bound"] == pytest.approx(0.978951142317475, abs=1e-12)


async def test_one_route_is_shown_whole_and_its_most_frequent_group_first() -> None:
    async with served() as client:
        client.book.take(PAY)
        status, shown = await client.ask("GET", "/api/v1/shadow/pay")

    assert status == 200
    assert [group["place"] for group in shown["groups"]] == ["$.now", "$.items[*].amount"]
    assert shown["groups"][1] == {
        "place": "$.items[*].amount",
        "kind": "value",
        "count": 12,
        "raw_only": 9,
        "noise_only": 1,
        "both": 0,
        "p": 0.0107421875,
        "nature": "regression",
        "first": 1_800_000_000.0,
        "last": 1_800_000_060.0,
        "rank": 0,
        "examples": [
            {
                "at": 1_800_000_000.0,
                "request_id": "id-1",
                "method": "GET",
                "path": "/api/x",
                "primary": "12.5",
                "shadow": "12.50",
            }
        ],
    }
    assert shown["uncounted"] == 4
    assert SHORT.items() <= shown.items()


async def test_a_reset_is_told_to_the_comparer_and_recorded_with_what_was_forgotten() -> None:
    told: list[str] = []
    async with served() as client:
        client.shadow.on_reset = told.append
        client.book.take(PAY)
        client.book.take(GONE)
        answers = [
            await client.ask("POST", f"/api/v1/shadow/{route}/reset", {"reason": " mended "})
            for route in ("pay", "gone")
        ]
        after = (await client.ask("GET", "/api/v1/shadow"))[1]["routes"]
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]

    assert answers == [(200, {"reset": ["pay"]}), (200, {"reset": ["gone"]})]
    assert told == ["pay", "gone"]
    assert [(one["route"], one["counts"]["compared"]) for one in after] == [("pay", 0)]
    assert [(row["what"], row["subject"], row["why"], row["who"]) for row in rows] == [
        ("forget", "gone", "mended", "admin-token"),
        ("forget", "pay", "mended", "admin-token"),
    ]
    assert json.loads(rows[1]["before"]) == {"since": PAY.since, **SHORT["counts"]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/shadow/read", None, 404),
        ("GET", "/api/v1/shadow/nope", None, 404),
        ("POST", "/api/v1/shadow/nope/reset", {"reason": "x"}, 404),
        ("POST", "/api/v1/shadow/pay/reset", {"reason": "  "}, 400),
        ("POST", "/api/v1/shadow/pay/reset", {}, 400),
        ("POST", "/api/v1/shadow/pay/reset", {"reason": "x", "force": True}, 400),
        ("DELETE", "/api/v1/shadow/pay", None, 405),
    ],
)
async def test_what_cannot_be_done_forgets_nothing(method: str, path: str, body: object, status: int) -> None:
    told: list[str] = []
    async with served() as client:
        client.shadow.on_reset = told.append
        client.book.take(PAY)
        answered = (await client.ask(method, path, body))[0]
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]

        assert (answered, rows, told, client.book.of("pay")) == (status, [], [], PAY)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/shadow"), ("GET", "/api/v1/shadow/pay"), ("POST", "/api/v1/shadow/pay/reset")],
)
async def test_nobody_sees_or_forgets_findings_without_the_token(method: str, path: str) -> None:
    async with served() as client:
        client.book.take(PAY)
        status, answer = await client.ask(method, path, {"reason": "x"}, Authorization="Bearer wrong")

        assert (status, answer["title"], client.book.of("pay")) == (401, "wrong_token", PAY)


async def metrics(client: Client) -> dict[tuple[str, ...], float]:
    async with client.session.get(f"http://{client.address}/metrics") as answer:
        text = await answer.text()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("strangler_shadow_") and not sample.name.endswith("_created")
    }


async def test_metrics_have_results_drops_natures_and_the_bound() -> None:
    async with served() as client:
        client.book.take(PAY)
        found = await metrics(client)
        bound = (await client.ask("GET", "/api/v1/shadow/pay"))[1]["parity"]["lower_bound"]

    assert found == {
        ("strangler_shadow_comparisons_total", "equal", "pay"): 2_940,
        ("strangler_shadow_comparisons_total", "ignored", "pay"): 10,
        ("strangler_shadow_comparisons_total", "different", "pay"): 50,
        ("strangler_shadow_comparisons_total", "not_comparable", "pay"): 3,
        ("strangler_shadow_no_answer_total", "connect", "pay", "legacy"): 1,
        ("strangler_shadow_dropped_total", "queue_full", "pay"): 10,
        ("strangler_shadow_dropped_total", "timeout", "pay"): 2,
        ("strangler_shadow_groups", "regression", "pay"): 1,
        ("strangler_shadow_groups", "noise", "pay"): 1,
        ("strangler_shadow_groups", "undecided", "pay"): 0,
        ("strangler_shadow_parity_lower_bound", "pay"): bound,
    }


async def test_status_tells_shadowed_routes_in_short() -> None:
    route = Route(
        name="pay", match=Match(path="/"), legacy="monolith", extracted="s", shadow=Shadow(mode=ShadowMode.REVERSE)
    )
    async with served() as client:
        desk = ShadowDesk(client.book, lambda: Config(upstreams=(), default_upstream="monolith", routes=(route,)))
        client.book.take(replace(PAY, groups=(AMOUNT,)))
        shown = desk.status(route)

        assert shown is not None
        assert (shown.mode, shown.compared, shown.different, shown.dropped) == ("reverse", 3_000, 50, 12)
        assert desk.status(replace(route, shadow=None)) is None


@pytest.mark.parametrize(
    ("methods", "has_reads"), [((), True), (("POST", "GET"), True), (("POST", "PUT"), False), (("HEAD",), True)]
)
async def test_a_route_of_writes_alone_is_promised_no_parity(methods: tuple[str, ...], has_reads: bool) -> None:
    shadow = Shadow(mode=ShadowMode.BOTH, writes=True)
    match = Match(path="/", methods=methods)
    route = Route(name="pay", match=match, legacy="monolith", extracted="s", shadow=shadow)
    async with served() as client:
        desk = ShadowDesk(client.book, lambda: Config(upstreams=(), default_upstream="monolith", routes=(route,)))
        short, report = desk.status(route), desk.show("pay")

    assert short is not None
    assert report is not None
    text = "\n".join(report_lines(report))
    assert (short.has_reads, report["has_reads"]) == (has_reads, has_reads)
    assert bool(report["parity"]["needed"]) is has_reads
    assert ("more without a difference" in text, "0 compared" in text) == (has_reads, has_reads)
    assert ("writes alone, which are sent on and not compared" in text) is not has_reads
