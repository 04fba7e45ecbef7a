"""Operations: everything that the admin API offers, as values, from which its routes, its roles and its document come.

A subject's module gives its operations (`guardapi.operations(desk)`); `control.api` puts all of them into one table,
which `control.binding` serves and `control.openapi` describes. So nothing is served that is not described and allowed.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Annotated, Any

import msgspec
from aiohttp import web

from strangler.control.dryrun import Prepared
from strangler.errors import Fault

MAX_BODY_BYTES = 64 * 1024
"""A flag with a thousand targets fits."""
MAX_REASON = 1_000

Why = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON, pattern=r"\S")]
"""A reason as an operator gives it."""


class Role(IntEnum):
    """What somebody may do; each may do all that those before it may."""

    NOBODY = 0
    """Whoever reaches the port."""
    VIEWER = 1
    """Read everything, change nothing."""
    OPERATOR = 2

    @property
    def word(self) -> str:
        """The role as people write it."""
        return self.name.lower()


class Way(StrEnum):
    """How somebody was known. A closed set."""

    NONE = "none"
    FILE = "admin token"
    """The token in the state directory's file: whoever may read that is this machine's operator."""
    TOKEN = "token"  # noqa: S105 (a word)
    SESSION = "session"
    PROXY = "identity header"


class Flaw(StrEnum):
    """What is wrong with the token that somebody gave, as a problem's title. A closed set."""

    WRONG = "wrong_token"
    """It is none of this proxy's."""
    EXPIRED = "expired_token"
    REVOKED = "revoked_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a token opens nothing."""

    flaw: Flaw
    detail: str
    """For whoever holds it: nobody else is told anything but that it is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    name: str
    """As the audit log has it."""
    role: Role
    way: Way
    refusal: Refusal | None = None
    """Why it is nobody, if a token was given."""


NOBODY = Caller(name="", role=Role.NOBODY, way=Way.NONE)


class WithReason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a change that needs to be told nothing but why."""

    reason: Why


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    """The kind of problem, a word for machines."""
    status: int
    detail: str
    """What is wrong and how to mend it, for people."""
    faults: tuple[Fault, ...] = ()
    """422: all that is wrong with a routes file."""
    nearest: tuple[str, ...] = ()
    """Names like the one that there is not."""
    given: str | None = None
    """412: the entity tag that the change was meant for."""
    current: str | None = None
    """412 and 428: the entity tag of what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to an operation, read and allowed."""

    request: web.Request
    caller: Caller
    body: Any
    """Of the operation's kind; None if it takes none."""
    query: Any
    """Of the operation's kind; None if it takes none."""

    def part(self, name: str) -> str:
        """Return what stands in the path for `{name}`."""
        return self.request.match_info[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose status or headers are not the operation's usual ones."""

    value: Any
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be seen or done."""

    method: str
    path: str
    """A template such as `/api/v1/flags/{key}`."""
    name: str
    """Unique; what a generated client calls it."""
    summary: str
    role: Role
    answer: Any
    """The kind of what is answered in JSON; None where it is not JSON."""
    handler: Callable[[Call], Any] | None = None
    """Gives a value of the kind `answer`, an `Answer`, or a response as aiohttp has it; or what is awaited for one."""
    change: Callable[[Call], Prepared | Awaitable[Prepared]] | None = None
    """In place of a handler, of what changes something: checks it, and gives what is then carried out or foreseen. Such
    an operation needs `If-Match`, and its body has a `reason`."""
    no_dry_run: str = ""
    """Of what is no GET and has a handler: why there is no dry run of it."""
    body: Any = None
    """The kind of what it takes in JSON."""
    query: Any = None
    """A struct with a field for each parameter."""
    status: int = 200
    also: tuple[int, ...] = ()
    """Other statuses that carry the same answer."""
    problems: tuple[int, ...] = ()
    """Statuses of problems beyond those that every operation of its form may have."""
    content_type: str = "application/json"
    max_body_bytes: int = MAX_BODY_BYTES

    def __post_init__(self) -> None:
        assert (self.handler is None) != (self.change is None), self.name
        assert bool(self.no_dry_run) == (self.method != "GET" and self.change is None), self.name

    @property
    def changes(self) -> bool:
        """Whether it changes something that others rely on."""
        return self.change is not None

    @property
    def tag(self) -> str:
        """The subject: the path's first word that says something."""
        words = [word for word in self.path.split("/") if word not in ("", "api", "v1")]
        return words[0] if words else "page"
