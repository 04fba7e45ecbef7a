"""Warnings: what a file may say, and what somebody should know about it all the same."""

from strangler.core.model import Config


def warnings_of(config: Config) -> tuple[str, ...]:
    """Return what is to be told at `check`, at the start and at each reload."""
    return tuple(
        f"upstream {upstream.name}: `verify: false`: whoever answers is believed, and the traffic can be read and "
        "changed on its way"
        for upstream in config.upstreams
        if upstream.tls is not None and not upstream.tls.verify
    )
