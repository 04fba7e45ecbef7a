"""Health checks: control asks each address of an upstream whether it can serve, once for all workers.

A client of its own for every check: no cookies, no redirects, no proxy of the environment, no connection that is kept.
"""

import asyncio
import logging
import os
import random
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from strangler.config.tls import client_context
from strangler.core import health
from strangler.core.health import Standing
from strangler.core.model import Address, Config, HealthCheck, Upstream

MAX_BODY_BYTES = 16_384
"""What is read of an answer, so that a small one ends in order; only the status counts."""
MAX_CHECKS = 64
"""Checks at a time."""
_JITTER = 0.1
"""Checks are spread by this part of their interval, so that many upstreams are not asked in one burst."""

LOG = logging.getLogger(__name__)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Spawn = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of one address of an upstream that is checked."""

    upstream: str
    address: str
    """Resolved."""
    is_healthy: bool
    detail: str
    """What the last check saw."""


class HealthChecks:
    """Checks the upstreams of the configuration that it `follow`s."""

    def __init__(
        self,
        *,
        spawn: Spawn,
        resolve: Resolve,
        on_change: Callable[[tuple[tuple[str, str], ...]], None],
    ) -> None:
        self._spawn = spawn
        self._resolve = resolve
        self._on_change = on_change
        self._checks: dict[str, tuple[Upstream, asyncio.Task[None]]] = {}
        self._standings: dict[str, dict[str, Standing]] = {}
        """By upstream and resolved address."""
        self._details: dict[tuple[str, str], str] = {}
        self._places = asyncio.Semaphore(MAX_CHECKS)

    def follow(self, config: Config) -> None:
        """Check by this configuration; what an upstream's addresses were found to be holds until they are asked."""
        wanted = {upstream.name: upstream for upstream in config.upstreams if upstream.health is not None}
        for name in tuple(self._checks):
            upstream, task = self._checks[name]
            if wanted.get(name) != upstream:
                task.cancel()
                del self._checks[name]
        for name in tuple(self._standings):
            if name not in wanted:
                self._keep(name, ())
        for name, upstream in wanted.items():
            if name not in self._checks:
                self._checks[name] = upstream, self._spawn(f"health_{name}", self._check_upstream(upstream))

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What is known of all addresses that are checked."""
        return tuple(
            Verdict(
                upstream=upstream,
                address=address,
                is_healthy=standing.is_healthy,
                detail=self._details.get((upstream, address), ""),
            )
            for upstream, standings in sorted(self._standings.items())
            for address, standing in sorted(standings.items())
        )

    async def _check_upstream(self, upstream: Upstream) -> None:
        rules = upstream.health
        assert rules is not None
        context = None if upstream.tls is None else client_context(upstream.tls)
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            found = [(address, ip) for address in upstream.addresses for ip in await self._addresses(address)]
            if found:
                self._keep(upstream.name, (_label(address, ip) for address, ip in found))
            async with asyncio.TaskGroup() as group:
                for address, ip in found:
                    group.create_task(self._check(upstream, rules, context, address, ip))
            pause_s = rules.interval_s * (1 - _JITTER * random.random())  # noqa: S311 (no secret)
            await asyncio.sleep(max(started + pause_s - loop.time(), 0.0))

    async def _addresses(self, address: Address) -> Sequence[str]:
        try:
            return await self._resolve(address.host, address.port)
        except OSError:
            # Because the workers say so; what was known of the name's addresses stays.
            return ()

    async def _check(
        self, upstream: Upstream, rules: HealthCheck, context: ssl.SSLContext | None, address: Address, ip: str
    ) -> None:
        async with self._places:
            is_good, detail = await ask(upstream, rules, context, address, ip)
        self._note(upstream.name, rules, _label(address, ip), is_good=is_good, detail=detail)

    def _note(self, upstream: str, rules: HealthCheck, label: str, *, is_good: bool, detail: str) -> None:
        standings = self._standings.setdefault(upstream, {})
        before = standings.get(label)
        standings[label] = after = health.after(before, is_good=is_good, rules=rules)
        self._details[upstream, label] = detail
        # Because an address counts as healthy before it is asked, a good first answer is no news.
        if after.is_healthy == (before is None or before.is_healthy):
            return
        LOG.log(
            logging.INFO if after.is_healthy else logging.WARNING,
            "upstream_healthy" if after.is_healthy else "upstream_unhealthy",
            extra={"fields": {"upstream": upstream, "address": label, "detail": detail}},
        )
        self._tell()

    def _keep(self, upstream: str, labels: Iterable[str]) -> None:
        """Forget the addresses that an upstream does not have any more."""
        kept = set(labels)
        standings = self._standings.get(upstream, {})
        gone = [label for label in standings if label not in kept]
        was_unhealthy = any(not standings[label].is_healthy for label in gone)
        for label in gone:
            del standings[label]
            self._details.pop((upstream, label), None)
        if not standings:
            self._standings.pop(upstream, None)
        if was_unhealthy:
            self._tell()

    def _tell(self) -> None:
        self._on_change(tuple((one.upstream, one.address) for one in self.verdicts if not one.is_healthy))


async def ask(
    upstream: Upstream, rules: HealthCheck, context: ssl.SSLContext | None, address: Address, ip: str
) -> tuple[bool, str]:
    """Return whether one address can serve, and what was seen."""
    scheme = "http" if context is None else "https"
    server_name = None if upstream.tls is None else upstream.tls.server_name or address.host
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=1, use_dns_cache=False),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=rules.timeout_s),
                auto_decompress=False,
                trust_env=False,
                headers={"User-Agent": "strangler-health", "Accept": "*/*"},
            ) as session,
            session.get(
                f"{scheme}://{_label(address, ip)}{rules.path}",
                headers={"Host": str(address)},
                allow_redirects=False,
                ssl=context if context is not None else True,
                server_hostname=server_name,
            ) as answer,
        ):
            await answer.content.read(MAX_BODY_BYTES)
            lowest, highest = rules.expect
            return lowest <= answer.status <= highest, f"status {answer.status}"
    except TimeoutError:
        return False, f"no answer within {rules.timeout_s:g} s"
    except aiohttp.ClientConnectorCertificateError as error:
        why = error.certificate_error
        return False, f"certificate not accepted: {getattr(why, 'verify_message', '') or why}"
    except aiohttp.ClientConnectorError as error:
        # Because asyncio puts words of its own in place of the system's.
        return False, os.strerror(error.errno) if error.errno else "no connection"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Because a broken answer may carry anything, only its kind is told.
        return False, f"no HTTP answer ({type(error).__name__})"


def _label(address: Address, ip: str) -> str:
    return str(Address(host=ip, port=address.port))
