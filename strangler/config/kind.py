"""How a kind of value is made: a reader that tells its faults, and what an editor may check."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from strangler.config.nodes import Reading
from strangler.config.reading import At, nearest, show
from strangler.config.units import Wrong

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Schema = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[T_co]):
    """One kind of value; `read` returns None when it has noted a fault."""

    name: str
    read: Callable[[At], T_co | None]
    schema: Schema


def text_of(at: At) -> str | None:
    """Return text; a scalar that YAML takes for something else is a fault."""
    scalar = at.scalar()
    if scalar is None:
        return None
    if scalar.reading is not Reading.TEXT:
        remedy = f'Quote it: "{scalar.text[:40]}"'
        at.fault(f"YAML reads {show(scalar.text)} as a {scalar.reading}, and text is expected", remedy)
        return None
    return scalar.text


def whole(smallest: int, largest: int) -> Kind[int]:
    """Return the kind of whole numbers in a range."""

    def read(at: At) -> int | None:
        scalar = at.scalar()
        if scalar is None:
            return None
        if not re.fullmatch(r"0|[1-9][0-9]{0,9}", scalar.text) or scalar.reading is not Reading.INT:
            quoted = scalar.reading is Reading.TEXT and scalar.text.isdecimal()
            at.fault(
                f"{show(scalar.text)} is not a whole number",
                "Remove the quotes" if quoted else "Write digits",
            )
            return None
        number = int(scalar.text)
        if not smallest <= number <= largest:
            allowed = f"{smallest} to {largest}" if smallest < largest else f"{smallest}"
            at.fault(f"{number} is out of range", f"Write {allowed}")
            return None
        return number

    schema: Schema = {"type": "integer", "minimum": smallest, "maximum": largest}
    return Kind(name=f"number {smallest}-{largest}", read=read, schema=schema)


def amount(name: str, parse: Callable[[str], T | Wrong], schema: Schema) -> Kind[T]:
    """Return the kind of scalars that `parse` gives a meaning, whatever YAML takes them for."""

    def read(at: At) -> T | None:
        scalar = at.scalar()
        return None if scalar is None else settle(at, parse(scalar.text))

    return Kind(name=name, read=read, schema=schema)


def worded(name: str, parse: Callable[[str], T | Wrong], schema: Schema) -> Kind[T]:
    """Return the kind of texts that `parse` gives a meaning."""

    def read(at: At) -> T | None:
        text = text_of(at)
        return None if text is None else settle(at, parse(text))

    return Kind(name=name, read=read, schema=schema)


def pattern(name: str, regex: str, remedy: str) -> Kind[str]:
    """Return the kind of texts that match `regex` as a whole."""

    def read(at: At) -> str | None:
        text = text_of(at)
        if text is not None and not re.fullmatch(regex, text):
            at.fault(f"{show(text)} is not a {name}", remedy)
            return None
        return text

    return Kind(name=name, read=read, schema={"type": "string", "pattern": f"^{regex}$"})


def words(name: str, allowed: tuple[str, ...]) -> Kind[str]:
    """Return the kind of texts that are one of a few words."""

    def read(at: At) -> str | None:
        text = text_of(at)
        if text is not None and text not in allowed:
            at.fault(f"{show(text)} is not known here", lambda: nearest(text, allowed))
            return None
        return text

    return Kind(name=name, read=read, schema={"enum": list(allowed)})


def listed(name: str, kind: Kind[T], *, least: int = 1, most: int | None = None) -> Kind[tuple[T, ...]]:
    """Return the kind of lists of `least` (0 or 1) to `most` of a kind, none of them twice."""

    def read(at: At) -> tuple[T, ...] | None:
        before = at.report.count
        found: dict[T, None] = {}
        items = at.items(may_be_empty=least == 0)
        if most is not None and len(items) > most:
            at.fault(f"{len(items)} stand in the list", f"Write at most {most}")
        for item in items[:most]:
            value = kind.read(item)
            if value is not None and value in found:
                item.fault("this stands twice in the list", "Remove one of them")
            elif value is not None:
                found[value] = None
        return tuple(found) if at.report.count == before else None

    schema: Schema = {"type": "array", "items": kind.schema, "minItems": least}
    return Kind(name=name, read=read, schema=schema if most is None else {**schema, "maxItems": most})


def settle(at: At, result: T | Wrong) -> T | None:
    """Return a parsed value, or note why there is none."""
    if isinstance(result, Wrong):
        at.fault(result.message, result.remedy)
        return None
    return result
