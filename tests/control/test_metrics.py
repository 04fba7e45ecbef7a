"""Metrics, as an independent parser reads them."""

import asyncio
import threading
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from strangler.control.metrics import Exposition, GuardReading, Reading
from strangler.control.totals import Totals
from strangler.core import histogram
from strangler.core.model import Side
from strangler.core.outcome import Outcome
from strangler.core.tally import Tally
from tests.support.watched import Watched

READING = Reading(
    generation=4,
    workers=2,
    restarts=1,
    is_rejected=True,
    flags_state="ready",
    flags_states=("starting", "ready"),
    shares=(("payments", 2_500),),
    gauges=(("client_connections", 7),),
    guards=(GuardReading(route="payments", phase="tripped", evidence=4.75, is_alone=True),),
    is_killed=True,
    is_store_failing=True,
    undelivered=3,
    healthy=(("payments", "10.0.0.7:80", True), ("payments", "10.0.0.8:80", False)),
)


async def read() -> Reading:
    return READING


def samples(totals: Totals) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = asyncio.run(Exposition(totals, read).render()).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_the_state_is_shown_under_its_documented_names() -> None:
    found = samples(Totals())

    assert found == {
        ("strangler_route_share_ratio", (("route", "payments"),)): 0.25,
        ("strangler_generation", ()): 4.0,
        ("strangler_workers", ()): 2.0,
        ("strangler_worker_restarts_total", ()): 1.0,
        ("strangler_comparer_restarts_total", ()): 0.0,
        ("strangler_config_rejected", ()): 1.0,
        ("strangler_flags_state", (("state", "starting"),)): 0.0,
        ("strangler_flags_state", (("state", "ready"),)): 1.0,
        ("strangler_upstream_healthy", (("address", "10.0.0.7:80"), ("upstream", "payments"))): 1.0,
        ("strangler_upstream_healthy", (("address", "10.0.0.8:80"), ("upstream", "payments"))): 0.0,
        ("strangler_client_connections", ()): 7.0,
        ("strangler_tallies_refused_total", ()): 0.0,
        ("strangler_connections_refused_total", ()): 0.0,
        ("strangler_idempotency_keys_evicted_total", ()): 0.0,
        ("strangler_flag_evaluations_given_up_total", ()): 0.0,
        ("strangler_route_tripped", (("route", "payments"),)): 1.0,
        ("strangler_guard_evidence", (("route", "payments"),)): 4.75,
        ("strangler_guard_alone", (("route", "payments"),)): 1.0,
        ("strangler_kill_switch", ()): 1.0,
        ("strangler_store_failing", ()): 1.0,
        ("strangler_messages_undelivered_total", ()): 3.0,
        ("strangler_writes_unlisted_total", ()): 0.0,
        ("strangler_divergences_open", ()): 0.0,
        ("strangler_divergences_bytes", ()): 0.0,
        ("strangler_divergences_unlisted", ()): 0.0,
        ("strangler_admin_connections", ()): 0.0,
    }


def test_what_workers_count_beside_their_exchanges_is_summed_over_all_of_them() -> None:
    totals = Totals()
    for grown in ({"connections_refused": 3}, {"connections_refused": 4, "a later release": 1}, {}):
        totals.grow(grown)

    found = samples(totals)

    assert found["strangler_connections_refused_total", ()] == 7
    assert not [name for name, _ in found if "later" in name]


def test_requests_are_counted_by_route_side_and_outcome() -> None:
    totals = Totals()
    totals.add([tally((Outcome.OK_2XX, 5), (Outcome.TIMEOUT, 1))])

    found = samples(totals)

    labels = (("route", "payments"), ("side", "extracted"))
    assert found["strangler_requests_total", (("outcome", "2xx"), *labels)] == 5
    assert found["strangler_requests_total", (("outcome", "timeout"), *labels)] == 1


def test_answers_of_the_monolith_in_place_of_a_failure_are_counted_by_its_kind() -> None:
    totals = Totals()
    for _ in range(2):
        totals.add([replace(tally((Outcome.RESET, 1)), fallbacks=((Outcome.RESET, 1),))])

    found = samples(totals)

    assert found["strangler_fallbacks_total", (("kind", "reset"), ("route", "payments"))] == 2


def test_the_latency_histogram_is_cumulative_and_loses_no_count() -> None:
    totals = Totals()
    every_bucket = tuple((bucket, 1) for bucket in range(histogram.BUCKETS))
    totals.add([tally(latency=every_bucket, seconds=9.5)])

    found = samples(totals)

    name = "strangler_request_duration_seconds"
    buckets = [value for (found_name, _), value in found.items() if found_name == f"{name}_bucket"]
    labels = (("route", "payments"), ("side", "extracted"))
    # Because every fourth bound is shown, each bucket holds four more of ours than the one before.
    assert buckets[:-1] == [1.0 + 4 * index for index in range(len(buckets) - 1)]
    assert buckets[-1] == found[f"{name}_count", labels] == histogram.BUCKETS
    assert found[f"{name}_sum", labels] == 9.5


def tally(*outcomes: tuple[Outcome, int], latency: tuple[tuple[int, int], ...] = (), seconds: float = 0.0) -> Tally:
    return Tally(route="payments", side=Side.EXTRACTED, outcomes=outcomes, latency=latency, seconds=seconds)


async def test_the_readings_of_thousands_of_routes_are_written_out_beside_the_loop() -> None:
    guards = Watched(GuardReading(route=f"r{number}", phase="closed", evidence=0.0, is_alone=False) for number in "ab")

    async def read_guards() -> Reading:
        return replace(READING, guards=guards)

    text = (await Exposition(Totals(), read_guards).render()).decode()

    assert 'strangler_route_tripped{route="rb"} 0.0' in text
    assert guards.threads and threading.get_ident() not in guards.threads


async def test_a_flood_of_scrapes_is_rendered_once_at_a_time_and_shared() -> None:
    read_so_often = 0

    async def count() -> Reading:
        nonlocal read_so_often
        read_so_often += 1
        await asyncio.sleep(0)
        return READING

    exposition = Exposition(Totals(), count)
    async with asyncio.TaskGroup() as tasks:
        flood = [tasks.create_task(exposition.render()) for _ in range(200)]

    assert len({one.result() for one in flood}) == 1
    assert read_so_often <= 2
