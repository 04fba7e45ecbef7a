"""Recordings, as control keeps them: told by the comparer, sealed, stored, and let go of when their time is over."""

import time
from collections.abc import Callable, Mapping

from strangler.control.recordingbook import RecordingBook, RecordingEntry
from strangler.control.recordingdesk import RecordingDesk
from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.model import Config
from strangler.core.shadowing import Record
from strangler.errors import LinkError
from strangler.runtime.findinglink import FromComparer, Remember, Salted
from strangler.runtime.link import Link
from strangler.shadow.recorder import Picked
from strangler.vault.vault import Vault


class Recordings:
    """Owns the recording book, and tells the comparer of what is in it."""

    def __init__(self, store: Store, vault: Vault, truth: Truth, *, now: Callable[[], float] = time.time) -> None:
        self._book = RecordingBook(store.recordings, vault)
        self._truth = truth
        self._now = now
        self._link: Link[FromComparer] | None = None
        self._is_salted = False
        self.desk = RecordingDesk(self._book, lambda: truth.config, on_forget=self._remember, now=now)
        """What operators see of it."""

    def start(self) -> None:
        """Take up what was kept, less what has been kept long enough."""
        self._book.start()
        self.expire()

    def attach(self, link: Link[FromComparer]) -> None:
        """Tell a comparer that has just started what is kept."""
        self._link, self._is_salted = link, False
        for route in self._book.routes():
            self._remember(route)
        self.follow()

    def detach(self) -> None:
        """Let go of a comparer that has ended."""
        self._link = None

    def follow(self) -> None:
        """Let the comparer record once a route wants it. Because the key file is made then, it is not before."""
        if self._link is None or self._is_salted or not any(_limits(self._truth.config).values()):
            return
        if (salt := self._book.salt()) is not None:
            self._link.send(Salted(salt=salt))
            self._is_salted = True

    def take(self, picked: Picked) -> None:
        """Seal and store what the comparer has picked."""
        route = picked.route
        if picked.skipped:
            self._book.skip(route, picked.skipped)
        if picked.epoch != self._book.epoch(route):
            # Because it was under way when the route's recordings were forgotten.
            return
        limits = _limits(self._truth.config).get(route)
        entries = []
        if picked.kept is not None and picked.recording is not None and limits is not None:
            entries.append(
                RecordingEntry(route=route, kept=picked.kept, recording=picked.recording, for_s=limits.for_s)
            )
        gone = [(route, which) for which in picked.gone]
        if (entries or gone) and not self._book.write(entries, gone):
            # Because the comparer would hold it for kept, and offer nothing in its place.
            self._remember(route)

    def expire(self) -> None:
        """Delete what has been kept long enough."""
        self._book.expire(self._now(), _limits(self._truth.config))

    def _remember(self, route: str) -> None:
        if self._link is None:
            return
        kept = tuple(row.kept for row in self._book.kept(route))
        try:
            self._link.send(Remember(route=route, epoch=self._book.epoch(route), kept=kept))
        except LinkError:
            # Because a thousand of them are a hundred kilobytes, this is a link that breaks anyway.
            return


def _limits(config: Config) -> Mapping[str, Record | None]:
    return {route.name: route.shadow.record for route in config.routes if route.shadow is not None}
