"""The keys of the admin port beyond its address: TLS, names, and a proxy that knows its users."""

from strangler.config import kinds
from strangler.config.forms import Key, Section
from strangler.config.keys_listener import TLS

IDENTITY = Section(
    name="admin_access.identity",
    about="An authenticating proxy in front, whose word about its users is believed.",
    keys=(
        Key(
            name="header",
            takes=kinds.HEADER_NAME,
            about="The header in which it names the user; it must drop what clients send there.",
            required="header: X-Forwarded-User",
        ),
        Key(
            name="trusted",
            takes=kinds.NETWORKS,
            about="Its networks; from all others the header means nothing.",
            required="trusted: [10.0.0.0/8]",
        ),
        Key(name="operators", takes=kinds.USERS, about="Users who may change everything.", default="none"),
        Key(
            name="viewers",
            takes=kinds.USERS,
            about="Users who may read everything; `*` is all of them.",
            default="none",
        ),
    ),
)

ADMIN_ACCESS = Section(
    name="admin_access",
    about="Who may reach the admin port, and how. Read at the start.",
    keys=(
        Key(name="tls", takes=TLS, about="TLS for operators.", default="none"),
        Key(
            name="allow_plain",
            takes=kinds.BOOLEAN,
            about="Whether `admin` may be an address that other machines reach without TLS.",
            default="false",
        ),
        Key(
            name="hosts",
            takes=kinds.HOST_NAMES,
            about="Names that the Host header may have beside the address and this machine's own.",
            default="none",
        ),
        Key(name="identity", takes=IDENTITY, about=IDENTITY.about, default="none"),
    ),
)
