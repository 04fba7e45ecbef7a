"""The divergence desk: writes that are not on both sides, as operators see, repair and settle them."""

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from strangler.config.changes import Change
from strangler.control.divergenceshown import Fields, raw, redacted, short
from strangler.control.divergencetable import MOST_BYTES, MOST_ROWS, DivergenceTable, Standing, Stored
from strangler.control.dryrun import Foreseen, Prepared, removed
from strangler.control.journal import Deed
from strangler.control.metrics import WriteReading
from strangler.control.status import DivergenceStatus
from strangler.core.audit import Action
from strangler.core.divergence import DOUBTS_PRIMARY, DivergenceKind, Listed, Verdict, Why, Write
from strangler.core.model import Config, Route, Side
from strangler.core.offer import MARK
from strangler.errors import StoreError, UsageError, VaultError
from strangler.vault.vault import Purpose, Vault

MOST_LISTED = 1_000
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 section 5.6.2."""
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", MARK.lower()})
_SIDES = {Side.LEGACY: "the monolith", Side.EXTRACTED: "the extracted side"}

LOG = logging.getLogger(__name__)


class DivergenceDesk:
    """Keeps what the comparer tells, and lets people mend it."""

    def __init__(
        self,
        table: DivergenceTable,
        vault: Vault,
        config: Callable[[], Config],
        *,
        is_killed: Callable[[], bool],
        repair: Callable[[str, Write, Fields], Awaitable[Verdict | None]],
        check_repair: Callable[[], None] = lambda: None,
        waiting: Callable[[], int | None] = lambda: 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`repair` sends a write once more and says why it was not carried out; raises UsageError if it cannot be.

        `check_repair` raises UsageError while nothing can be sent at all. `waiting` says how many writes wait to be
        sent on or listed; None if nobody knows just now.
        """
        self._table = table
        self._vault = vault
        self._config = config
        self._is_killed = is_killed
        self._repair = repair
        self._check_repair = check_repair
        self._waiting = waiting
        self._now = now
        self._carried_out: Counter[str] = Counter()
        self._diverged: Counter[tuple[str, str]] = Counter()
        self._standing = Standing(open=0, bytes=0, unlisted=0)
        self._busy: set[str] = set()
        self._looking = asyncio.Lock()
        self._is_full = False
        self.fault = ""
        """Why divergences cannot be kept; empty while they can."""

    def start(self) -> None:
        """Count what is kept."""
        try:
            self._standing = self._table.standing()
        except StoreError as error:
            self._fail(error)

    def count(self, carried_out: Mapping[str, int]) -> None:
        """Count writes that are on both sides."""
        self._carried_out.update(carried_out)

    def take(self, several: Sequence[Listed]) -> tuple[str, ...]:
        """Keep divergences, and return the ids of those that are kept now; what cannot be is told again."""
        try:
            added = self._table.add(several, now=self._now())
            self._standing = self._table.standing()
        except StoreError as error:
            self._fail(error)
            return ()
        self.fault = ""
        for one in added:
            self._diverged[one.route, one.kind.value] += 1
        if added:
            whys = Counter(f"{one.route}: {one.kind} ({one.why})" for one in added)
            fields = {"count": len(added), "first": added[0].id, "writes": dict(whys), "open": self._standing.open}
            LOG.warning("writes_diverged", extra={"fields": fields})
        self._watch_bounds()
        return tuple(one.id for one in several)

    def status(self) -> DivergenceStatus:
        """Return how many there are."""
        standing = self._standing
        return DivergenceStatus(
            open=standing.open,
            bytes=standing.bytes,
            unlisted=standing.unlisted,
            is_full=self._is_full,
            waiting=self._waiting(),
        )

    def reading(self) -> WriteReading:
        """Return what metrics say."""
        return WriteReading(
            carried_out=tuple(sorted(self._carried_out.items())),
            diverged=tuple((route, kind, count) for (route, kind), count in sorted(self._diverged.items())),
            open=self._standing.open,
            bytes=self._standing.bytes,
            unlisted=self._standing.unlisted,
        )

    def catalogue(self, *, route: str | None, after: str, limit: int) -> Mapping[str, Any]:
        """Return open ones, the oldest first. Raises UsageError and StoreError."""
        found = self._table.page(route=route, after=_cursor(after), limit=limit)
        last = found[-1].listed if len(found) == limit else None
        return {
            "open": self._standing.open,
            "unlisted": self._standing.unlisted,
            "waiting": self._waiting(),
            "next": None if last is None else f"{last.at!r},{last.id}",
            "divergences": [short(one) for one in found],
        }

    def routes(self) -> tuple[str, ...]:
        """Return every route that may be asked for, also those that left the file. Raises StoreError."""
        return tuple(sorted({*(route.name for route in self._config().routes), *self._table.routes()}))

    async def show(self, one: str) -> Mapping[str, Any] | None:
        """Return one, without what is secret in it; None if it is not open. Raises UsageError and StoreError."""
        found = self._table.find(one)
        if found is None:
            return None
        if not found.has_content:
            return {**short(found), "request": None}
        return {**short(found), "request": await self._shown(found, lambda: self._opened(found))}

    def reveal(self, one: str, why: str, *, who: str) -> Prepared | None:
        """Prepare to show one as it was sent, but for credentials; None if it is not open."""
        found = self._table.find(one)
        if found is None:
            return None
        write = self._opened(found)

        def carry_out() -> Mapping[str, Any]:
            self._table.record(self._deed(Action.REVEAL, found, why, who))
            return {**short(found), "request": raw(write)}

        # Because nobody is shown it who is not on the record, its answer stays untold.
        told = Foreseen(notes=("it would be shown as it was sent, and who looked goes on the audit log",))
        return Prepared(carry_out=carry_out, foresee=lambda: told)

    def settle(self, one: str, why: str, *, who: str) -> Prepared | None:
        """Prepare to take one off the list; None if it is not open. Raises UsageError and StoreError."""
        found = self._table.find(one)
        if found is None:
            return None
        self._refuse_busy(one)

        def carry_out() -> Mapping[str, Any]:
            self._table.settle(one, self._deed(Action.SETTLE, found, why, who, after="settled"))
            self._standing = self._table.standing()
            self._watch_bounds()
            return {"settled": one}

        return Prepared(
            carry_out=carry_out,
            foresee=lambda: Foreseen(answer={"settled": one}, changes=(self._gone(found),)),
        )

    def repair(
        self, one: str, why: str, *, who: str, is_carried_out: bool, headers: Sequence[tuple[str, str]]
    ) -> Prepared | None:
        """Prepare to send one to the side that lacks it, which says how that went; None if it is not open.

        `is_carried_out`: the operator knows that the side that was asked first has it. Raises UsageError if it cannot
        be sent, and StoreError.
        """
        found = self._table.find(one)
        if found is None:
            return None
        self._refuse_busy(one)
        listed = found.listed
        if listed.why in DOUBTS_PRIMARY and not is_carried_out:
            raise UsageError(
                f"nobody knows whether {_SIDES[listed.primary]} carried it out. Look there: if it did, repair with "
                "--carried-out; if it did not, settle it."
            )
        if listed.why is Why.NEITHER:
            raise UsageError("nobody knows it of either side. Look at both, repair it by hand, then settle it.")
        if self._is_killed() and listed.primary is Side.LEGACY:
            raise UsageError("the kill switch is on: nothing is sent to the extracted side. Release it first.")
        write = self._opened(found)
        if not write.has_body:
            raise UsageError("its body was not kept, so it cannot be sent again. Repair it by hand, then settle it.")
        fields = _given(headers)
        self._check_repair()

        async def carry_out() -> Mapping[str, Any]:
            self._busy.add(one)
            try:
                verdict = await self._repair(one, write, fields)
                return self._repaired(found, verdict, why, who)
            finally:
                self._busy.discard(one)

        return Prepared(carry_out=carry_out, foresee=lambda: self._sent(found, write, fields))

    # --- inside

    async def _shown(self, found: Stored, write: Callable[[], Write]) -> Mapping[str, Any]:
        route = self._route(found)
        # Because looking for secrets takes long, it is done beside the loop, one after the other: threads are few.
        async with self._looking:
            return await asyncio.to_thread(lambda: redacted(write(), route))

    async def _sent(self, found: Stored, write: Write, fields: Fields) -> Foreseen:
        """Return what a repair would send, of what must not be shown how much."""
        shown, lacking = await self._shown(found, lambda: write), short(found)["lacking_on"]
        with_ = f", with {len(fields)} headers of its own" if fields else ""
        return Foreseen(
            changes=(self._gone(found),),
            notes=(
                f"{found.listed.method} {shown['target']}, {len(write.body)} bytes, would be sent once more to the "
                f"{lacking} side{with_}",
                "it stays listed unless that side carries it out",
            ),
        )

    def _gone(self, found: Stored) -> Change:
        listed = found.listed
        return removed("divergence", listed.id, route=listed.route, why=listed.why.value)

    def _route(self, found: Stored) -> Route | None:
        return next((one for one in self._config().routes if one.name == found.listed.route), None)

    def _repaired(self, found: Stored, verdict: Verdict | None, why: str, who: str) -> Mapping[str, Any]:
        listed = found.listed
        if verdict is None:
            self._table.settle(listed.id, self._deed(Action.REPAIR, found, why, who, after="carried_out"))
        else:
            kept = verdict
            if listed.kind is DivergenceKind.UNKNOWN and verdict.kind is DivergenceKind.NOT_SENT:
                # Because the former try may have been carried out all the same.
                kept = Verdict(why=listed.why, status=listed.status)
            self._table.change(listed.id, kept, self._deed(Action.REPAIR, found, why, who, after=f"{verdict.why}"))
        self._standing = self._table.standing()
        self._watch_bounds()
        return {
            "id": listed.id,
            "is_carried_out": verdict is None,
            "why": None if verdict is None else verdict.why.value,
            "status": 0 if verdict is None else verdict.status,
        }

    def _refuse_busy(self, one: str) -> None:
        if one in self._busy:
            raise UsageError("it is being repaired just now.")

    def _opened(self, found: Stored) -> Write:
        if not found.has_content:
            raise UsageError("there was no room to keep its content. Repair it by hand, then settle it.")
        listed = found.listed
        try:
            return msgspec.msgpack.decode(
                self._vault.open(listed.sealed, purpose=Purpose.DIVERGENCE, name=listed.id), type=Write
            )
        except VaultError as error:
            raise UsageError(str(error)) from error

    def _deed(self, what: Action, found: Stored, why: str, who: str, *, after: str | None = None) -> Deed:
        listed = found.listed
        evidence = {**short(found), "at": listed.at}
        return Deed(
            at=self._now(),
            who=who,
            what=what,
            subject=listed.route,
            why=why.strip(),
            before=msgspec.json.encode(listed.why.value).decode(),
            after=None if after is None else msgspec.json.encode(after).decode(),
            evidence=msgspec.json.encode(evidence).decode(),
        )

    def _watch_bounds(self) -> None:
        """Tell, once, that there is no room for what is needed to repair, or for any more at all."""
        standing = self._standing
        is_full = standing.open >= MOST_ROWS or standing.bytes >= MOST_BYTES * 0.9
        if is_full and not self._is_full:
            LOG.error("divergences_full", extra={"fields": {"open": standing.open, "bytes": standing.bytes}})
        self._is_full = is_full

    def _fail(self, error: StoreError) -> None:
        if str(error) != self.fault:
            LOG.error("divergences_not_stored", extra={"fields": {"why": str(error)}})
        self.fault = str(error)


def _given(headers: Sequence[tuple[str, str]]) -> Fields:
    """Return header fields as they are sent; raises UsageError, which shows none of them, for what must not be."""
    for name, value in headers:
        if not _NAME.fullmatch(name) or not value.isprintable():
            raise UsageError("one of the headers is no `Name: value`.")
        if name.lower() in _OURS:
            raise UsageError(f"{name} says where and how a request is sent, which the routes file and its body say.")
    return [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers]


def _cursor(after: str) -> tuple[float, str]:
    if not after:
        return (0.0, "")
    at, _, one = after.partition(",")
    try:
        return (float(at), one)
    except ValueError as error:
        raise UsageError("`after` is what `next` of the page before says.") from error
