"""What is there at the start is not looked through again by each full collection."""

import gc

from strangler.runtime import longlived


def test_of_what_is_there_at_the_start_later_collections_see_nothing() -> None:
    before = len(gc.get_objects())

    longlived.settle()
    try:
        after = len(gc.get_objects())
    finally:
        gc.unfreeze()

    assert after < before / 10
