"""Amounts as people write them: durations, sizes, shares and whole numbers."""

import re
from dataclasses import dataclass
from decimal import Decimal

from strangler.config.reading import show
from strangler.core.model import FULL_SHARE

MAX_DURATION_S = 86_400.0
"""A day: longer waits are a mistake in the unit."""

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_BYTES = {"": 1, "B": 1, "KiB": 1_024, "MiB": 1_048_576}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Why a text has no meaning, and what to write instead."""

    message: str
    remedy: str


def duration(text: str) -> float | Wrong:
    """Return seconds."""
    found = re.fullmatch(r"([0-9]{1,8}(?:\.[0-9]{1,3})?)(ms|s|m|h)", text)
    if found is None:
        if re.fullmatch(r"[0-9.]+", text):
            return Wrong(message=f"{show(text)} has no unit", remedy=f"Write `{text[:9]}s` or `{text[:9]}ms`")
        remedy = "Write a number and ms, s, m or h, such as `500ms` or `2s`"
        return Wrong(message=f"{show(text)} is not a duration", remedy=remedy)
    seconds = float(Decimal(found[1]) * _SECONDS[found[2]])
    if not 0 < seconds <= MAX_DURATION_S:
        return Wrong(message=f"{show(text)} is out of range", remedy="Write more than `0s` and at most `24h`")
    return seconds


def duration_or_off(text: str) -> float | Wrong:
    """Return seconds; 0 for `off`."""
    return 0.0 if text in ("off", "false") else duration(text)


def size_or_off(text: str) -> int | Wrong:
    """Return bytes; 0 for `off`."""
    if text in ("off", "false"):
        return 0
    found = size(text)
    return Wrong(message="nothing could be sent at all", remedy="Write `off` for no limit") if found == 0 else found


def size(text: str) -> int | Wrong:
    """Return bytes."""
    found = re.fullmatch(r"([0-9]{1,9})(B|KiB|MiB|)", text)
    if found is None:
        return Wrong(message=f"{show(text)} is not a size", remedy="Write bytes, KiB or MiB, such as `32KiB`")
    return int(found[1]) * _BYTES[found[2]]


def share(text: str) -> int | Wrong:
    """Return basis points."""
    found = re.fullmatch(r"([0-9]{1,4})(?:\.([0-9]{1,9}))?(%?)", text)
    if found is None:
        return Wrong(message=f"{show(text)} is not a share", remedy="Write a percentage, such as `25%` or `2.5%`")
    if not found[3]:
        return Wrong(message=f"{show(text)} has no unit", remedy=f"Write `{text}%`")
    fraction = (found[2] or "").rstrip("0")
    if len(fraction) > 2:
        return Wrong(message=f"{show(text)} is finer than 0.01 %", remedy="Write at most two decimals")
    points = int(found[1]) * 100 + int(fraction.ljust(2, "0"))
    if points > FULL_SHARE:
        return Wrong(message=f"{show(text)} is more than everything", remedy="Write at most `100%`")
    return points


def statuses(text: str) -> tuple[int, int] | Wrong:
    """Return the lowest and the highest status."""
    found = re.fullmatch(r"([0-9]{3})(?:-([0-9]{3}))?", text)
    if found is None or not 100 <= int(found[1]) <= int(found[2] or found[1]) <= 599:
        return Wrong(message=f"{show(text)} is not a range of statuses", remedy="Write `200` or `200-399`")
    return int(found[1]), int(found[2] or found[1])


def percent(points: int) -> str:
    """Return basis points as `share` reads them."""
    return f"{points // 100}.{points % 100:02}".rstrip("0").rstrip(".") + "%"


def seconds(amount: float) -> str:
    """Return seconds as `duration` reads them."""
    milliseconds = round(amount * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    if milliseconds % 3_600_000 == 0:
        return f"{milliseconds // 3_600_000}h"
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}".rstrip("0").rstrip(".") + "s"


def octets(amount: int) -> str:
    """Return bytes as `size` reads them."""
    for unit in ("MiB", "KiB"):
        if amount and amount % _BYTES[unit] == 0:
            return f"{amount // _BYTES[unit]}{unit}"
    return f"{amount}B"
