"""Key pairs: certificates and private keys in files, tried as a whole before anything relies on them."""

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from strangler.core.model import KeyPair, ListenerTls
from strangler.errors import CertificateError

MAX_PEM_BYTES = 1024 * 1024
"""A bundle of all public CAs has 200 KiB."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which Python has no name."""
_OPEN_TO_OTHERS = 0o007
_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_DAY_S = 86_400.0
_FLIGHTS = 8
"""More than a handshake takes in either version."""

Which = Literal["cert", "key", "client_ca"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate says of itself."""

    names: tuple[str, ...]
    """DNS names in lower case; `*.` stands for one label."""
    not_before: float
    not_after: float
    """Seconds since the epoch."""


def open_pair(pair: KeyPair) -> tuple[ssl.SSLContext, Certificate]:
    """Return a server context with the pair, and what its certificate says; raise CertificateError.

    Because only a handshake shows that a pair can be served, it makes one, in memory.
    """
    chain = _read(pair.cert, "cert")
    key = _read(pair.key, "key")
    if _BEGIN not in chain or _END not in chain:
        raise CertificateError("cert", f"{pair.cert} holds no certificate in PEM", "Name the PEM file of the chain")
    if "PRIVATE KEY-----" not in key:
        raise CertificateError("key", f"{pair.key} holds no private key in PEM", "Name the PEM file of the key")
    if "ENCRYPTED" in key:
        remedy = "Decrypt it, and guard it with the rights of the file"
        raise CertificateError("key", f"{pair.key} is encrypted, and nobody is there to type the password", remedy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Because without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(pair.cert, pair.key, password="")
        return context, _certificate(context, chain)
    except (OSError, ValueError) as error:
        raise _refusal(pair, error) from error


def client_authorities(path: str) -> ssl.SSLContext:
    """Return a server context that asks clients for a certificate of these CAs; raise CertificateError."""
    _read(path, "client_ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ask_clients(context, path)
    return context


def ask_clients(context: ssl.SSLContext, path: str) -> None:
    """Let a context ask clients for a certificate of the CAs in a file; raise CertificateError."""
    try:
        context.load_verify_locations(path)
    except OSError as error:
        message = f"{path} holds no certificates in PEM"
        raise CertificateError("client_ca", message, "Name the PEM file of the CAs") from error
    context.verify_mode = ssl.CERT_REQUIRED


def warnings(tls: ListenerTls, now: float) -> Iterator[str]:
    """Yield what is served all the same, but hardly meant; the pairs can be opened."""
    for pair in tls.pairs:
        _, certificate = open_pair(pair)
        if complaint := validity(certificate, now):
            yield f"{pair.cert}: {complaint}"
        if Path(pair.key).stat().st_mode & _OPEN_TO_OTHERS:
            yield f"{pair.key}: every user of this machine may read the private key; `chmod o= FILE` ends that"


def validity(certificate: Certificate, now: float) -> str:
    """Return what is wrong with a certificate's time; empty if nothing is."""
    if now >= certificate.not_after:
        return f"the certificate expired on {_date(certificate.not_after)}"
    if now < certificate.not_before:
        return f"the certificate is not valid before {_date(certificate.not_before)}"
    if certificate.not_after - now < _DAY_S:
        return f"the certificate expires within a day, on {_date(certificate.not_after)}"
    return ""


def _certificate(server: ssl.SSLContext, chain: str) -> Certificate:
    leaf = chain[chain.index(_BEGIN) : chain.index(_END) + len(_END)]
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(leaf))
    # Because only this very certificate is trusted here, whoever signed it, and whenever it is valid.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    said = _shake_hands(server, client)
    names = [value.lower() for kind, value in said.get("subjectAltName", ()) if kind == "DNS"]
    return Certificate(
        names=tuple(names),
        not_before=float(ssl.cert_time_to_seconds(said["notBefore"])),
        not_after=float(ssl.cert_time_to_seconds(said["notAfter"])),
    )


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    left = set(ends)
    for _ in range(_FLIGHTS):
        for end in ends:
            if end in left:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                left.discard(end)
        if not left:
            return ends[0].getpeercert() or {}
    raise ssl.SSLError("the handshake does not end")


def _read(path: str, which: Which) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_PEM_BYTES).decode("latin-1")
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})"
        raise CertificateError(which, message, "Name a PEM file that this user may read") from error


def _refusal(pair: KeyPair, error: Exception) -> CertificateError:
    reason = getattr(error, "reason", None)
    if reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
        message = f"{pair.key} is not the key of {pair.cert}"
        return CertificateError("key", message, "Name the key that the certificate was made for")
    # Because the text of other errors could come from the file itself, only OpenSSL's own name for it is told.
    told = str(reason or "cannot be parsed").replace("_", " ").lower()
    return CertificateError("cert", f"{pair.cert} and {pair.key} cannot be served ({told})", "Make the pair anew")


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
