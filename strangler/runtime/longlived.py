"""Long-lived: what is there once the process serves stays, and is not looked through again for what nobody needs."""

import gc


def settle() -> None:
    """Free what is left of the start, and leave all else out of later collections.

    Because a full collection stops every thread, and with thousands of routes it takes a tenth of a second each time;
    what a later routes file brings is looked through as before.
    """
    gc.collect()
    gc.freeze()
