"""TLS for clients: the context that new handshakes are made with."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from strangler.config import pairs
from strangler.config.pairs import Certificate
from strangler.core.model import ListenerTls, TlsVersion

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secret and authenticated only, as in Mozilla's intermediate configuration without DHE."""
_PROTOCOLS = ("http/1.1",)
_VERSIONS = {TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What new handshakes are made with."""

    context: ssl.SSLContext
    certificates: tuple[Certificate, ...]

    @property
    def not_after(self) -> float:
        """When the first of the certificates expires, in seconds since the epoch."""
        return min(certificate.not_after for certificate in self.certificates)


def open_tls(tls: ListenerTls) -> Served:
    """Return a context with every pair tried; raise CertificateError, and change nothing, if one cannot be served."""
    opened = [pairs.open_pair(pair) for pair in tls.pairs]
    for context, _ in opened:
        _harden(context, tls)
    first = opened[0][0]
    if len(opened) > 1:
        first.sni_callback = _chooser(opened)
    return Served(context=first, certificates=tuple(certificate for _, certificate in opened))


def _harden(context: ssl.SSLContext, tls: ListenerTls) -> None:
    context.minimum_version = _VERSIONS[tls.min_version]
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(_PROTOCOLS)
    # Because compression tells of secrets by its length (CRIME), and renegotiation is asked for by attackers only.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if tls.client_ca:
        pairs.ask_clients(context, tls.client_ca)


Asked = ssl.SSLObject | ssl.SSLSocket


def _chooser(
    opened: list[tuple[ssl.SSLContext, Certificate]],
) -> Callable[[Asked, str | None, ssl.SSLContext], None]:
    """Return what picks the pair for the name that a client asks for; the first pair stays where none fits."""
    exact: dict[str, ssl.SSLContext] = {}
    wild: dict[str, ssl.SSLContext] = {}
    for context, certificate in opened:
        for name in certificate.names:
            if name.startswith("*."):
                wild.setdefault(name[2:], context)
            else:
                exact.setdefault(name, context)

    def choose(asked: Asked, name: str | None, _context: ssl.SSLContext) -> None:
        lower = (name or "").lower()
        found = exact.get(lower) or wild.get(lower.partition(".")[2])
        if found is not None:
            asked.context = found

    return choose
