"""The keys of the listener: what a client may do before it is refused."""

from strangler.config import kinds
from strangler.config.forms import Key, Section

LIMITS = Section(
    name="limits",
    about="What a client may send before it is refused.",
    keys=(
        Key(name="header_bytes", takes=kinds.SIZE, about="Request line and headers together.", default="32KiB"),
        Key(name="header_count", takes=kinds.COUNT, about="Header lines of a request.", default="100"),
        Key(name="target_bytes", takes=kinds.SIZE, about="The request's target.", default="8KiB"),
        Key(
            name="header_timeout",
            takes=kinds.DURATION,
            about="From the first byte of a request to the end of its headers.",
            default="10s",
        ),
        Key(name="idle_timeout", takes=kinds.DURATION, about="A connection without a request.", default="75s"),
        Key(
            name="body_timeout",
            takes=kinds.DURATION,
            about="Between two pieces of a request's body.",
            default="60s",
        ),
        Key(
            name="write_timeout",
            takes=kinds.DURATION,
            about="For a client to take more of its answer.",
            default="60s",
        ),
        Key(name="body_bytes", takes=kinds.SIZE_OR_OFF, about="A request's body.", default="off"),
        Key(
            name="connections",
            takes=kinds.COUNT,
            about="Open client connections per worker.",
            default="10240",
        ),
    ),
)
