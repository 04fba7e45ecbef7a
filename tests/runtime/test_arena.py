"""The arena: places that never overlap, and are whole again once all are given back."""

import os

from hypothesis import given
from hypothesis import strategies as st

from strangler.runtime.arena import Arena, Place

SIZE = 64 * 1_024


def test_what_is_written_is_read_by_its_place_and_no_more_than_its_room_is_taken() -> None:
    arena = Arena(SIZE)
    first, second = arena.take(5), arena.take(SIZE - 4_096)
    assert first is not None
    assert second is not None

    written = [first.write(b"he"), first.write(b"llo"), second.write(b"x" * (SIZE - 4_096)), second.write(b"y")]

    assert written == [True, True, True, False]
    assert os.pread(arena.fd, first.size, first.at) == b"hello"
    assert os.pread(arena.fd, 3, second.at) == b"xxx"
    assert arena.take(1) is None
    arena.hide()


@given(st.lists(st.tuples(st.integers(1, SIZE // 2), st.integers(0, 5)), max_size=40))
def test_places_never_overlap_and_nothing_is_lost(steps: list[tuple[int, int]]) -> None:
    arena = Arena(SIZE)
    held: list[tuple[Place, bytes]] = []
    for number, (size, freed) in enumerate(steps):
        if (place := arena.take(size)) is not None:
            said = bytes([number]) * size
            assert place.write(said)
            held.append((place, said))
        if freed < len(held):
            held.pop(freed)[0].release()
        assert [os.pread(arena.fd, taken.size, taken.at) for taken, _ in held] == [said for _, said in held]

    for place, _ in held:
        place.release()
        place.release()

    whole = arena.take(SIZE)
    assert whole is not None
    assert whole.at == 0
    arena.hide()
