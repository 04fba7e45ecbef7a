"""Flags in memory, in the place of the state store's table."""

from typing import Any

from strangler.errors import StoreError


class Table:
    """Flags in memory, or a disk that is full."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.who: list[str] = []
        self.deleted: list[tuple[str, str, str]] = []
        self.is_full = False

    def flags(self) -> dict[str, dict[str, Any]]:
        return {}

    def write_flag(self, flag: dict[str, Any], *, by: str, what: str, at: float) -> None:
        if self.is_full:
            raise StoreError("cannot write /secret/place")
        self.written.append(flag)
        self.who.append(by)

    def delete_flag(self, key: str, *, by: str, what: str, at: float) -> None:
        self.deleted.append((key, by, what))
