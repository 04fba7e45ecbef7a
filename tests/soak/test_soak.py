"""A short soak: the whole proxy under mixed load while everything about it changes."""

from collections import Counter
from pathlib import Path

import pytest

from bench.soak.ledger import Ledger
from bench.soak.proxy import Weight
from bench.soak.run import WORKER_GROWTH_KIB, Result, soak

WEIGHT = Weight(control_kib=1, control_descriptors=1, worker_kib=1, worker_descriptors=1)


@pytest.mark.slow
async def test_a_short_soak_is_clean(tmp_path: Path) -> None:
    result = await soak(tmp_path, seconds=15, seed=1)

    assert result.ledger.wrong == []
    assert result.growth == ()
    assert result.ledger.done
    assert all(result.ledger.right[kind] for kind in ("read", "write", "upload", "download", "events", "tunnel"))


def test_a_wrong_answer_is_not_clean() -> None:
    ledger = Ledger(right=Counter(read=1))
    clean = Result(ledger=ledger, before=WEIGHT, after=WEIGHT).is_clean

    ledger.fault("read: not the answer to 't1'")

    assert [clean, Result(ledger=ledger, before=WEIGHT, after=WEIGHT).is_clean] == [True, False]


def test_growth_beyond_its_bound_is_not_clean() -> None:
    heavier = Weight(control_kib=1, control_descriptors=1, worker_kib=2 + WORKER_GROWTH_KIB, worker_descriptors=1)

    result = Result(ledger=Ledger(), before=WEIGHT, after=heavier)

    assert not result.is_clean
    assert result.growth == (f"a worker's memory grew by {1 + WORKER_GROWTH_KIB} KiB, more than {WORKER_GROWTH_KIB}",)


def test_only_a_connection_begun_before_the_kill_was_a_killed_workers() -> None:
    ledger = Ledger()

    ledger.kill({40_000}, 5.0)

    found = [ledger.is_killed(40_000, 4.0), ledger.is_killed(40_000, 6.0), ledger.is_killed(40_001, 4.0)]
    assert found == [True, False, False]
