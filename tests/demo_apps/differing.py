"""Differences between two JSON values, as a comparison would tell them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One place at which two values differ; the path names no indexes, so that a list is one place."""

    path: str
    monolith: object
    service: object


ABSENT = "(absent)"


def differences(monolith: Any, service: Any, path: str = "$") -> list[Difference]:
    """Return every difference; a list of other elements in another order is one."""
    if isinstance(monolith, dict) and isinstance(service, dict):
        return [
            found
            for name in sorted(monolith.keys() | service.keys())
            for found in differences(monolith.get(name, ABSENT), service.get(name, ABSENT), f"{path}.{name}")
        ]
    if isinstance(monolith, list) and isinstance(service, list) and any(isinstance(item, dict) for item in monolith):
        if len(monolith) != len(service):
            return [Difference(path, len(monolith), len(service))]
        pairs = zip(monolith, service, strict=True)
        return [found for one, other in pairs for found in differences(one, other, f"{path}[*]")]
    if type(monolith) is type(service) and monolith == service:
        return []
    return [Difference(path, monolith, service)]
