"""Lanes: order where a name is shared, and nobody waits for anybody else."""

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.lanes import Lanes

NAMES = st.frozensets(st.sampled_from("abcd"), max_size=3)


@given(items=st.lists(NAMES, max_size=12), data=st.data())
def test_what_shares_a_name_goes_in_its_order_and_everything_goes(
    items: list[frozenset[str]], data: st.DataObject
) -> None:
    lanes: Lanes[int] = Lanes()
    added, started, under_way, ended = 0, list[int](), list[int](), set[int]()
    while len(ended) < len(items):
        if added < len(items) and (not under_way or data.draw(st.booleans())):
            lanes.add(added, items[added])
            added += 1
        else:
            over = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            ended.add(over)
            lanes.done(over)
        while (item := lanes.take()) is not None:
            started.append(item)
            under_way.append(item)
        for item in under_way:
            assert not any(items[item] & items[before] for before in set(range(item)) - ended)
    assert sorted(started) == list(range(len(items)))
    assert len(lanes) == 0


@given(items=st.lists(NAMES, max_size=12))
def test_what_has_nothing_before_it_goes_at_once(items: list[frozenset[str]]) -> None:
    lanes: Lanes[int] = Lanes()
    for item, names in enumerate(items):
        lanes.add(item, names)

    taken = set()
    while (item_taken := lanes.take()) is not None:
        taken.add(item_taken)

    assert taken == {i for i, names in enumerate(items) if not any(names & before for before in items[:i])}
