"""The recording desk: what operators are shown of recordings, never their content, and how they have them deleted."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from strangler.control.dryrun import Foreseen, Prepared, changed
from strangler.control.journal import Deed
from strangler.control.metrics import RecordingReading
from strangler.control.recordingbook import RecordingBook
from strangler.core.audit import Action
from strangler.core.model import Config
from strangler.core.shadowing import Record


class RecordingDesk:
    """Shows every route that records, or of which there are recordings; and forgets."""

    def __init__(
        self,
        book: RecordingBook,
        config: Callable[[], Config],
        *,
        on_forget: Callable[[str], None] = lambda _route: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._config = config
        self._on_forget = on_forget
        self._now = now

    def catalogue(self) -> Mapping[str, Any]:
        """Return every route in short, by name."""
        limits = self._limits()
        names = sorted({*self._book.routes(), *(name for name, record in limits.items() if record is not None)})
        return {"fault": self._book.fault, "routes": [self._short(name, limits.get(name)) for name in names]}

    def show(self, name: str) -> Mapping[str, Any] | None:
        """Return one route in short; None if it does not record and nothing is kept of it."""
        return next((one for one in self.catalogue()["routes"] if one["route"] == name), None)

    def forget(self, name: str, why: str, *, who: str) -> Prepared | None:
        """Prepare to delete a route's recordings; None as in `show`. It raises StoreError."""
        shown = self.show(name)
        if shown is None:
            return None
        gone = {"recordings": shown["count"], "bytes": shown["bytes"]}
        answer = {"forgotten": shown["count"], "route": name}

        def carry_out() -> Mapping[str, Any]:
            before = msgspec.json.encode(gone).decode()
            deed = Deed(at=self._now(), who=who, what=Action.FORGET, subject=name, why=why.strip(), before=before)
            self._book.forget(name, deed)
            self._on_forget(name)
            return answer

        def foresee() -> Foreseen:
            changes = changed("recordings", name, **{field: (value, 0) for field, value in gone.items()})
            return Foreseen(answer=answer, changes=changes)

        return Prepared(carry_out=carry_out, foresee=foresee)

    def readings(self) -> tuple[RecordingReading, ...]:
        """Return what metrics say of every route."""
        return tuple(
            RecordingReading(
                route=one["route"],
                count=one["count"],
                size=one["bytes"],
                skipped=tuple(sorted(one["not_recorded"].items())),
            )
            for one in self.catalogue()["routes"]
        )

    def _limits(self) -> Mapping[str, Record | None]:
        return {route.name: route.shadow.record for route in self._config().routes if route.shadow is not None}

    def _short(self, name: str, record: Record | None) -> Mapping[str, Any]:
        rows = self._book.kept(name)
        return {
            "route": name,
            "keep": None if record is None else record.keep,
            "for_s": None if record is None else record.for_s,
            "most_bytes": None if record is None else record.most_bytes,
            "count": len(rows),
            "bytes": sum(row.kept.size for row in rows),
            "kinds": len({row.kept.shape for row in rows}),
            "first": rows[0].kept.at if rows else None,
            "last": rows[-1].kept.at if rows else None,
            "not_recorded": dict(self._book.skipped(name)),
        }
