"""Pairs in files, of an authority that only the test trusts."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trustme

from strangler.core.model import KeyPair, ListenerTls


@dataclass(frozen=True, slots=True)
class Issuer:
    """Writes pairs of its own authority into a folder."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    def pair(self, name: str, *names: str, expires: datetime | None = None, begins: datetime | None = None) -> KeyPair:
        """Write NAME.crt and NAME.key for these host names, each file in one step, and return their paths."""
        made = self.authority.issue_cert(*(names or ("localhost",)), not_after=expires, not_before=begins)
        pair = self.paths(name)
        replace(Path(pair.key), made.private_key_pem.bytes())
        replace(Path(pair.cert), b"".join(blob.bytes() for blob in made.cert_chain_pems))
        return pair

    def paths(self, name: str) -> KeyPair:
        """Return where the pair of that name is."""
        return KeyPair(cert=str(self.folder / f"{name}.crt"), key=str(self.folder / f"{name}.key"))

    def tls(self, *names: str, **more: Any) -> ListenerTls:
        """Return a listener's TLS with these pairs, or with `localhost`."""
        return ListenerTls(pairs=tuple(self.paths(name) for name in names or ("localhost",)), **more)

    def trust(self, name: str = "ca") -> str:
        """Write the authority's own certificate and return its path."""
        path = self.folder / f"{name}.pem"
        replace(path, self.authority.cert_pem.bytes())
        return str(path)

    def client(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        return context


def read(path: str) -> bytes:
    """Return what a file holds."""
    return Path(path).read_bytes()


def spoil(path: str, data: bytes = b"half") -> None:
    """Write a file in place, as no careful tool does."""
    Path(path).write_bytes(data)


def remove(path: str) -> None:
    """Remove a file."""
    Path(path).unlink()


def replace(path: Path, data: bytes) -> None:
    """Write a file in one step, for its owner only."""
    made = path.with_name(path.name + ".new")
    made.touch(mode=0o600)
    made.write_bytes(data)
    made.replace(path)


def past(year: int = 2020) -> datetime:
    """Return a day that is over."""
    return datetime(year, 1, 1, tzinfo=UTC)
