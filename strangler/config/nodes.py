"""What a YAML file says before it means anything: values, and the place of each of them."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in the file; both are counted from 1."""

    line: int
    column: int


class Reading(StrEnum):
    """What YAML 1.1 takes a plain scalar for; quoted ones are always text."""

    TEXT = "text"
    BOOL = "boolean"
    INT = "whole number"
    FLOAT = "number"
    NULL = "empty value"
    MERGE = "merge key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value as its author typed it."""

    place: Place
    text: str
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key, where it stands, and its value."""

    key: str
    place: Place
    value: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys and values in the file's order; every key is text and stands once."""

    place: Place
    entries: tuple[Entry, ...]
    is_cut: bool = False
    """Whether a key was left out, with a fault, because it is no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple["Node", ...]


Node = Scalar | Mapping | Sequence
