"""The configuration desk: the routes file as it is, what another text would mean, and writing it.

What is written is what the watch of the file then takes over, as after any editor: there is one way into what is
served.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from strangler.config import accepting, load
from strangler.config.changes import Change, changes
from strangler.config.document import undecodable
from strangler.config.masking import MARK, Masker
from strangler.config.remembering import Remembering
from strangler.config.replacing import check_replaceable
from strangler.config.warnings import warnings_of
from strangler.control.answers import ProblemError, missing, problem
from strangler.control.dryrun import Foreseen, Prepared, Served
from strangler.control.filechange import change, difference, digest_of
from strangler.control.journal import Journal
from strangler.control.status import ConfigStatus
from strangler.core.model import Config
from strangler.errors import ConfigError, Fault, UsageError

_UNDECODED = "\ufffd"
"""What is shown for bytes that are not UTF-8."""
TAKEN_S = 5.0
"""How long an answer waits for the file to be taken over; it takes a quarter of a second."""


class ConfigShown(msgspec.Struct, frozen=True, kw_only=True):
    """The routes file as it is on the disk, and whether that is what is served."""

    status: ConfigStatus
    path: str
    """Where it is on the proxy's machine, whole and without links."""
    text: str
    fault: str
    """Why the text is not what the file has, and so is not for editing; empty while it is. Bytes that are not UTF-8 are
    shown as U+FFFD."""
    is_masked: bool
    """Whether its secrets are masked, as for everybody but operators: `[masked 1]`, equal ones with equal numbers."""
    digest: str
    """Of the file itself; a proposal and a change give it back."""
    generation: int


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What a text would mean; nothing was applied."""

    is_valid: bool
    faults: tuple[Fault, ...]
    """In the order of the file; with one of them none of the rest is said."""
    warnings: tuple[str, ...]
    changes: tuple[Change, ...]
    """What would be otherwise than what is served: routes, upstreams and settings."""
    needs_restart: tuple[str, ...]
    """Settings that only a restart would take over."""
    diff: tuple[str, ...]
    """What differs from the file, as `diff -u` shows it."""
    digest: str
    """Of the file on the disk that this was compared with."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The routes file after a change."""

    status: ConfigStatus
    digest: str
    diff: tuple[str, ...]
    """Empty where it was like this before."""
    generation: int


