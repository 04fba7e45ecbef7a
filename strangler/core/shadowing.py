"""Shadowing: what a route says of asking the other side as well, as frozen values.

They cross process borders, where a union of kinds could not be told apart; so a rule is one flat value here, and
`core.pathrules` makes of it what compares.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

_VALUE = re.compile(r"[!-~](?:[ \t!-~]*[!-~])?")
"""A header's value that every server reads alike: RFC 9110 section 5.5, without bytes beyond ASCII."""
LONGEST_VALUE = 8_192
"""Characters of a header's value; servers refuse longer ones (nginx `large_client_header_buffers` 8 KiB)."""


class ShadowMode(StrEnum):
    """Which requests are asked of the other side as well."""

    SHADOW = "shadow"
    """Those that the monolith answers: before the switch (default)."""
    REVERSE = "reverse"
    """Those that the extracted side answers: after it."""
    BOTH = "both"
    STAGE = "stage"
    """Those that the stage of a migration flag says; such a flag's stage goes before every other mode but `off`."""
    OFF = "off"
    """None, whatever the stage says."""


class Credentials(StrEnum):
    """What becomes of a client's credentials (`core.secrets.is_credential`) when the other side is asked as well."""

    KEEP = "keep"
    """They are sent (default), because the answer depends on who asks."""
    REMOVE = "remove"


class Redirects(StrEnum):
    """What 300, 301 and 302 in answer to a write say. (303 says that it was carried out; 304, 307 and 308 do not.)"""

    IN_DOUBT = "in_doubt"
    """Nobody knows (default): frameworks give them after a success, and on the way to a sign-in page."""
    CARRIED_OUT = "carried_out"


class RuleKind(StrEnum):
    """What a rule by path says. Key in the routes file."""

    IGNORE = "ignore"
    UNORDERED = "unordered"
    ROUND = "round"
    NUMERIC = "numeric"
    WITHIN = "within"
    UUID = "uuid"
    LOWER = "lower"
    MAP = "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A header that the other side is sent in place of the client's credentials."""

    header: str
    """Lower case."""
    variable: str
    """The environment variable with its value; the value itself stands in no file and in no configuration."""


def fault_of_value(value: str | None) -> str:
    """Return why what a variable has cannot be a header's value, None standing for a variable that is not set; empty
    if it can. The value is not part of it."""
    if value is None:
        return "is not set"
    if not value:
        return "is empty"
    if len(value) > LONGEST_VALUE:
        return f"is longer than {LONGEST_VALUE} characters"
    return "" if _VALUE.fullmatch(value) else "is no value of a header: a blank at an end, a line break or no ASCII"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """One rule by path, flat: of the fields after `path`, only its kind's own says something."""

    kind: RuleKind
    path: str
    """As the file writes it; it can be parsed (core.jsonpath)."""
    by: str = ""
    """For `unordered`: the member that says which elements belong together; empty for none."""
    digits: int = 0
    """For `round`: decimals."""
    seconds: float = 0.0
    """For `within`."""
    pairs: tuple[tuple[str, str], ...] = ()
    """For `map`: JSON texts, each with the one that means the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How many reads of a route are kept, sealed, to be asked again."""

    keep: int = 200
    """Of as many kinds as there are. Because some of each of a few dozen kinds fit, and a build is asked in seconds."""
    most_bytes: int = 4 * 1_048_576
    """Of requests and answers. 20 KiB for each of 200."""
    for_s: float = 7 * 86_400.0
    """Precedent: Kafka's `log.retention.hours` 168, a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What is asked of the other side as well, and how the answers are compared; and whether writes go to both."""

    mode: ShadowMode = ShadowMode.SHADOW
    sample: int = 10_000
    """Basis points of the requests. Precedent: Gateway API's `HTTPRequestMirrorFilter`, 100 % if absent."""
    noise: int = 200
    """Basis points of those of which the answering side is asked a second time, to know what differs from itself.

    Diffy asks twice each time; where the monolith is the bottleneck, that is half of what it can do.
    """
    max_body_bytes: int = 1_048_576
    """Of a request's and of an answer's body; beyond it the client is served and nothing compared.

    Precedent: nginx `client_max_body_size` 1 MiB.
    """
    timeout_s: float = 5.0
    """Precedent: GoReplay `--output-http-timeout` 5 s."""
    credentials: Credentials = Credentials.KEEP
    """The second ask of the answering side keeps them whatever this says. Precedent: Envoy's and nginx's mirrors pass
    headers on as they are."""
    replacement: Replacement | None = None
    """What is sent in place of credentials that are removed."""
    headers: tuple[str, ...] = ("location", "content-type")
    """Those of an answer that are compared, lower case. Because every server has its own Date, Server and ids, they
    are chosen, not left out."""
    rules: tuple[PathRule, ...] = ()
    """What may differ without mattering; the defaults' before the route's own."""
    redact: tuple[str, ...] = ()
    """Paths whose values are never kept, as the file writes them; the defaults' before the route's own."""
    writes: bool = False
    """Whether the route declares that its writes may be carried out by both sides; no other word ever says so."""
    redirects: Redirects = Redirects.IN_DOUBT
    """Of writes; one route declares it, as it does `writes`."""
    record: Record | None = None
    """None: nothing is kept, because what clients ask and are answered is the most sensitive thing that there is."""
