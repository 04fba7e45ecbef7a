"""TLS contexts: made from what a file was read as, for a first check at load and for use in every process."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NoReturn

from strangler.core.model import UpstreamTls
from strangler.errors import StranglerError

MAX_PEM_BYTES = 1_048_576
"""A bundle of all public authorities has a quarter of it."""


class PemError(StranglerError):
    """A certificate or key cannot be used; the text never has anything of the key in it."""


# Because a new context reads the system's authorities, which takes some 20 ms, equal settings share one.
@lru_cache(maxsize=64)
def client_context(tls: UpstreamTls) -> ssl.SSLContext:
    """Return the context to speak to an upstream with: TLS 1.2 or later, HTTP/1.1, verified; raises PemError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca:
        trust(context, tls.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.chain:
        load_pair(context, tls.chain, tls.key)
    return context


def trust(context: ssl.SSLContext, ca: bytes) -> None:
    """Have a context trust the authorities in this PEM; raises PemError."""
    try:
        context.load_verify_locations(cadata=ca.decode("ascii"))
    except UnicodeDecodeError as error:
        raise PemError("the file is not PEM") from error
    except ssl.SSLError as error:
        raise PemError(f"the file has no certificate that can be read ({_reason(error)})") from error


def load_pair(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """Have a context show this certificate; raises PemError if it and its key do not belong together."""
    with _path_of(chain) as chain_path, _path_of(key) as key_path:
        try:
            # Because OpenSSL would ask the terminal for a passphrase, one is refused here.
            context.load_cert_chain(chain_path, key_path, password=_refuse)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise PemError("certificate and key do not belong together") from error
            raise PemError(f"certificate or key cannot be read ({_reason(error)})") from error


def _refuse() -> NoReturn:
    raise PemError("the key is encrypted, and nobody is there to type its passphrase")


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "not PEM").lower().replace("_", " ")


@contextmanager
def _path_of(data: bytes) -> Iterator[str]:
    """Give bytes a path: Python's ssl takes certificates from files only, and a key must not touch a disk."""
    descriptor = os.memfd_create("strangler-pem", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
