"""The replayer: asks recorded reads of another build, a few at a time, and compares with what was recorded."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from secrets import token_bytes
from time import time

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from strangler.core import compare
from strangler.core.comparison import Result
from strangler.core.findings import Findings
from strangler.core.grouping import GroupKey
from strangler.core.offer import READS, Answer, Drop, Fields, Offer
from strangler.core.recording import Recording
from strangler.core.replaying import asked, comparing, is_known_noise
from strangler.core.shadowing import Shadow
from strangler.errors import ShadowError
from strangler.shadow.asker import NO_AUTO, answered_within, read_body
from strangler.shadow.budget import Budget
from strangler.shadow.ledger import Ledger
from strangler.shadow.sending import text_of, url_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked, and how."""

    base: str
    """`http://HOST:PORT`, or https, and a path that stands before every target, without a slash at its end."""
    headers: Fields = ()
    """An operator's own, in place of recorded ones of the same name."""
    timeout_s: float = 5.0
    """Precedent: core.shadowing.Shadow, and GoReplay `--output-http-timeout` 5 s."""
    at_once: int = 4
    """Because a build that is tried out may be a single process on somebody's machine."""


@dataclass(slots=True)
class Replay:
    """What came of it."""

    findings: Findings
    noise_only: int = 0
    """Of the different ones, those that differ only where the route is known to be noisy."""
    sides: Counter[str] = field(default_factory=Counter)
    """Whose answers were recorded."""
    first: float = 0.0
    last: float = 0.0
    """When the oldest and the latest of them were recorded."""
    unreached: str = ""
    """Why the build was not reached, the first time; empty if it always was."""


class Replayer:
    """Replays one route's recordings once."""

    def __init__(self, route: str, shadow: Shadow, target: Target, noisy: frozenset[GroupKey]) -> None:
        self._shadow = shadow
        self._target = target
        self._noisy = noisy
        self._budget = Budget()
        self._ledger = Ledger(route, time(), token_bytes(32))
        self._ledger.redact(shadow.redact)
        self._noise_only = 0
        self._unreached = ""

    async def run(self, recordings: Sequence[tuple[str, Recording]]) -> Replay:
        """Ask each of them, with its id, and return what was found."""
        waiting = iter(recordings)
        connector = aiohttp.TCPConnector(limit=self._target.at_once)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                requote_redirect_url=False,
            ) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(min(self._target.at_once, len(recordings))):
                # Because they share one iterator, each recording is asked by one of them.
                group.create_task(self._work(session, waiting), name=f"replay.{number}")
        whole = [recording for _, recording in recordings]
        return Replay(
            findings=self._ledger.findings(),
            noise_only=self._noise_only,
            sides=Counter(recording.side.value for recording in whole),
            first=min((recording.at for recording in whole), default=0.0),
            last=max((recording.at for recording in whole), default=0.0),
            unreached=self._unreached,
        )

    async def _work(self, session: aiohttp.ClientSession, waiting: Iterator[tuple[str, Recording]]) -> None:
        for name, recording in waiting:
            offer = asked(recording, name, self._target.headers)
            try:
                answer = await self._ask(session, offer)
            except ShadowError as error:
                self._ledger.drop(Drop(error.why), 1)
                if error.why == Drop.CONNECT:
                    self._unreached = self._unreached or _cause(error)
                continue
            try:
                self._hold_beside(offer, answer, recording)
            finally:
                self._budget.give(len(answer.body))

    def _hold_beside(self, offer: Offer, answer: Answer, recording: Recording) -> None:
        compared = compare.compare(offer.answer, answer, comparing(self._shadow, recording.taken_out))
        self._ledger.add(offer, answer, compared, None, time())
        if compared.result is Result.DIFFERENT and is_known_noise(compared, self._noisy):
            self._noise_only += 1

    async def _ask(self, session: aiohttp.ClientSession, offer: Offer) -> Answer:
        if offer.method not in READS or not offer.target.startswith(b"/"):
            # Because a store may hold what somebody put there, this is looked at where it is sent.
            raise ShadowError(Drop.FAILED, "only reads of this host are asked again")
        base = URL(self._target.base)
        async with (
            answered_within(self._target.timeout_s),
            session.request(
                offer.method.decode("ascii"),
                url_of(base.scheme, base.authority, base.raw_path.rstrip("/").encode() + offer.target),
                headers=_headers(offer),
                data=offer.body or None,
                skip_auto_headers=NO_AUTO,
                allow_redirects=False,
            ) as response,
        ):
            body = await read_body(response, self._shadow.max_body_bytes, self._budget)
            return Answer(status=response.status, headers=tuple(response.raw_headers), body=body)


def _cause(error: ShadowError) -> str:
    """Return why there is no connection, in the system's words where it has some."""
    cause = error.__cause__
    number = cause.os_error.errno if isinstance(cause, aiohttp.ClientConnectorError) else None
    return os.strerror(number) if number is not None and number > 0 else str(error)


def _headers(offer: Offer) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in offer.headers:
        headers.add(text_of(name), text_of(value))
    return headers
