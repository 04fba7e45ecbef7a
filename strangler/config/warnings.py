"""Warnings: what a file may say, and what somebody should know about it all the same."""

import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from strangler.config import pairs
from strangler.config.shadow import writes_of
from strangler.core.migration import settings
from strangler.core.model import FULL_SHARE, Config, Route
from strangler.core.shadowing import Shadow, ShadowMode, fault_of_value
from strangler.errors import CertificateError


def warnings_of(
    config: Config,
    migrations: Collection[str] = (),
    finished: Collection[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """Return what is to be told at `check`, at the start and at each reload.

    `migrations`: the flags that are known to be migration flags, whose stages send writes to both sides elsewhere.
    `finished`: those of them that have keys in `complete`.
    """
    listener: tuple[str, ...] = ()
    # Because a pair that was changed since it was tried may be bad, what would be told of it is told later.
    with suppress(CertificateError):
        listener = () if config.tls is None else tuple(pairs.warnings(config.tls, time.time()))
    upstreams = tuple(
        f"upstream {upstream.name}: `verify: false`: whoever answers is believed, and the traffic can be read and "
        "changed on its way"
        for upstream in config.upstreams
        if upstream.tls is not None and not upstream.tls.verify
    )
    return (
        *listener,
        *upstreams,
        *_writes(config, migrations),
        *_variables(config, environ),
        *_finished(config, finished),
    )


def _writes(config: Config, migrations: Collection[str]) -> Iterator[str]:
    """Tell of writes that somebody may believe to reach both sides."""
    for route in config.routes:
        where = f"routes file line {route.line}: route {route.name}"
        rules = settings(route, config.shadow)
        if rules is None:
            continue
        is_staged = route.flag is not None and route.flag in migrations
        if rules.writes:
            if route.idempotency is None:
                yield (
                    f"{where}: `writes: true` without `idempotency`: a client's second try may be answered by another "
                    "side than its first, and then both carry it out twice; add `idempotency: {}`"
                )
            if not is_staged and rules.mode in _ONE_WAY and (route.flag or 0 < route.share < FULL_SHARE):
                answering, other = _ONE_WAY[rules.mode]
                yield (
                    f"{where}: with `mode: {rules.mode}` the writes that {answering} carries out reach {other}, and "
                    "not the other way round, so the sides differ once both have callers; write `mode: both`"
                )
        elif why := _why_once(route, rules, is_staged=is_staged):
            what = ", ".join(writes_of(route.match.methods)) if route.match.methods else "any method"
            yield (
                f"{where}: {why}, and its writes ({what}) go to one side only, since nothing declares that both may "
                "carry them out; write `shadow: {writes: true}` if they may, or split the route by `match.methods`"
            )


def _variables(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """Tell of variables that have nothing to send in place of the client's credentials; their values are not told."""
    for route in config.routes:
        rules = settings(route, config.shadow)
        if rules is None or rules.replacement is None:
            continue
        name = rules.replacement.variable
        if fault := fault_of_value(environ.get(name)):
            yield (
                f"routes file line {route.line}: route {route.name}: the variable {name} of `credentials` {fault}, so "
                "the other side is not asked; set it where the proxy is started"
            )


def _finished(config: Config, finished: Collection[str]) -> Iterator[str]:
    """Tell of routes that a trip would give to a monolith whose data are old."""
    for route in config.routes:
        if route.flag in finished and route.extracted is not None and route.rollback is not None:
            yield (
                f"routes file line {route.line}: route {route.name}: `{route.flag}` has keys in `complete`, where the "
                "monolith is not written to any more, and a trip would send them to it; stay in `rampdown` while there "
                "is to be a way back, or write `rollback: off` if an error is better than an old answer"
            )


_ONE_WAY = {
    ShadowMode.SHADOW: ("the monolith", "the extracted side"),
    ShadowMode.REVERSE: ("the extracted side", "the monolith"),
}


def _why_once(route: Route, rules: Shadow, *, is_staged: bool) -> str:
    """Return why somebody may believe that a route's writes go to both sides; empty if nobody can, or it has none."""
    if route.match.methods and not writes_of(route.match.methods):
        return ""
    if is_staged:
        return f"`{route.flag}` is a migration flag"
    return "" if rules.mode is ShadowMode.STAGE else "`shadow` asks both sides"
