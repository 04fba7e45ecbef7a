"""Kinds of values of a route's protection."""

import re
from decimal import Decimal

from strangler.config import sources, units
from strangler.config.kind import Kind, Schema, amount, listed, pattern, settle, worded, words
from strangler.config.nodes import Scalar
from strangler.config.reading import At, show
from strangler.config.units import Wrong
from strangler.core.model import Webhook
from strangler.core.rules import LongLived

LatencyLimit = tuple[float | None, float | None]
"""Seconds, and a multiple of the monolith's own quantile."""

EVENT_WORDS = ("trip", "cool", "probe", "close", "reset", "hold", "kill")
"""What webhooks can be told of (core.audit.Action)."""
LARGEST_MULTIPLE = 1_000.0
LONGEST_LIFETIME_S = 7 * 86_400
SHORTEST_LIFETIME_S = 60

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MULTIPLE = r"([0-9]{1,4}(?:\.[0-9]{1,3})?)x"
_STATUS = re.compile(r"([1-5])xx|([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")


def multiple(text: str) -> float | Wrong:
    """Return how many times something."""
    found = re.fullmatch(_MULTIPLE, text)
    if found is None:
        remedy = f"Write `{text[:8]}x`" if re.fullmatch(r"[0-9.]+", text) else "Write a multiple, such as `1.5x`"
        return Wrong(message=f"{show(text)} is not a multiple", remedy=remedy)
    times = float(Decimal(found[1]))
    if not 1.0 <= times <= LARGEST_MULTIPLE:
        return Wrong(message=f"{show(text)} is out of range", remedy="Write `1x` to `1000x`")
    return times


def statuses(text: str) -> tuple[int, int] | Wrong:
    """Return a range of statuses, both ends included."""
    found = _STATUS.fullmatch(text)
    remedy = "Write a class, a status or a range, such as `5xx`, `429` or `500-504`"
    if found is None:
        return Wrong(message=f"{show(text)} is not a status", remedy=remedy)
    if found[1]:
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    low, high = int(found[2]), int(found[3] or found[2])
    if high < low:
        return Wrong(message=f"{show(text)} ends before it begins", remedy=f"Write `{high}-{low}`")
    return low, high


def lifetime(text: str) -> int | Wrong:
    """Return seconds; longer than any other duration, hence with days."""
    found = re.fullmatch(r"([0-9]{1,7})([smhd])", text)
    if found is None:
        return Wrong(message=f"{show(text)} is not a lifetime", remedy="Write a number and s, m, h or d, such as `24h`")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if not SHORTEST_LIFETIME_S <= seconds <= LONGEST_LIFETIME_S:
        return Wrong(message=f"{show(text)} is out of range", remedy="Write `1m` to `7d`")
    return seconds


def _latency_limit(at: At) -> LatencyLimit | None:
    if not isinstance(at.node, Scalar):
        return _both(at)
    scalar = at.scalar()
    if scalar is None:
        return None
    text = scalar.text
    if text.endswith("x"):
        times = settle(at, multiple(text))
        return None if times is None else (None, times)
    seconds = settle(at, units.duration(text))
    return None if seconds is None else (seconds, None)


def _both(at: At) -> LatencyLimit | None:
    before = at.report.count
    limits = [found for item in at.items() if (found := _latency_limit(item)) is not None]
    if at.report.count > before:
        return None
    seconds = [limit[0] for limit in limits if limit[0] is not None]
    times = [limit[1] for limit in limits if limit[1] is not None]
    if len(seconds) > 1 or len(times) > 1:
        at.fault("two limits of one kind", "Write one duration and one multiple, such as `[800ms, 1.5x]`")
        return None
    return (seconds[0] if seconds else None, times[0] if times else None)


def _header_name(text: str) -> str | Wrong:
    if sources.TOKEN.fullmatch(text.lower()):
        return text.lower()
    return Wrong(message=f"{show(text)} cannot be the name of a header", remedy="Use letters, digits and - _ .")


def _status_item(at: At) -> tuple[int, int] | None:
    scalar = at.scalar()
    return None if scalar is None else settle(at, statuses(scalar.text))


_MULTIPLE_SCHEMA: Schema = {"type": "string", "pattern": rf"^{_MULTIPLE}$"}
MULTIPLE: Kind[float] = amount("multiple", multiple, _MULTIPLE_SCHEMA)
_LIMIT_SCHEMA: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|x)$"}
LATENCY_LIMIT: Kind[LatencyLimit] = Kind(
    name="duration, multiple, or both",
    read=_latency_limit,
    schema={"anyOf": [_LIMIT_SCHEMA, {"type": "array", "items": _LIMIT_SCHEMA, "minItems": 1, "maxItems": 2}]},
)
_STATUS_SCHEMA: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": r"^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$"},
    ]
}
FAILURES = listed("list of statuses", Kind(name="status", read=_status_item, schema=_STATUS_SCHEMA))
LONG_LIVED: Kind[str] = words("`close` or `stay`", tuple(LongLived))
TRIPPED: Kind[str] = words("`refuse` or `ask`", ("refuse", "ask"))
EVENTS = listed("list of events", words("event", EVENT_WORDS))
HEADER_NAME = worded("header", _header_name, {"type": "string"})
LIFETIME = worded("duration", lifetime, {"type": "string", "pattern": r"^[0-9]+[smhd]$"})
VARIABLE = pattern("name of a variable", r"[A-Z][A-Z0-9_]{0,63}", "Use A-Z, 0-9 and _, such as STRANGLER_PAGER_SECRET")

DEFAULT_EVENTS = Webhook(name="", url="").events
