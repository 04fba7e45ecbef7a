"""From text to an upstream's TLS settings: the files that they name are read and tried here, once for all workers."""

from pathlib import Path

from strangler.config import kinds, tls
from strangler.config.keys_upstreams import UPSTREAM_TLS
from strangler.config.reading import At
from strangler.config.sections import Found
from strangler.core.model import UpstreamTls


def read_tls(at: At, folder: Path) -> UpstreamTls:
    """Return the settings with their files' content; a file that cannot be used is a fault at its line."""
    before = at.report.count
    found = Found(at, UPSTREAM_TLS)
    verify = found.take("verify", kinds.BOOLEAN, True)
    settings = UpstreamTls(
        server_name=found.take("server_name", kinds.HOST, ""),
        verify=verify,
        ca=read_pem(found, "ca", folder),
        chain=read_pem(found, "cert", folder),
        key=read_pem(found, "key", folder),
    )
    check_pair(found)
    authorities = found.get("ca")
    if authorities is not None and not verify:
        authorities.fault("`ca` means nothing with `verify: false`", "Remove `verify: false`")
    if at.report.count == before:
        _try(found, settings)
    return settings


def read_pem(found: Found, key: str, folder: Path) -> bytes:
    """Return the content of the file that a key names; nothing, and a fault, if it cannot be read."""
    place = found.get(key)
    name = found.take(key, kinds.TEXT, "")
    if place is None or not name:
        return b""
    found.at.report.files.append(str(folder / name))
    try:
        with (folder / name).open("rb") as file:
            data = file.read(tls.MAX_PEM_BYTES + 1)
    except OSError as error:
        place.fault(f"the file cannot be read: {error.strerror or error}", "Name a file that the proxy may read")
        return b""
    if not data or len(data) > tls.MAX_PEM_BYTES:
        place.fault("the file is empty" if not data else "the file is larger than 1 MiB", "Name a PEM file")
        return b""
    return data


def check_pair(found: Found) -> None:
    """Note as a fault that there is a certificate without a key, or a key without a certificate."""
    certificate, key = found.get("cert"), found.get("key")
    if certificate is not None and key is None:
        certificate.fault("the certificate has no `key`", "Add `key: client.key`")
    elif key is not None and certificate is None:
        key.fault("the key has no `cert`", "Add `cert: client.crt`")


def _try(found: Found, settings: UpstreamTls) -> None:
    authorities, certificate = found.get("ca"), found.get("cert")
    try:
        tls.client_context(UpstreamTls(verify=settings.verify, ca=settings.ca))
    except tls.PemError as error:
        (authorities or found.at).fault(str(error), "Name a PEM file of certificates")
    try:
        tls.client_context(UpstreamTls(verify=False, chain=settings.chain, key=settings.key))
    except tls.PemError as error:
        (certificate or found.at).fault(str(error), "Name a PEM certificate and its unencrypted key")
