"""The keys of an upstream, and of how long the proxy waits on it."""

from strangler.config import kinds
from strangler.config.forms import Key, OrOff, Section

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

HEALTH = Section(
    name="upstreams.NAME.health",
    about="How each address is asked whether it can serve; the worker sends it nothing while it cannot.",
    keys=(
        Key(name="path", takes=kinds.PATH, about="What is asked with GET.", required="path: /healthz"),
        Key(name="interval", takes=kinds.DURATION, about="Between two checks of an address.", default="5s"),
        Key(name="timeout", takes=kinds.DURATION, about="For one check; at most `interval`.", default="1s"),
        Key(name="healthy_after", takes=kinds.TRIES, about="Good checks in a row.", default="2"),
        Key(name="unhealthy_after", takes=kinds.TRIES, about="Bad checks in a row.", default="3"),
        Key(name="expect", takes=kinds.STATUSES, about="The statuses of a good check.", default="200-399"),
    ),
)

EJECTION = Section(
    name="upstreams.NAME.ejection",
    about="When an address that fails is left out for a while; each worker judges for itself.",
    keys=(
        Key(
            name="consecutive_failures",
            takes=kinds.TRIES,
            about="Answers with 5xx, and failures to connect or to answer, in a row.",
            default="5",
        ),
        Key(name="base", takes=kinds.DURATION, about="How long; times the number of ejections so far.", default="30s"),
        Key(name="max", takes=kinds.DURATION, about="The longest; at least `base`.", default="300s"),
        Key(
            name="max_percent",
            takes=kinds.SHARE,
            about="Most addresses left out at a time; one always may, but never the last.",
            default="10%",
        ),
    ),
)

UPSTREAM_TLS = Section(
    name="upstreams.NAME.tls",
    about="For https:// addresses: whom to trust, and who we are.",
    keys=(
        Key(
            name="ca",
            takes=kinds.TEXT,
            about="PEM file of the authorities to trust, in place of the system's.",
            default="the system's",
        ),
        Key(
            name="server_name",
            takes=kinds.HOST,
            about="The name for SNI and in the certificate.",
            default="the URL's host",
        ),
        Key(name="cert", takes=kinds.TEXT, about="PEM file of our certificate, with its chain.", default="none"),
        Key(name="key", takes=kinds.TEXT, about="PEM file of its private key, not encrypted.", default="none"),
        Key(
            name="verify",
            takes=kinds.BOOLEAN,
            about="`false` believes anybody who answers; it is warned about.",
            default="true",
        ),
    ),
    rules={"dependentRequired": {"cert": ["key"], "key": ["cert"]}},
)

UPSTREAM = Section(
    name="upstreams.NAME",
    about="One application that can answer.",
    keys=(
        Key(name="url", takes=kinds.URL, about="Its address, http:// or https:// with host and port."),
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
        Key(
            name="max_pending",
            takes=kinds.COUNT_OR_NONE,
            about="Requests per worker that wait for a connection; beyond it the answer is 503.",
            default="1024",
        ),
        Key(name="resolve", takes=kinds.DURATION, about="How often a host's name is looked up again.", default="5s"),
        Key(name="health", takes=HEALTH, about=HEALTH.about),
        Key(name="ejection", takes=OrOff(section=EJECTION), about=EJECTION.about),
        Key(name="tls", takes=UPSTREAM_TLS, about=UPSTREAM_TLS.about),
    ),
    rules={"oneOf": [{"required": ["url"]}, {"required": ["urls"]}]},
)
