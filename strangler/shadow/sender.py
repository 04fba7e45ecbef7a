"""Sending a write on: once, over a connection of its own, and it is always known whether anything may have left.

Because an HTTP client that repeats a request by itself would carry a write out twice, each one here gets a fresh
connection, and what goes wrong on it is an error that the client does not take for a reason to try again.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from multidict import CIMultiDict
from yarl import URL

from strangler.config.tls import client_context
from strangler.core.divergence import Verdict, Why, Write, is_on_both
from strangler.core.model import Route, Upstream
from strangler.core.offer import Drop
from strangler.core.shadowing import Credentials, Redirects
from strangler.core.writelog import KEY_HEADER
from strangler.errors import ShadowError
from strangler.shadow.asker import NO_AUTO, headers_of
from strangler.shadow.credentials import own
from strangler.shadow.sending import text_of, url_of

MOST_AT_ONCE = 16
"""Writes that are sent at a time, from one proxy."""
_DRAIN_BYTES = 65_536
"""Of an answer, what is read so that its side sees it taken; what it says is nobody's business."""


class _UnreachedError(aiohttp.ClientError):
    """No connection: nothing has left."""


class _BrokenError(aiohttp.ClientError):
    """It may have left."""


@dataclass(slots=True)
class _Target:
    upstream: Upstream
    session: aiohttp.ClientSession
    turns: "count[int]"
    busy: int = 0
    """Writes that are under way with it."""


class Sender:
    """Holds one client for each upstream."""

    def __init__(self) -> None:
        self._targets: dict[str, _Target] = {}
        self._retired: list[_Target] = []
        """Those that nothing more is sent with; each goes with the last that is under way."""

    def apply(self, upstreams: Iterable[Upstream]) -> None:
        """Send to these from now on."""
        wanted = {upstream.name: upstream for upstream in upstreams}
        for name, target in tuple(self._targets.items()):
            if wanted.get(name) != target.upstream:
                # Because what is under way must not fail by our own doing.
                self._retired.append(self._targets.pop(name))
        for name, upstream in wanted.items():
            if name not in self._targets:
                self._targets[name] = _Target(upstream, _session(upstream), count())

    async def tidy(self) -> None:
        """Close the clients that nothing is sent with any more."""
        idle = [target for target in self._retired if not target.busy]
        self._retired = [target for target in self._retired if target.busy]
        for target in idle:
            await target.session.close()

    async def close(self) -> None:
        """End all connections."""
        for target in (*self._retired, *self._targets.values()):
            await target.session.close()

    @property
    def clients(self) -> int:
        """Clients that are open now."""
        return len(self._targets) + len(self._retired)

    async def send(
        self, name: str, write: Write, route: Route, secrets: Iterable[tuple[bytes, bytes]], timeout_s: float
    ) -> Verdict | None:
        """Send a write to an upstream; return None if it was carried out, else why not."""
        target = self._targets[name]
        progress = SimpleNamespace(is_connected=False, status=0)
        try:
            address, headers = _head(target, write, route, secrets)
        except ShadowError as error:
            return Verdict(why=Why.NO_CREDENTIALS if error.why == Drop.NO_CREDENTIALS else Why.UNASKABLE)
        except ValueError:
            return Verdict(why=Why.UNASKABLE)
        target.busy += 1
        try:
            async with asyncio.timeout(timeout_s):
                await self._exchange(target, write, address, headers, progress)
        except TimeoutError:
            # Because its head says that it was carried out or not, what comes of the rest changes nothing.
            if not progress.status:
                return Verdict(why=Why.TIMEOUT if progress.is_connected else Why.CONNECT)
        except MemoryError:
            if not progress.status:
                return Verdict(why=Why.BROKE_OFF if progress.is_connected else Why.CONNECT)
        except _UnreachedError:
            return Verdict(why=Why.CONNECT)
        except (aiohttp.ClientError, OSError, ValueError):
            if not progress.status:
                return Verdict(why=Why.BROKE_OFF)
        finally:
            target.busy -= 1
        redirects = Redirects.IN_DOUBT if route.shadow is None else route.shadow.redirects
        if is_on_both(progress.status, write.status, redirects):
            return None
        return Verdict(why=Why.STATUS, status=progress.status)

    async def _exchange(
        self, target: _Target, write: Write, url: URL, headers: CIMultiDict[str], progress: SimpleNamespace
    ) -> None:
        tls = target.upstream.tls
        async with target.session.request(
            write.method.decode("ascii"),
            url,
            headers=headers,
            data=write.body or None,
            skip_auto_headers=NO_AUTO,
            allow_redirects=False,
            server_hostname=(tls.server_name or None) if tls is not None else None,
            trace_request_ctx=progress,
        ) as response:
            progress.status = response.status
            await response.content.read(_DRAIN_BYTES)


def _head(
    target: _Target, write: Write, route: Route, secrets: Iterable[tuple[bytes, bytes]]
) -> tuple[URL, CIMultiDict[str]]:
    """Return where a write goes and with which fields; raises ShadowError if it cannot be sent as it is."""
    addresses = target.upstream.addresses
    address = str(addresses[next(target.turns) % len(addresses)])
    url = url_of("http" if target.upstream.tls is None else "https", address, write.target)
    write.method.decode("ascii")
    key_header = KEY_HEADER if route.idempotency is None else route.idempotency.header.encode("ascii")
    rules = route.shadow
    removes = rules is not None and rules.credentials is Credentials.REMOVE
    headers = headers_of(write, route, address, left_out=key_header.lower(), removes=removes)
    replaced = None if rules is None or not removes or rules.replacement is None else rules.replacement.header
    # Because whoever repairs a write may name another one.
    if rules is not None and replaced not in {text_of(field).lower() for field, _ in secrets}:
        headers.update(own(rules))
    for field, value in secrets:
        headers.add(text_of(field), text_of(value))
    headers[key_header.decode("ascii")] = write.other_key.decode("ascii")
    return url, headers


async def _no_repetition(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Translate what the client would answer with a second try of its own."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError as error:
        raise _UnreachedError(str(error)) from error
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenError(str(error)) from error


async def _note_connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.is_connected = True


def _session(upstream: Upstream) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_note_connected)
    connector = aiohttp.TCPConnector(
        limit=0,
        force_close=True,
        ttl_dns_cache=max(1, int(upstream.resolve_s)),
        ssl=True if upstream.tls is None else client_context(upstream.tls),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        requote_redirect_url=False,
        middlewares=(_no_repetition,),
        trace_configs=[trace],
        timeout=aiohttp.ClientTimeout(total=None),
    )
