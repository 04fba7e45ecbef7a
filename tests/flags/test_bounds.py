"""No data set is so deep or so large that a worker cannot read it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ldclient.versioned_data_kind import FEATURES

from strangler.core.decide import Reason
from strangler.errors import FlagError
from strangler.flags import bounds
from strangler.flags.bounds import MAX_DEPTH, is_too_deep
from strangler.flags.data import FlagData
from strangler.flags.edit import TurnOn
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.evaluator import Evaluator
from strangler.flags.feature_store import ReceivedStore
from tests.support.flags import Problems, Told, json_values, percent_flag


def nested(levels: int) -> Any:
    value: Any = 0
    for level in range(levels):
        value = [value] if level % 2 else {"inner": value}
    return value


def depth_of(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)


@given(value=json_values, limit=st.integers(0, 5))
@example(value=nested(3), limit=3)
@example(value=nested(4), limit=3)
@example(value=[0, [0], [[[]]]], limit=3)
def test_a_value_is_too_deep_when_it_has_more_levels_than_the_limit(value: Any, limit: int) -> None:
    assert is_too_deep(value, limit) is (depth_of(value) > limit)


def test_a_value_of_any_depth_costs_no_recursion() -> None:
    assert is_too_deep(nested(100_000))
    assert not is_too_deep(nested(MAX_DEPTH))


def test_a_flag_of_the_services_that_is_too_deep_is_invalid_and_the_others_are_served() -> None:
    store = ReceivedStore(lambda: None)
    deep = {**percent_flag("deep", 10_000), "extra": nested(900)}
    store.init({FEATURES: {"deep": deep, "sound": percent_flag("sound", 10_000)}})

    document = store.document()

    assert document is not None
    assert not is_too_deep(json.loads(document))
    flags = Evaluator(on_problem=Problems()).apply(FlagData(version=1, ready=True, document=document))
    assert flags.evaluate("deep", "u", ()).reason is Reason.FLAG_INVALID
    assert flags.evaluate("sound", "u", ()).value is True


class Table:
    """A store that counts what it is asked to keep."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def flags(self) -> dict[str, dict[str, Any]]:
        return {}

    def write_flag(self, flag: dict[str, Any], *, by: str, what: str, at: float) -> None:
        self.written.append(flag["key"])

    def delete_flag(self, key: str, *, by: str, what: str, at: float) -> None:
        """Nothing is counted."""


def test_a_change_that_makes_all_flags_too_large_is_refused_before_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    table, told = Table(), Told()
    source = EmbeddedSource(table, told)
    source.start()
    source.write("first", TurnOn(), by="ann")
    kept = source.data()
    # Because 16 MiB of flags take long to make, the limit comes down to them.
    monkeypatch.setattr(bounds, "MAX_DOCUMENT_BYTES", len(kept.document) + 10)

    with pytest.raises(FlagError, match="the limit is"):
        source.write("second", TurnOn(), by="ann")

    assert table.written == ["first"]
    assert source.data() is kept
