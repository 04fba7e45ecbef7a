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
_PAIRS = 5
"""In each round; one takes a tenth of a second."""
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
    """The least of all pairs, as what others do to a machine only ever adds."""
    comparing_ms: float
    pairs: Spread
    """Comparing over parsing, within each pair."""

    @property
    def ratio(self) -> float:
        """Comparing over parsing."""
        return self.comparing_ms / self.parsing_ms


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
    text_of_numbers = text.replace(b'"rate": 1.25', b'"rate": 1.250')
    yield Case(name="equal, numbers written otherwise", one=text, other=text_of_numbers, result=Result.EQUAL)
    yield Case(
        name="reversed, unordered",
        one=text,
        other=json.dumps(one[::-1]).encode(),
        rules=(PathRule(kind=RuleKind.UNORDERED, path="$"),),
        result=Result.IGNORED,
    )
    yield Case(
        name="reversed by id, one ignored",
        one=text,
        other=json.dumps([{**record, "rate": 0} for record in one[::-1]]).encode(),
        rules=(
            PathRule(kind=RuleKind.UNORDERED, path="$", by="id"),
            PathRule(kind=RuleKind.IGNORE, path="$[*].rate"),
        ),
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
    took = [
        (_took_s(lambda: (json.loads(case.one), json.loads(case.other))), _took_s(lambda: compare(one, other, how)))
        for _ in range(rounds * _PAIRS)
    ]
    return Compared(
        name=case.name,
        parsing_ms=min(parsing for parsing, _ in took) * 1000,
        comparing_ms=min(comparing for _, comparing in took) * 1000,
        pairs=spread([comparing / parsing for parsing, comparing in took]),
    )


def _took_s(work: Callable[[], object]) -> float:
    before = time.thread_time()
    # Because what was made is let go of in the same time.
    work()
    return time.thread_time() - before
