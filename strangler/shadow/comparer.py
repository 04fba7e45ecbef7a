"""The comparer: takes offers, asks the other side the same, compares, and keeps what it finds."""

import logging
from collections.abc import Iterable
from pathlib import Path
from secrets import token_bytes
from time import time
from traceback import extract_tb

from strangler.core import compare
from strangler.core.compared import digest_of
from strangler.core.comparison import Comparison, Obstacle, Result
from strangler.core.findings import Findings
from strangler.core.migration import settings
from strangler.core.model import Config, Route, Side
from strangler.core.offer import NO_ANSWER, Answer, Drop, Offer, is_sampled
from strangler.core.pathrules import comparing_of
from strangler.core.shadowing import Shadow, ShadowMode
from strangler.errors import ShadowError
from strangler.shadow.asker import Asker
from strangler.shadow.budget import Budget, size_of
from strangler.shadow.credentials import known
from strangler.shadow.ledger import Ledger
from strangler.shadow.queue import Queue
from strangler.shadow.recorder import Recorder

MOST_AT_ONCE = 32
"""Offers that are asked at a time; the shadowed side never sees more of us than this."""
_NOISE = "noise."
"""Put before a route's name, so that the sample that is asked twice is another one than the sample that is asked."""

_MOST_FAULTS = 100
"""Faults that are told apart; beyond them they are counted alone."""

_TOO_LARGE = Comparison(result=Result.NOT_COMPARABLE, obstacle=Obstacle.TOO_LARGE)

LOG = logging.getLogger(__name__)


