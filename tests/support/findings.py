"""Findings as a comparer sends them."""

from strangler.core.findings import Example, Findings, Group
from strangler.core.noise import Nature

EXAMPLE = Example(
    at=1_800_000_000.0,
    request_id="id-1",
    method="GET",
    path="/api/x",
    primary="12.5",
    shadow="12.50",
)
AMOUNT = Group(
    place="$.items[*].amount",
    kind="value",
    count=12,
    raw_only=9,
    noise_only=1,
    p=0.0107421875,
    nature=Nature.REGRESSION,
    first=1_800_000_000.0,
    last=1_800_000_060.0,
    examples=(EXAMPLE,),
)
CLOCK = Group(
    place="$.now",
    kind="value",
    count=40,
    noise_only=38,
    nature=Nature.NOISE,
    first=1_800_000_000.0,
    last=1_800_000_061.0,
)
PAY = Findings(
    route="pay",
    since=1_799_999_000.0,
    last=1_800_000_061.0,
    equal=2_940,
    ignored=10,
    different=50,
    not_comparable=3,
    asked_twice=60,
    no_answer={"legacy": {"connect": 1}},
    dropped={"timeout": 2, "queue_full": 10},
    obstacles={"encoding": 3},
    groups=(AMOUNT, CLOCK),
    uncounted=4,
)
"""Its groups are not in the order in which they are shown."""
