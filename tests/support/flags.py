"""Flags for tests: documents, what a source told, and waiting for it with a deadline."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from strangler.core.decide import Reason
from strangler.flags.data import FlagData

DEADLINE_S = 10.0
"""Far beyond any promise, so that only a failure takes this long."""

Item = dict[str, Any]


def percent_flag(key: str, share_bp: int, *, version: int = 1, **fields: Any) -> Item:
    """Return a boolean flag with a percentage, written by hand and not by the code under test."""
    return {
        "key": key,
        "version": version,
        "on": True,
        "salt": f"{key}-salt",
        "variations": [False, True],
        "offVariation": 0,
        "fallthrough": {
            "rollout": {
                "contextKind": "user",
                "variations": [
                    {"variation": 0, "weight": 100_000 - share_bp * 10},
                    {"variation": 1, "weight": share_bp * 10},
                ],
            }
        },
        **fields,
    }


def flag_data(*flags: Item, segments: Sequence[Item] = (), version: int = 1) -> FlagData:
    """Return a ready data set of these flags."""
    document = {
        "flags": {flag["key"]: flag for flag in flags},
        "segments": {segment["key"]: segment for segment in segments},
    }
    return FlagData(version=version, ready=True, document=json.dumps(document).encode())


def flags_of(data: FlagData) -> dict[str, Item]:
    """Return a data set's flags by key."""
    flags: dict[str, Item] = json.loads(data.document)["flags"]
    return flags


_NAMES = ["variation", "weight", "rollout", "variations", "clauses", "op", "values", "key", "attribute"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200_000) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner),
    max_leaves=8,
)
"""JSON that has the words of a flag in places of all kinds."""

_FIELDS = ["on", "version", "variations", "offVariation", "fallthrough", "rules", "targets", "salt", "prerequisites"]
broken_flags = st.dictionaries(st.sampled_from(_FIELDS), json_values, max_size=3).map(
    lambda changed: {**percent_flag("f", 0), **changed}
)
"""A sound flag with anything at all in up to three of its fields."""


class Told:
    """Takes what a source tells, and lets a test wait for the next."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[FlagData] = asyncio.Queue()

    def __call__(self, data: FlagData) -> None:
        self._queue.put_nowait(data)

    async def next(self) -> FlagData:
        """Return the next data set that was not waited for yet."""
        return await asyncio.wait_for(self._queue.get(), DEADLINE_S)

    def is_empty(self) -> bool:
        """Return whether nothing is left that was not waited for."""
        return self._queue.empty()


class Problems:
    """Takes what an evaluator complains of."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Reason]] = []

    def __call__(self, flag: str, reason: Reason) -> None:
        self.told.append((flag, reason))


async def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; fail if it does not in time."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  Because a status has no event to wait for.
            await asyncio.sleep(0.005)
