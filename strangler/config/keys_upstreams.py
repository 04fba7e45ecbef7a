"""The keys of an upstream, and of how long the proxy waits on it."""

from strangler.config import kinds
from strangler.config.forms import Key, Section

TIMEOUTS = Section(
    name="timeouts",
    about="How long the proxy waits on an upstream.",
    keys=(
        Key(name="connect", takes=kinds.DURATION, about="For a connection to be there.", default="2s"),
        Key(
            name="response",
            takes=kinds.DURATION,
            about="From the request being sent whole to the head of the answer.",
            default="30s",
        ),
        Key(
            name="idle",
            takes=kinds.DURATION,
            about="Between two pieces of a body, either way.",
            default="60s",
        ),
        Key(
            name="total",
            takes=kinds.DURATION_OR_OFF,
            about="From the head of the request to the end of the answer; cuts streams too.",
            default="off",
        ),
    ),
)

UPSTREAM = Section(
    name="upstreams.NAME",
    about="One application that can answer.",
    keys=(
        Key(name="url", takes=kinds.URL, about="Its address, http:// with host and port (80 if left out)."),
        Key(
            name="urls",
            takes=kinds.URLS,
            about="Several addresses of the same application, in place of `url`.",
        ),
        Key(
            name="default",
            takes=kinds.BOOLEAN,
            about="Marks the monolith, which gets whatever no route names. Exactly one upstream has it.",
            default="false",
        ),
        Key(
            name="max_connections",
            takes=kinds.COUNT,
            about="Open connections per worker, over all its addresses.",
            default="512",
        ),
        Key(
            name="max_idle",
            takes=kinds.COUNT_OR_NONE,
            about="Unused connections that a worker keeps open.",
            default="64",
        ),
    ),
    rules={"oneOf": [{"required": ["url"]}, {"required": ["urls"]}]},
)
