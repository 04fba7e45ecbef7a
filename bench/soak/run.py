"""One run of the soak, from the start of everything to the verdict."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

from bench.children import free_ports
from bench.soak.clients import Clients
from bench.soak.ledger import Ledger
from bench.soak.origin import Origin
from bench.soak.proxy import Proxy, Weight
from bench.soak.schedule import Schedule

CONTROL_GROWTH_KIB = 16 * 1024
WORKER_GROWTH_KIB = 16 * 1024
"""Python's allocator keeps what it once had, and a worker's peak depends on what met in it; a leak of 1 KiB a request
is over this within seconds."""
DESCRIPTORS_GROWTH = 16
"""At rest: control has a link and a pidfd for each worker, a worker its idle upstream connections."""
_WARM_S = 0.25
"""Share of the run that comes before the first weighing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run found."""

    ledger: Ledger
    before: Weight
    after: Weight

    @property
    def growth(self) -> tuple[str, ...]:
        """Return what grew beyond its bound."""
        before, after = self.before, self.after
        bounds = {
            "control's memory": (after.control_kib - before.control_kib, CONTROL_GROWTH_KIB, "KiB"),
            "a worker's memory": (after.worker_kib - before.worker_kib, WORKER_GROWTH_KIB, "KiB"),
            "control's descriptors": (
                after.control_descriptors - before.control_descriptors,
                DESCRIPTORS_GROWTH,
                "descriptors",
            ),
        }
        return tuple(
            f"{name} grew by {grown} {unit}, more than {bound}"
            for name, (grown, bound, unit) in bounds.items()
            if grown > bound
        )

    @property
    def is_clean(self) -> bool:
        """Return whether nothing was lost, wrong or growing."""
        return not self.ledger.wrong and not self.growth


async def soak(folder: Path, *, seconds: float, seed: int) -> Result:
    """Run everything for so long and return what was found; on return nothing of it is left."""
    ledger = Ledger()
    dice = random.Random(seed)
    monolith, extracted, faulty = Origin("monolith"), Origin("extracted"), Origin("faulty", is_faulty=True)
    (refused,) = free_ports(1)
    for origin in (monolith, extracted, faulty):
        await origin.start()
    proxy = Proxy(folder)
    schedule = Schedule(proxy, ledger, monolith, extracted, faulty, refused, dice)
    try:
        await proxy.start(schedule.text())
        clients = Clients.of(proxy.port, ledger, (monolith, extracted), seed)
        async with asyncio.TaskGroup() as group:
            for client in clients.all():
                group.create_task(client())
            is_over = asyncio.Event()
            doing = group.create_task(schedule.run(is_over))
            await asyncio.sleep(seconds * _WARM_S)
            before = proxy.weigh()
            await asyncio.sleep(seconds * (1 - _WARM_S))
            is_over.set()
            await doing
            clients.is_over.set()
        await proxy.settle()
        after = proxy.weigh()
    finally:
        code = await proxy.stop()
        for origin in (monolith, extracted, faulty):
            await origin.stop()
    if code != 0:
        ledger.fault(f"the proxy ended with exit code {code}")
    _check_writes(ledger, clients, monolith, extracted)
    return Result(ledger=ledger, before=before, after=after)


def _check_writes(ledger: Ledger, clients: Clients, *origins: Origin) -> None:
    """Check that each write was carried out at most once, and each that was answered exactly once."""
    total = sum((origin.writes for origin in origins), start=type(origins[0].writes)())
    for token, count in total.items():
        if count > 1:
            ledger.fault(f"the write {token!r} was carried out {count} times")
    for token in clients.answered:
        if not total[token]:
            ledger.fault(f"the write {token!r} was answered and never carried out")
    for origin in origins:
        for fault in origin.faults:
            ledger.fault(fault)
