"""Auth: the admin port's bearer token, and the check against DNS rebinding.

The token lives in a file of the state directory that its owner alone can read; whoever can read that file can
change flags, nobody else. It is never logged and never part of an answer.
"""

import hmac
import ipaddress
import os
import secrets
from pathlib import Path

from strangler.core.model import Address
from strangler.errors import UsageError

TOKEN_FILE = "admin-token"  # noqa: S105 - the file's name, not a token
_TOKEN_BYTES = 32
"""256 bits, as Python's `secrets` advises for tokens."""


def load_token(state_dir: Path) -> str:
    """Return the token of this state directory; the first call makes it, for its owner's eyes only."""
    path = state_dir / TOKEN_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _read(path)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    return token


def is_authorized(header: str, token: str) -> bool:
    """Return whether an Authorization header carries the token; takes as long for any wrong one."""
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def is_own_host(header: str, admin: Address) -> bool:
    """Return whether a Host header names the admin address or this machine, with the port that was bound.

    A page on the web that made its own name resolve to loopback still sends that name (DNS rebinding).
    """
    host, separator, port = header.rpartition(":")
    if not separator or header.endswith("]"):
        host, port = header, "80"
    host = host.removeprefix("[").removesuffix("]").lower()
    return port == str(admin.port) and (host in ("localhost", admin.host.lower()) or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(path: Path) -> str:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise UsageError(f"{path}: others may read the admin token (mode {mode:04o}). Run: chmod 600 {path}")
    token = path.read_text(encoding="ascii").strip()
    if len(token) < _TOKEN_BYTES:
        raise UsageError(f"{path}: the admin token is damaged. Delete the file; a start makes a new one.")
    return token