class Comparer:
    """Owns the queue, the clients and the findings of all routes."""

    def __init__(self) -> None:
        self.budget = Budget()
        self.recorder = Recorder()
        self._queue = Queue(self.budget)
        self._asker = Asker(self.budget)
        self._routes: dict[str, Route] = {}
        self._rules: dict[str, Shadow] = {}
        self._how: dict[str, compare.Comparing] = {}
        self._what: dict[str, str] = {}
        """What is compared of each route (core.compared)."""
        self._ledgers: dict[str, Ledger] = {}
        self._salt = token_bytes(32)
        self._busy = 0
        self._faults: set[tuple[str, str]] = set()
        """Those that were logged: of which route, and what failed where."""

    def apply(self, config: Config) -> None:
        """Ask and compare by this configuration from now on."""
        found = ((route, settings(route, config.shadow)) for route in config.routes)
        asking = [(route, rules) for route, rules in found if rules is not None]
        self._routes = {route.name: route for route, _ in asking}
        self._rules = {route.name: rules for route, rules in asking}
        # Because routes that leave it to the stage have the same, it is compiled once.
        compiled = {id(rules): comparing_of(rules) for rules in {id(rules): rules for _, rules in asking}.values()}
        self._how = {name: compiled[id(rules)] for name, rules in self._rules.items()}
        upstreams = {upstream.name: upstream for upstream in config.upstreams}
        self._what = {route.name: digest_of(route, rules, upstreams) for route, rules in asking}
        for name, rules in self._rules.items():
            self._begin_anew(name)
            if name in self._ledgers or rules.mode is not ShadowMode.STAGE:
                self._ledger(name).redact(rules.redact)
        self.recorder.apply(self._routes.values(), time())
        asked = {name for route in self._routes.values() for name in (route.legacy, route.extracted)}
        self._asker.apply(upstream for upstream in config.upstreams if upstream.name in asked)

    def avoid(self, unhealthy: Iterable[tuple[str, str]]) -> None:
        """Ask none of these from now on, by upstream and address."""
        self._asker.avoid(unhealthy)

    def recall(self, kept: Findings) -> None:
        """Go on from what was found of a route before."""
        self._ledger(kept.route).recall(kept)

    def forget(self, route: str) -> None:
        """Begin anew with a route."""
        if self._ledgers.pop(route, None) is not None and route in self._rules:
            self._ledger(route)

    def offer(self, offer: Offer) -> None:
        """Take an offer, if there is room."""
        if offer.route in self._routes and not self._queue.put(offer):
            self.drop(offer.route, Drop.QUEUE_FULL)

    def drop(self, route: str, why: Drop, count: int = 1) -> None:
        """Count requests that were to be shadowed and were not; of a route that is not shadowed any more, nothing."""
        if route in self._routes:
            self._ledger(route).drop(why, count)

    def news(self) -> tuple[Findings, ...]:
        """Return the findings of each route that has any since the last call."""
        return tuple(ledger.findings() for ledger in self._ledgers.values() if ledger.take_news())

    def gauges(self) -> dict[str, int]:
        """Return how many of each bounded thing there are now."""
        return {
            "shadow_waiting": len(self._queue),
            "shadow_asking": self._busy,
            "shadow_bytes": self.budget.held,
            "shadow_recording_bytes": self.recorder.held,
            "shadow_breakers_open": len(self._asker.resting()),
        }

    def resting(self) -> tuple[str, ...]:
        """Return the upstreams that are left alone just now."""
        return self._asker.resting()

    def is_behind(self) -> bool:
        """Return whether what waits is enough."""
        return self._queue.is_behind()

    async def work(self) -> None:
        """Ask and compare one offer after the other, for ever; MOST_AT_ONCE of these run side by side."""
        while True:
            offer = await self._queue.take()
            self._busy += 1
            try:
                await self._handle(offer)
            except ShadowError as error:
                self.drop(offer.route, Drop(error.why))
                # Because what the answering side said is no worse for it.
                self._record(offer, "")
            except MemoryError:
                self.drop(offer.route, Drop.BUDGET)
            except Exception as error:  # noqa: BLE001 -- because it is logged, but for what it says
                # Because one request that nobody foresaw must not end what all others, and writes, depend on.
                self.drop(offer.route, Drop.FAULT)
                self._log_fault(offer.route, error)
            finally:
                self._busy -= 1
                self.budget.give(size_of(offer))

    async def close(self) -> None:
        """End all connections."""
        await self._asker.close()

    # --- inside

    def _log_fault(self, route: str, error: Exception) -> None:
        """Log what failed and where, once; not what the error says, because that may have a value in it."""
        frame = extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {frame.name}, {Path(frame.filename).name}:{frame.lineno}"
        if (route, where) not in self._faults and len(self._faults) < _MOST_FAULTS:
            self._faults.add((route, where))
            LOG.error("shadow_fault", extra={"fields": {"route": route, "fault": where}})

    async def _handle(self, offer: Offer) -> None:
        route = self._routes.get(offer.route)
        rules = self._rules.get(offer.route)
        if route is None or rules is None or route.extracted is None:
            # Because shadowing may have been switched off while the offer waited.
            return
        own, other = (
            (route.legacy, route.extracted) if offer.primary is Side.LEGACY else (route.extracted, route.legacy)
        )
        what = self._what[route.name]
        again: Answer | None = None
        try:
            shadow = await self._asker.ask(other, offer, route, rules)
        except ShadowError as error:
            if Drop(error.why) not in NO_ANSWER or self._is_outdated(route, rules, what):
                raise
            side = Side.EXTRACTED if offer.primary is Side.LEGACY else Side.LEGACY
            self._ledger(route.name).miss(side, Drop(error.why), time())
            # Because what the answering side said is no worse for it.
            self._record(offer, "")
            return
        try:
            if self._is_outdated(route, rules, what):
                return
            if is_sampled(_NOISE + route.name, offer.request_id, rules.noise):
                again = await self._ask_again(own, offer, route, rules)
                if self._is_outdated(route, rules, what):
                    return
            # Because comparing holds the loop, nothing else of the size of a body is made meanwhile.
            compared = self._compared(offer, shadow, again, self._how[route.name])
            self._record(offer, compared.result.value)
        finally:
            self.budget.give(len(shadow.body) + (0 if again is None else len(again.body)))

    def _record(self, offer: Offer, result: str) -> None:
        """Keep an offer to be asked again, if there is memory for it; what came of it is counted already."""
        try:
            self.recorder.take(offer, result, time())
        except MemoryError:
            LOG.warning("shadow_not_recorded", extra={"fields": {"route": offer.route}})

    def _compared(self, offer: Offer, shadow: Answer, again: Answer | None, how: compare.Comparing) -> Comparison:
        """Return what comes of two answers, once the ledger has it."""
        ledger = self._ledger(offer.route)
        try:
            compared = compare.compare(offer.answer, shadow, how)
            noise = None if again is None else compare.compare(offer.answer, again, how)
            ledger.add(offer, shadow, compared, noise, time(), known(self._rules[offer.route]))
            return compared
        except MemoryError:
            LOG.warning("shadow_too_large", extra={"fields": {"route": offer.route}})
        # Not before what was read has gone with its error.
        ledger.add(offer, shadow, _TOO_LARGE, None, time(), known(self._rules[offer.route]))
        return _TOO_LARGE

    def _is_outdated(self, route: Route, rules: Shadow, what: str) -> bool:
        """Return whether the file says something else of a route by now; what was asked before tells nothing of it."""
        name = route.name
        return self._routes.get(name) != route or self._rules.get(name) != rules or self._what.get(name) != what

    def _begin_anew(self, route: str) -> None:
        """Forget what was found of a route if something else is compared now: it says nothing of that."""
        ledger, what = self._ledgers.get(route), self._what[route]
        if ledger is None or ledger.compares in ("", what):
            # Because findings of an earlier version do not say; they are taken as these.
            if ledger is not None:
                ledger.compares = what
            return
        former = self._ledgers.pop(route).findings()
        LOG.warning(
            "findings_begun_anew",
            extra={"fields": {"route": route, "since": former.since, "compared": former.compared}},
        )
        self._ledger(route)

    async def _ask_again(self, upstream: str, offer: Offer, route: Route, rules: Shadow) -> Answer | None:
        try:
            return await self._asker.ask(upstream, offer, route, rules, is_again=True)
        except ShadowError:
            # Because the comparison itself can be made, it is, without knowing the noise.
            return None

    def _ledger(self, route: str) -> Ledger:
        ledger = self._ledgers.get(route)
        if ledger is None:
            ledger = self._ledgers[route] = Ledger(route, time(), self._salt, self._what.get(route, ""))
            if (rules := self._rules.get(route)) is not None:
                ledger.redact(rules.redact)
        return ledger
