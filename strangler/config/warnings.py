"""Warnings: what a file may say, and what somebody should know about it all the same."""

import time
from contextlib import suppress

from strangler.config import pairs
from strangler.core.model import Config
from strangler.errors import CertificateError


def warnings_of(config: Config) -> tuple[str, ...]:
    """Return what is to be told at `check`, at the start and at each reload."""
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
    return (*listener, *upstreams)
