"""Asking the shadowed side: the same request, marked, over connections that no client's request ever rides."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from strangler.config.tls import client_context
from strangler.core.model import HostRule, Route, Upstream
from strangler.core.offer import MARK, Answer, Drop, Offer
from strangler.core.shadowing import Credentials, Shadow
from strangler.errors import ShadowError
from strangler.shadow.budget import Budget

MOST_CONNECTIONS = 64
"""To one upstream. Because a shadow may be as slow as it likes, this is what it may cost the shadowed side."""
_KEEP_S = 15.0
_CHUNK = 65_536
_OURS = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", MARK.lower().encode()})
_CREDENTIALS = frozenset({b"authorization", b"proxy-authorization", b"cookie"})
NO_AUTO = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(slots=True)
class _Target:
    upstream: Upstream
    session: aiohttp.ClientSession
    turns: "count[int]"
    busy: int = 0
    """Requests under way."""
    is_retired: bool = False
    """Whether it is asked no more, and closed with its last request."""


class Asker:
    """Holds one client for each upstream; an upstream that changed gets another one."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._targets: dict[str, _Target] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def apply(self, upstreams: Iterable[Upstream]) -> frozenset[str]:
        """Ask these upstreams from now on; return the names of those that are not what they were."""
        changed = set()
        wanted = {upstream.name: upstream for upstream in upstreams}
        for name, target in tuple(self._targets.items()):
            if wanted.get(name) != target.upstream:
                del self._targets[name]
                changed.add(name)
                # Because what is under way must not fail by our own doing.
                target.is_retired = True
                self._close_idle(target)
        for name, upstream in wanted.items():
            if name not in self._targets:
                self._targets[name] = _Target(upstream, _session(upstream), count())
        return frozenset(changed)

    async def close(self) -> None:
        """End all connections."""
        for target in self._targets.values():
            await target.session.close()
        if self._closing:
            await asyncio.wait(tuple(self._closing))

    async def ask(self, name: str, offer: Offer, route: Route, rules: Shadow) -> Answer:
        """Return what an upstream answers to an offered request; raises ShadowError with why there is no answer.

        Who gets an answer gives the bytes of its body back to the budget.
        """
        target = self._targets[name]
        target.busy += 1
        try:
            async with answered_within(rules.timeout_s):
                return await self._exchange(target, offer, route, rules)
        finally:
            target.busy -= 1
            self._close_idle(target)

    async def _exchange(self, target: _Target, offer: Offer, route: Route, rules: Shadow) -> Answer:
        addresses, tls = target.upstream.addresses, target.upstream.tls
        address = addresses[next(target.turns) % len(addresses)]
        scheme = "http" if tls is None else "https"
        async with target.session.request(
            offer.method.decode("ascii"),
            URL(f"{scheme}://{address}{offer.target.decode('latin-1')}", encoded=True),
            headers=_headers(offer, route, rules, str(address)),
            data=offer.body or None,
            skip_auto_headers=NO_AUTO,
            allow_redirects=False,
            server_hostname=(tls.server_name or None) if tls is not None else None,
        ) as response:
            body = await read_body(response, rules.max_body_bytes, self._budget)
            return Answer(
                status=response.status,
                headers=tuple(response.raw_headers),
                body=body,
            )

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


def _headers(offer: Offer, route: Route, rules: Shadow, address: str) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    match route.host:
        case HostRule.PRESERVE:
            headers["Host"] = offer.host.decode("latin-1") or address
        case HostRule.UPSTREAM:
            headers["Host"] = address
        case HostRule.LITERAL:
            headers["Host"] = route.host_value
    left_out = _OURS if rules.credentials is Credentials.KEEP else _OURS | _CREDENTIALS
    for name, value in offer.headers:
        if name.lower() not in left_out:
            headers.add(name.decode("latin-1"), value.decode("utf-8", "replace"))
    headers["X-Request-Id"] = offer.request_id.decode("ascii")
    headers["traceparent"] = offer.trace.decode("ascii")
    headers[MARK] = "1"
    return headers
