"""Report: what was seen, as lines."""

from collections.abc import Iterator

from bench.figures import Spread
from bench.shadow import documents, paired, throughput
from bench.shadow.documents import Compared
from bench.shadow.paired import Memory, Paired
from bench.shadow.ranks import Estimate
from bench.shadow.throughput import Throughput
from strangler.proxy.capture import MOST_HELD
from strangler.runtime.arena import ARENA_BYTES
from strangler.runtime.offers import HIGH_WATER_BYTES
from strangler.shadow.budget import MOST_MEMORY

_MIB = 1_048_576
WORKER_MIB = (MOST_HELD + ARENA_BYTES + HIGH_WATER_BYTES) / _MIB
COMPARER_MIB = MOST_MEMORY / _MIB


def of_pairs(found: Paired) -> Iterator[str]:
    """Tell a case: each figure off and on, the ratios, memory and what became of the shadowed requests."""
    yield f"{found.case.name}:"
    for title, name, unit in (("p50", "p50_ms", "ms"), ("p99", "p99_ms", "ms"), ("worker's CPU", "cpu_us", "µs")):
        ratio = found.ratio(name)
        off, on = found.figures(name)
        told = "" if name == "cpu_us" else _judged(ratio, paired.TARGET)
        yield (
            f"  {title:<13}{off:>9.2f} off{on:>10.2f} on {unit}   on/off {_interval(ratio):<18} "
            f"off/off {_interval(found.floor(name)):<18} {told}"
        ).rstrip()
    yield f"  worker       {_memory(found.worker, WORKER_MIB)}"
    yield f"  comparer     {_memory(found.comparer, COMPARER_MIB)}"
    dropped = "".join(f", {count:,} dropped: {why}" for why, count in sorted(found.dropped.items()))
    yield f"  {found.compared:,} compared{dropped}"


def of_throughput(found: Throughput) -> Iterator[str]:
    """Tell the comparer's throughput."""
    yield (
        f"comparisons: {found.a_cpu_second:,.0f} a CPU second ({found.cpu_s * 1e6 / found.compared:,.0f} µs each)   "
        f"{_verdict(throughput.TARGET, found.a_cpu_second, throughput.TARGET)}"
    )
    yield (
        f"  {found.compared:,} of {found.requests:,} requests compared in {found.seconds:.1f} s: "
        f"{found.a_second:,.0f} a second of the clock"
    )


def of_documents(found: Compared) -> str:
    """Tell one pair of documents."""
    return (
        f"  {found.name:<34}{found.parsing_ms:>7.1f} ms{found.comparing_ms:>10.2f} ms{found.ratio:>8.2f}   "
        f"{_text(found.pairs):<20}{_verdict(found.ratio, documents.TARGET)}"
    )


def _memory(memory: Memory, budget: float) -> str:
    return (
        f"{memory.before:>10.1f} MiB, {memory.peak:.1f} at most: {memory.grown:.1f} more, "
        f"budget {budget:.0f} MiB   {_verdict(memory.grown, budget)}"
    )


def _verdict(value: float, most: float, shown: float | None = None) -> str:
    return f"target {'at least' if shown else 'at most'} {shown or most:g}: {'met' if value <= most else 'MISSED'}"


def _judged(ratio: Estimate, most: float) -> str:
    is_so = "met" if ratio.most <= most else "MISSED" if ratio.least > most else "not decided"
    return f"target at most {most:g}: {is_so}"


def _interval(value: Estimate) -> str:
    return f"{value.value:.2f} ({value.least:.2f}-{value.most:.2f})"


def _text(value: Spread) -> str:
    return f"{value.median:.2f} ({value.lowest:.2f}-{value.highest:.2f})"
