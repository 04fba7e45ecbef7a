"""The keys of the listener: how clients are met, and what they may do before they are refused."""

from strangler.config import kinds
from strangler.config.forms import Key, Many, Section

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
            name="handshake_timeout",
            takes=kinds.DURATION,
            about="For the PROXY header of a connection, and then for its TLS handshake.",
            default="10s",
        ),
        Key(
            name="connections",
            takes=kinds.COUNT,
            about="Open client connections per worker.",
            default="10240",
        ),
        Key(
            name="connections_per_address",
            takes=kinds.COUNT,
            about="Of them, from one address or one IPv6 /64; trusted proxies are not counted.",
            default="none",
        ),
    ),
)

_CERT = "PEM file of the certificate, then its intermediates; its path from the folder of the routes file."
_KEY = "PEM file of the private key, not encrypted; its path from the folder of the routes file."

PAIR = Section(
    name="tls.certs[]",
    about="A certificate and its key.",
    keys=(
        Key(name="cert", takes=kinds.TEXT, about=_CERT, required="cert: tls.crt"),
        Key(name="key", takes=kinds.TEXT, about=_KEY, required="key: tls.key"),
    ),
)

TLS = Section(
    name="tls",
    about="TLS for clients. Files are followed: a new certificate is served without a restart.",
    keys=(
        Key(name="cert", takes=kinds.TEXT, about=_CERT),
        Key(name="key", takes=kinds.TEXT, about=_KEY),
        Key(
            name="certs",
            takes=Many(section=PAIR),
            about="Several pairs, in place of `cert` and `key`; chosen by the name that the client asks for (SNI).",
        ),
        Key(
            name="min_version",
            takes=kinds.TLS_VERSION,
            about="The oldest version that is spoken.",
            default="1.2",
        ),
        Key(
            name="client_ca",
            takes=kinds.TEXT,
            about="PEM file of the CAs that every client needs a certificate of (mutual TLS).",
            default="none",
        ),
    ),
    rules={
        "oneOf": [{"required": ["cert", "key"]}, {"required": ["certs"]}],
        "dependentRequired": {"cert": ["key"], "key": ["cert"]},
    },
)
