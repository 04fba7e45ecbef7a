"""What is compared: a digest of all that a route's comparisons depend on, so that none counts for something else."""

from collections.abc import Mapping
from hashlib import blake2b

from strangler.core.model import Route, Upstream
from strangler.core.shadowing import Shadow


def digest_of(route: Route, rules: Shadow, upstreams: Mapping[str, Upstream]) -> str:
    """Return the same text for the same sides, asked and compared in the same way, in every process and order.

    How many are asked, how long is waited and what is redacted changes no result.
    """
    sides = [_side(upstreams.get(name or "")) for name in (route.legacy, route.extracted)]
    asked = (route.host.value, route.host_value, rules.credentials.value, *filter(None, (rules.replacement,)))
    return blake2b(repr((sides, asked, rules.headers, rules.rules)).encode(), digest_size=16).hexdigest()


def _side(upstream: Upstream | None) -> object:
    if upstream is None:
        return None
    tls = upstream.tls
    return sorted(map(str, upstream.addresses)), None if tls is None else tls.server_name
