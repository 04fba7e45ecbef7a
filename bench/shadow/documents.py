"""Documents: comparing two answers of 1 MiB beside parsing both with the standard library, in CPU time."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.errors import BenchError
from bench.figures import Spread, spread
from bench.shadow.sides import document
from strangler.core.compare import Comparing, compare
from strangler.core.comparison import Result
from strangler.core.offer import Answer
from strangler.core.pathrules import rule_of
from strangler.core.shadowing import PathRule, RuleKind

SIZE_BYTES = 1_048_576
TARGET = 3.0
"""What comparing may take, as a multiple of parsing both."""
_JSON = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two texts, the rules, and what is to come out."""

    name: str
    one: bytes
    other: bytes
    rules: tuple[PathRule, ...] = ()
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a case took."""

    name: str
    parsing_ms: float
    comparing_ms: float
    ratio: Spread


def cases(size: int = SIZE_BYTES) -> Iterator[Case]:
    """Yield each case; equal documents differ in their white space, or nothing had to be read."""
    one = document(size)
    text = json.dumps(one).encode()
    yield Case(name="the same bytes", one=text, other=text, result=Result.EQUAL)
    spaced = json.dumps(one, separators=(",", ":")).encode()
    yield Case(name="equal, other white space", one=text, other=spaced, result=Result.EQUAL)
    middle = len(one) // 2
    changed = [*one[:middle], {**one[middle], "total_cents": 1}, *one[middle + 1 :]]
    yield Case(name="one value differs", one=text, other=json.dumps(changed).encode(), result=Result.DIFFERENT)
    noisy = [
        {**record, "status": str(record["status"]).upper(), "total_cents": float(str(record["total_cents"])), "rate": 0}
        for record in one
    ]
    rules = (
        PathRule(kind=RuleKind.LOWER, path="$[*].status"),
        PathRule(kind=RuleKind.NUMERIC, path="$[*].total_cents"),
        PathRule(kind=RuleKind.IGNORE, path="$[*].rate"),
    )
    yield Case(
        name="all ignored by three rules",
        one=text,
        other=json.dumps(noisy).encode(),
        rules=rules,
        result=Result.IGNORED,
    )
    yield Case(
        name="reversed, unordered",
        one=text,
        other=json.dumps(one[::-1]).encode(),
        rules=(PathRule(kind=RuleKind.UNORDERED, path="$"),),
        result=Result.IGNORED,
    )


def measure(case: Case, *, rounds: int) -> Compared:
    """Time a case; raises BenchError if the comparison says something else than it must."""
    how = Comparing(rules=tuple(map(rule_of, case.rules)))
    one = Answer(status=200, headers=_JSON, body=case.one)
    other = Answer(status=200, headers=_JSON, body=case.other)
    found = compare(one, other, how).result
    if found is not case.result:
        raise BenchError(f"{case.name}: is {found}, and should be {case.result}")
    pairs = [
        (_took_s(lambda: (json.loads(case.one), json.loads(case.other))), _took_s(lambda: compare(one, other, how)))
        for _ in range(rounds)
    ]
    return Compared(
        name=case.name,
        parsing_ms=spread([parsing for parsing, _ in pairs]).median * 1000,
        comparing_ms=spread([comparing for _, comparing in pairs]).median * 1000,
        ratio=spread([comparing / parsing for parsing, comparing in pairs]),
    )


def _took_s(work: Callable[[], object]) -> float:
    before = time.thread_time()
    # Because what was made is let go of in the same time.
    work()
    return time.thread_time() - before
