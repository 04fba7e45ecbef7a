"""What a table of keys is made of: sections, the keys in them, and what each key takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strangler.config.kind import Kind, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping with a closed set of keys."""

    name: str
    about: str
    keys: tuple["Key", ...]
    rules: Schema = field(default_factory=dict)
    """What JSON Schema can say beyond the keys."""
    by_name: Mapping[str, "Key"] = field(init=False, repr=False, compare=False)
    required: tuple["Key", ...] = field(init=False, repr=False, compare=False)
    """Those that must be there."""

    def __post_init__(self) -> None:
        """Find the keys once, because thousands of routes ask for each."""
        object.__setattr__(self, "by_name", {key.name: key for key in self.keys})
        object.__setattr__(self, "required", tuple(key for key in self.keys if key.required))

    def key(self, name: str) -> "Key":
        """Return the key of that name, which the section has."""
        return self.by_name[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """Sections of one form: a list of them, or each under a name."""

    section: Section
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrOff:
    """A section, or the word `off`, or another that is known here."""

    section: Section
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Two shares by side or upstream; read by the route, because only it knows the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The name of an upstream; read by the route, because only it knows the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: what it takes, what it means, and what is taken when it is not there."""

    name: str
    takes: Kind[Any] | Section | OrOff | Many | Split | Reference
    about: str
    default: str = ""
    """As the manual says it; empty when there is nothing to say."""
    required: str = ""
    """What to write at least, for a key that must be there."""