class ConfigDesk:
    """Shows, tries and writes one routes file."""

    def __init__(
        self,
        path: Path,
        journal: Journal,
        read: Remembering,
        *,
        config: Callable[[], Config],
        adopt: Callable[[Config], Config],
        held: Callable[[Config], tuple[str, ...]],
        status: Callable[[], ConfigStatus],
        generation: Callable[[], int],
        wait_taken: Callable[[], Awaitable[None]],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`adopt` makes of a file what this process would serve of it, and raises UsageError if that is nothing;
        `held` names what only a restart would take over."""
        self._path = path
        self._journal = journal
        self._read = read
        self._config = config
        self._adopt = adopt
        self._held = held
        self._status = status
        self._generation = generation
        self._wait_taken = wait_taken
        self._now = now
        self._is_busy = False
        self._masking = asyncio.Lock()
        self._masked = ("", "")
        """A file's digest, and its text with its secrets masked."""

    async def show(self, *, is_whole: bool) -> ConfigShown:
        """Return the file as it is, with its secrets masked unless it `is_whole`. Raises ConfigError if it cannot be
        read."""
        data = load.read_file(self._path)
        digest = digest_of(data)
        text = data.decode("utf-8", "replace")
        if not is_whole:
            text = await self._masked_text(text, digest)
        return ConfigShown(
            status=self._status(),
            path=str(self._path.resolve()),
            text=text,
            fault=_undecodable(data),
            is_masked=not is_whole,
            digest=digest,
            generation=self._generation(),
        )

    async def propose(self, text: str) -> Proposed:
        """Return what a text would mean in the place of the file. Raises UsageError while another one is looked at."""
        with self._alone():
            return await asyncio.to_thread(self._proposed, text)

    async def write(self, text: str, *, digest: str, who: str, why: str) -> Prepared:
        """Prepare to put a text in the place of the file with this digest; it gives what was written.

        Raises ConfigError with all that is wrong with it, EditError if the file cannot be written, and UsageError. It
        raises EditError, UsageError, and StoreError if it cannot be recorded; then the file is as it was.
        """
        with self._alone():
            before = load.read_file(self._path)
            _check_digest(before, digest)
            _check_whole(text)
            _check_editable(before, text)
            after = text.encode("utf-8", "surrogatepass")
            # Because a large file takes long to parse, and this loop has guards to judge by.
            loaded = await asyncio.to_thread(self._read.parse, after, path=self._path)
            self._adopt(loaded)
            return await self._prepared(before, after, who=who, why=why)

    async def accept(self, route: str, path: str, *, who: str, why: str) -> Prepared:
        """Prepare to make a difference that is meant a rule of the route, in the file. Raises as `write` does."""
        known = [one.name for one in self._config().routes]
        if route not in known:
            raise missing("route", route, known, code="route_missing")
        with self._alone():
            before = load.read_file(self._path)
            after = await asyncio.to_thread(accepting.accept, before, route=route, path=path, file=self._path)
            return await self._prepared(before, before if after is None else after, who=who, why=why)

    async def _masked_text(self, text: str, digest: str) -> str:
        # Because a large file takes a second, it is masked once for all who look, beside the loop.
        async with self._masking:
            if self._masked[0] != digest:
                self._masked = digest, await asyncio.to_thread(Masker().mask, text)
            return self._masked[1]

    def _proposed(self, text: str) -> Proposed:
        before, after = load.read_file(self._path), text.encode("utf-8", "surrogatepass")
        served = self._config()
        faults: tuple[Fault, ...] = ()
        warnings: tuple[str, ...] = ()
        changed: tuple[Change, ...] = ()
        held: tuple[str, ...] = ()
        try:
            loaded = self._read.parse(after, path=self._path)
            warnings, changed = warnings_of(loaded), changes(served, self._adopt(loaded))
            held = self._held(loaded)
        except ConfigError as error:
            faults = error.faults
        except UsageError as error:
            faults = (_whole_file(self._path, str(error)),)
        return Proposed(
            is_valid=not faults,
            faults=faults,
            warnings=warnings,
            changes=changed,
            needs_restart=held,
            diff=self._diff(before, after),
            digest=digest_of(before),
        )

    async def _prepared(self, before: bytes, after: bytes, *, who: str, why: str) -> Prepared:
        diff = await asyncio.to_thread(self._diff, before, after)
        if diff:
            check_replaceable(self._path)

        async def foresee() -> Foreseen:
            with self._alone():
                return await asyncio.to_thread(self._foreseen, after, diff)

        async def carry_out() -> Written:
            with self._alone():
                return await self._replace(before, after, diff, who=who, why=why)

        return Prepared(carry_out=carry_out, foresee=foresee)

    def _foreseen(self, after: bytes, diff: tuple[str, ...]) -> Foreseen:
        loaded = self._read.parse(after, path=self._path)
        adopted = self._adopt(loaded)
        restarts = (f"{name} needs a restart" for name in self._held(loaded))
        return Foreseen(
            changes=changes(self._config(), adopted),
            notes=(*(f"warning: {warning}" for warning in warnings_of(loaded)), *restarts),
            diff=diff,
            served=Served(config=adopted),
        )

    async def _replace(self, before: bytes, after: bytes, diff: tuple[str, ...], *, who: str, why: str) -> Written:
        if before != after:
            masked = await asyncio.to_thread(self._diff, before, after, is_whole=False)
            change(
                self._journal, self._path, before=before, after=after, masked=masked, at=self._now(), who=who, why=why
            )
            # Because the file is written, whoever asked sees in the status if it is not served yet.
            with suppress(TimeoutError):
                async with asyncio.timeout(TAKEN_S):
                    await self._wait_taken()
        return Written(status=self._status(), digest=digest_of(after), diff=diff, generation=self._generation())

    def _diff(self, before: bytes, after: bytes, *, is_whole: bool = True) -> tuple[str, ...]:
        return difference(before, after, Path(self._path.name), is_whole=is_whole)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Look at one text at a time: each may take a second, and whoever types sends many."""
        if self._is_busy:
            raise UsageError("another routes file is being looked at; ask again in a moment.")
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False


def _check_digest(data: bytes, digest: str) -> None:
    current = digest_of(data)
    if digest != current:
        detail = "The routes file was changed since it was looked at. Look again, then change."
        raise ProblemError(problem(412, "precondition_failed", detail, given=digest, current=current))


def _check_whole(text: str) -> None:
    mark = MARK.search(text)
    if mark is not None:
        line = text.count("\n", 0, mark.start()) + 1
        raise UsageError(
            f"`{mark[0]}` in line {line} stands for a secret that viewers are not shown. Write the secret."
        )


def _check_editable(before: bytes, text: str) -> None:
    if _UNDECODED in text and (fault := _undecodable(before)):
        raise UsageError(f"{fault} What was shown in its place, U+FFFD, would be written.")


def _undecodable(data: bytes) -> str:
    offset = undecodable(data)
    if offset is None:
        return ""
    line = data.count(b"\n", 0, offset) + 1
    return (
        f"The routes file is not UTF-8: the byte 0x{data[offset]:02X} in line {line}, at offset {offset}. Save it as "
        "UTF-8 with the editor that it was written with, then change it."
    )


def _whole_file(path: Path, message: str) -> Fault:
    return Fault(file=str(path), line=1, column=1, where="document", message=message, remedy="")
