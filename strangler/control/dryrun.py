"""Dry runs: what a change would do, by the same checks that it is made by, while nothing is changed.

Each operation that changes something gives a `Prepared`: everything is checked, nothing is done. The binding then has
it carried out or, with `?dry_run=true`, asks what it would come to. So nothing is changed that has no dry run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from strangler.config.changes import Change, ChangeKind, Field
from strangler.core.model import Config
from strangler.core.shares import Overrides
from strangler.flags.data import FlagData

Told = TypeVar("Told")


class DryRunQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a change is only tried."""

    dry_run: bool = False
    """Check everything, say what would change, and change nothing; the body may leave its `reason` out."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A route of which the extracted side would answer another part."""

    route: str
    before_bp: int | None
    """The part that it answers now, in basis points; None if it is not one number for everybody."""
    after_bp: int | None
    per_minute: float | None
    """Requests a minute over the last five minutes; None while none was counted."""
    extracted_before: float | None
    """Of these, what the extracted side answers by its part now."""
    extracted_after: float | None


class DryRun(msgspec.Struct, Generic[Told], frozen=True, kw_only=True):
    """What a change would do; nothing was changed."""

    dry_run: Annotated[bool, msgspec.Meta(extra_json_schema={"const": True})]
    """True: nothing was changed, put on the audit log or told to anybody."""
    changes: tuple[Change, ...]
    """What would be otherwise; nothing if all is like this already."""
    moved: tuple[Moved, ...]
    notes: tuple[str, ...]
    """What else is worth knowing before it is done."""
    diff: tuple[str, ...]
    """Of a text that would be written, as `diff -u` shows it."""
    answer: Told | None
    """What the change would answer; null where that is not known beforehand, or is a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What would be served by; None for what stays as it is."""

    config: Config | None = None
    flags: FlagData | None = None
    overrides: Overrides | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a change would come to."""

    answer: Any = None
    """Of the operation's kind; None where it is not known beforehand, or is a secret."""
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()
    served: Served | None = None
    """None if nothing that is served would be otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A change that is checked and not made."""

    carry_out: Callable[[], Any]
    """Make it, and give what a handler gives, or what is awaited for that."""
    foresee: Callable[[], Foreseen | Awaitable[Foreseen]]
    """Say what it would come to. Changes nothing, and shows nothing that is only shown on the record."""

    async def foreseen(self) -> Foreseen:
        """Return what it would come to."""
        found = self.foresee()
        return await found if isinstance(found, Awaitable) else found


def changed(what: str, name: str, **fields: tuple[Any, Any]) -> tuple[Change, ...]:
    """Return what becomes of one thing, by each field's value before and after; nothing if all are the same."""
    found = tuple(
        Field(name=field, before=_text(before), after=_text(after))
        for field, (before, after) in fields.items()
        if before != after
    )
    return (Change(what=what, name=name, kind=ChangeKind.CHANGED, fields=found),) if found else ()


def added(what: str, name: str, **fields: Any) -> Change:
    """Return what comes to be."""
    found = tuple(Field(name=field, before="", after=_text(value)) for field, value in fields.items())
    return Change(what=what, name=name, kind=ChangeKind.ADDED, fields=found)


def removed(what: str, name: str, **fields: Any) -> Change:
    """Return what would be gone."""
    found = tuple(Field(name=field, before=_text(value), after="") for field, value in fields.items())
    return Change(what=what, name=name, kind=ChangeKind.REMOVED, fields=found)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
