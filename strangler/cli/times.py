"""Times as commands print them."""

import time


def date_text(seconds: float) -> str:
    """Return a time, given in seconds since the epoch, as people read it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
