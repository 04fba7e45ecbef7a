"""Asking the shadowed side: the same request, marked, over connections that no client's request ever rides."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Protocol

import aiohttp
from multidict import CIMultiDict

from strangler.config.tls import client_context
from strangler.core import breaker
from strangler.core.breaker import Breaker
from strangler.core.model import Address, HostRule, Route, Upstream
from strangler.core.offer import MARK, Answer, Drop, Fields, Offer
from strangler.core.shadowing import Credentials, Shadow
from strangler.errors import ShadowError
from strangler.shadow.budget import Budget
from strangler.shadow.credentials import is_left_out, own
from strangler.shadow.sending import text_of, url_of

MOST_CONNECTIONS = 64
"""To one upstream. Because a shadow may be as slow as it likes, this is what it may cost the shadowed side."""
_KEEP_S = 15.0
_CHUNK = 65_536
_OURS = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", MARK.lower().encode()})
UNABLE = frozenset({502, 503, 504})
"""Answers of a side that cannot serve just now, for the breaker. Precedent: Envoy's `consecutive_gateway_failure`.

A 500 is none: it may be what is wrong with one kind of request, and that is to be found.
"""
_NO_FAULT = frozenset({Drop.BODY_TOO_LARGE, Drop.BUDGET})
"""Drops of an answer that came."""
NO_AUTO = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

LOG = logging.getLogger(__name__)


class Asked(Protocol):
    """What is sent of a request, whatever else is known of it."""

    @property
    def host(self) -> bytes:
        """The Host as the client sent it."""

    @property
    def headers(self) -> Fields:
        """What the answering side was sent."""

    @property
    def request_id(self) -> bytes:
        """The id that both sides see."""

    @property
    def trace(self) -> bytes:
        """The trace that both sides are part of."""


@dataclass(slots=True)
class _Target:
    upstream: Upstream
    session: aiohttp.ClientSession
    turns: "count[int]"
    busy: int = 0
    """Requests under way."""
    is_retired: bool = False
    """Whether it is asked no more, and closed with its last request."""
    state: Breaker = field(default_factory=Breaker)

    def learn(self, fault: str) -> None:
        """Take how a request went: what is wrong with the side, empty if nothing is."""
        if not fault:
            self.state = breaker.succeeded(self.state)
            return
        before, self.state = self.state, breaker.failed(self.state, monotonic())
        if before.failures < breaker.FAILURES <= self.state.failures:
            LOG.warning("shadow_paused", extra={"fields": {"upstream": self.upstream.name, "why": fault}})


class Asker:
    """Holds one client for each upstream; an upstream that changed gets another one."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._targets: dict[str, _Target] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._unhealthy: frozenset[tuple[str, str]] = frozenset()

    def avoid(self, unhealthy: Iterable[tuple[str, str]]) -> None:
        """Ask none of these from now on, by upstream and address; what is written as a name is asked all the same."""
        self._unhealthy = frozenset(unhealthy)

    def apply(self, upstreams: Iterable[Upstream]) -> None:
        """Ask these upstreams from now on; one that is not what it was begins with no failure."""
        wanted = {upstream.name: upstream for upstream in upstreams}
        for name, target in tuple(self._targets.items()):
            if wanted.get(name) != target.upstream:
                del self._targets[name]
                # Because what is under way must not fail by our own doing.
                target.is_retired = True
                self._close_idle(target)
        for name, upstream in wanted.items():
            if name not in self._targets:
                self._targets[name] = _Target(upstream, _session(upstream), count())

    async def close(self) -> None:
        """End all connections."""
        for target in self._targets.values():
            await target.session.close()
        if self._closing:
            await asyncio.wait(tuple(self._closing))

    async def ask(self, name: str, offer: Offer, route: Route, rules: Shadow, *, is_again: bool = False) -> Answer:
        """Return what an upstream answers to an offered request; raises ShadowError with why there is no answer.

        `is_again`: it is the answering side, which is asked by the client itself, whatever the rule of credentials.

        Who gets an answer gives the bytes of its body back to the budget.
        """
        target = self._targets[name]
        # Before the breaker is asked, because a request that cannot be sent says nothing of the side.
        tls, address = target.upstream.tls, str(self._address(target))
        url = url_of("http" if tls is None else "https", address, offer.target)
        removes = rules.credentials is Credentials.REMOVE and not is_again
        headers = headers_of(offer, route, address, removes=removes)
        if removes:
            headers.update(own(rules))
        if not breaker.may_ask(target.state, monotonic()):
            raise ShadowError(Drop.BREAKER, f"{name} failed too often just now")
        target.state = breaker.asked(target.state)
        target.busy += 1
        try:
            async with (
                answered_within(rules.timeout_s),
                target.session.request(
                    offer.method.decode("ascii"),
                    url,
                    headers=headers,
                    data=offer.body or None,
                    skip_auto_headers=NO_AUTO,
                    allow_redirects=False,
                    server_hostname=(tls.server_name or None) if tls is not None else None,
                ) as response,
            ):
                body = await read_body(response, rules.max_body_bytes, self._budget)
        except ShadowError as error:
            target.learn("" if error.why in _NO_FAULT else str(error))
            raise
        except asyncio.CancelledError:
            target.state = Breaker()
            raise
        finally:
            target.busy -= 1
            self._close_idle(target)
        # It is compared all the same: the client got another answer.
        target.learn(f"it answers {response.status}" if response.status in UNABLE else "")
        return Answer(status=response.status, headers=tuple(response.raw_headers), body=body)

    def resting(self) -> tuple[str, ...]:
        """Return the upstreams that are left alone just now."""
        now = monotonic()
        return tuple(sorted(name for name, one in self._targets.items() if not breaker.may_ask(one.state, now)))

    def _address(self, target: _Target) -> Address:
        known = target.upstream.addresses
        well = [address for address in known if (target.upstream.name, str(address)) not in self._unhealthy]
        if not well:
            raise ShadowError(Drop.UNHEALTHY, f"no address of {target.upstream.name} is well")
        return well[next(target.turns) % len(well)]

    def _close_idle(self, target: _Target) -> None:
        if target.is_retired and not target.busy:
            task = asyncio.get_running_loop().create_task(target.session.close(), name=f"close {target.upstream.name}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


@asynccontextmanager
async def answered_within(timeout_s: float) -> AsyncIterator[None]:
    """Turn whatever keeps an answer from coming whole, and in time, into ShadowError."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise ShadowError(Drop.TIMEOUT, f"no answer within {timeout_s:g} s") from error
    except aiohttp.ClientConnectorError as error:
        raise ShadowError(Drop.CONNECT, str(error)) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Because its text may quote the target and the answer, the log gets its kind alone.
        raise ShadowError(Drop.FAILED, type(error).__name__) from error


async def read_body(response: aiohttp.ClientResponse, most_bytes: int, budget: Budget) -> bytes:
    """Return the body of an answer; raises ShadowError if it is too much. Who gets it gives its bytes back."""
    pieces, size = [], 0
    try:
        async for piece in response.content.iter_chunked(_CHUNK):
            if size + len(piece) > most_bytes:
                raise ShadowError(Drop.BODY_TOO_LARGE, f"the answer is over {most_bytes} bytes")
            if not budget.take(len(piece)):
                raise ShadowError(Drop.BUDGET, "too many bytes of bodies are kept just now")
            size += len(piece)
            pieces.append(piece)
    except BaseException:
        # Because the rest is not read, the connection is of no use any more.
        response.close()
        budget.give(size)
        raise
    return b"".join(pieces)


def headers_of(
    asked: "Asked", route: Route, address: str, *, left_out: bytes = b"", removes: bool = False
) -> CIMultiDict[str]:
    """Return what a side is sent, without the fields that are ours to make, this one, and credentials if told so.

    Raises ShadowError if it cannot be sent as it is.
    """
    headers: CIMultiDict[str] = CIMultiDict()
    match route.host:
        case HostRule.PRESERVE:
            headers["Host"] = text_of(asked.host) or address
        case HostRule.UPSTREAM:
            headers["Host"] = address
        case HostRule.LITERAL:
            headers["Host"] = route.host_value
    for name, value in asked.headers:
        lower = name.lower()
        if lower != left_out and lower not in _OURS and not (removes and is_left_out(lower)):
            headers.add(text_of(name), text_of(value))
    headers["X-Request-Id"] = asked.request_id.decode("ascii")
    headers["traceparent"] = asked.trace.decode("ascii")
    headers[MARK] = "1"
    return headers


def _session(upstream: Upstream) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=MOST_CONNECTIONS,
        keepalive_timeout=_KEEP_S,
        ttl_dns_cache=max(1, int(upstream.resolve_s)),
        ssl=True if upstream.tls is None else client_context(upstream.tls),
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, requote_redirect_url=False
    )
