"""From text to the listener: TLS with the files it needs, and limits."""

from pathlib import Path

from strangler.config import kinds, pairs
from strangler.config.keys_listener import LIMITS, PAIR, TLS
from strangler.config.reading import At
from strangler.config.sections import Found
from strangler.core.model import Config, KeyPair, ListenerLimits, ListenerTls, TlsVersion
from strangler.errors import CertificateError

SMALLEST_HEADER_BYTES = 1_024
LARGEST_HEADER_BYTES = 1_048_576
"""nginx and HAProxy stay below; a head is held in memory until it is complete."""


def read_limits(at: At | None) -> ListenerLimits:
    """Return what a client may do; what the file leaves out is as usual."""
    if at is None:
        return ListenerLimits()
    found = Found(at, LIMITS)
    usual = ListenerLimits()
    limits = ListenerLimits(
        header_bytes=found.take("header_bytes", kinds.SIZE, usual.header_bytes),
        header_count=found.take("header_count", kinds.COUNT, usual.header_count),
        target_bytes=found.take("target_bytes", kinds.SIZE, usual.target_bytes),
        header_timeout_s=found.take("header_timeout", kinds.DURATION, usual.header_timeout_s),
        idle_timeout_s=found.take("idle_timeout", kinds.DURATION, usual.idle_timeout_s),
        body_timeout_s=found.take("body_timeout", kinds.DURATION, usual.body_timeout_s),
        write_timeout_s=found.take("write_timeout", kinds.DURATION, usual.write_timeout_s),
        body_bytes=found.take("body_bytes", kinds.SIZE_OR_OFF, usual.body_bytes),
        handshake_timeout_s=found.take("handshake_timeout", kinds.DURATION, usual.handshake_timeout_s),
        connections=found.take("connections", kinds.COUNT, usual.connections),
        connections_per_address=found.take("connections_per_address", kinds.COUNT, usual.connections_per_address),
    )
    if not SMALLEST_HEADER_BYTES <= limits.header_bytes <= LARGEST_HEADER_BYTES:
        (found.get("header_bytes") or at).fault("the size is out of range", "Write `1KiB` to `1MiB`")
    elif not 0 < limits.target_bytes <= limits.header_bytes:
        message = "the target is part of the header bytes and cannot be larger, nor empty"
        (found.get("target_bytes") or at).fault(message, f"Write at most {limits.header_bytes}")
    return limits


def read_tls(at: At | None, folder: Path) -> ListenerTls | None:
    """Return how TLS is spoken, with every file of it tried; None for plain HTTP."""
    if at is None:
        return None
    before = at.report.count
    found = Found(at, TLS)
    listed = found.get("certs")
    if listed is not None:
        for name in ("cert", "key"):
            if (value := found.get(name)) is not None:
                value.fault(f"`{name}` stands beside `certs`", "Move it into `certs`, or remove `certs`")
        places = [Found(item, PAIR) for item in listed.items()]
    else:
        for name in ("cert", "key"):
            if found.is_mapping and found.get(name) is None:
                at.fault(f"`{name}` is missing", f"Add `{name}: tls.{'crt' if name == 'cert' else 'key'}`")
        places = [found]
    tls = ListenerTls(
        pairs=tuple(_pair(place, folder) for place in places),
        min_version=found.take("min_version", kinds.TLS_VERSION, TlsVersion.TLS_1_2),
        client_ca=_path(found, "client_ca", folder),
    )
    if at.report.count == before:
        _try(tls, places, found)
    return tls


def check_proxy_protocol(found: Found, config: Config) -> None:
    """Note that PROXY headers are asked for from nobody."""
    place = found.get("proxy_protocol")
    if place is not None and config.proxy_protocol and found.get("trusted_proxies") is None:
        message = "nobody is trusted to send a PROXY header, so every connection would be refused"
        place.fault(message, "List the load balancers under `trusted_proxies`")


def _pair(place: Found, folder: Path) -> KeyPair:
    return KeyPair(cert=_path(place, "cert", folder), key=_path(place, "key", folder))


def _path(place: Found, name: str, folder: Path) -> str:
    text = place.take(name, kinds.TEXT, "")
    return str(folder / text) if text else ""


def _try(tls: ListenerTls, places: list[Found], found: Found) -> None:
    """Open every pair; nothing that the proxy could not serve is a Config."""
    report = found.at.report
    for pair, place in zip(tls.pairs, places, strict=True):
        report.tried += [pair.cert, pair.key]
        try:
            pairs.open_pair(pair)
        except CertificateError as error:
            (place.get(error.which) or place.at).fault(error.message, error.remedy)
    if tls.client_ca:
        report.tried.append(tls.client_ca)
        try:
            pairs.client_authorities(tls.client_ca)
        except CertificateError as error:
            (found.get("client_ca") or found.at).fault(error.message, error.remedy)
