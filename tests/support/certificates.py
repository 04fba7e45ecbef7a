"""Certificates for tests: an authority, and contexts of servers that show what it issued."""

import ssl
from datetime import UTC, datetime, timedelta

import trustme


def server(ca: trustme.CA, *names: str, client_ca: trustme.CA | None = None) -> ssl.SSLContext:
    """Return a server's context; with `client_ca`, who connects must show a certificate that it issued."""
    return _context(ca.issue_cert(*names), client_ca)


def expired(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return the context of a server whose certificate was good until yesterday."""
    now = datetime.now(UTC)
    return _context(ca.issue_cert(*names, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)), None)


def pem(ca: trustme.CA) -> bytes:
    """Return the authority's own certificate."""
    return ca.cert_pem.bytes()


def _context(certificate: trustme.LeafCert, client_ca: trustme.CA | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    certificate.configure_cert(context)
    if client_ca is not None:
        client_ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
