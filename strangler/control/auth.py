"""Auth: the admin port's bearer token, and the check against DNS rebinding.

The token lives in a file of the state directory that its owner alone can read; whoever can read that file can
change flags, nobody else. It is never logged and never part of an answer.
"""

import hmac
import ipaddress
import os
import re
import secrets
from pathlib import Path

from strangler.core.model import Address
from strangler.errors import UsageError

TOKEN_FILE = "admin-token"  # noqa: S105 - the file's name, not a token
_TOKEN_BYTES = 32
"""256 bits, as Python's `secrets` advises for tokens."""
_TOKEN = re.compile(rb"[!-~]{32,}")
"""An operator may put a token of their own there; shorter ones can be guessed."""
_MAX_FILE_BYTES = 4_096


def load_token(state_dir: Path) -> str:
    """Return the token of this state directory; the first call makes it, for its owner's eyes only.

    Raises UsageError if it cannot be read or kept, or if somebody else may know it.
    """
    path = state_dir / TOKEN_FILE
    try:
        return _read(path) if path.exists() else _make(path)
    except OSError as error:
        raise UsageError(
            f"{path}: the admin token cannot be read or kept ({error.strerror}). Make sure that the disk has room and "
            "that the file belongs to this user"
        ) from error


def is_right(given: str, token: str) -> bool:
    """Return whether the given text is the token; takes as long for any wrong one."""
    # Because header bytes that are no UTF-8 arrive as lone surrogates.
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def bearer(header: str) -> str | None:
    """Return what an Authorization header has as a bearer token; None if it is of another scheme, or empty.

    Such a header says nothing to this port, as if it were not there (RFC 6750 section 3): a proxy that asks for
    passwords may well send theirs on.
    """
    scheme, _, given = header.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def is_own_host(header: str, admin: Address, hosts: tuple[str, ...] = (), *, is_secure: bool = False) -> bool:
    """Return whether a Host header names the admin address, this machine, or one of `hosts`.

    A page on the web that made its own name resolve to this port still sends that name (DNS rebinding). So a number is
    enough where others can reach the port, and a name is not. Ports are those that were bound, but for `hosts`, which
    may be the names of a proxy in front; a header without one means the scheme's own (RFC 9110 section 4.2).
    """
    host, separator, port = header.rpartition(":")
    if not separator or header.endswith("]"):
        host, port = header, "443" if is_secure else "80"
    host = host.removeprefix("[").removesuffix("]").lower()
    if host in hosts:
        return True
    return port == str(admin.port) and (
        host in ("localhost", admin.host.lower()) or _is_loopback(host) or (_is_any(admin.host) and _is_number(host))
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _make(path: Path) -> str:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    # Because a full disk or a crash half-way must not leave a file that no later start accepts.
    draft.replace(path)
    return token


def _read(path: Path) -> str:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        text = file.read(_MAX_FILE_BYTES)
    if found.st_uid not in (os.geteuid(), 0):
        raise UsageError(f"{path}: the admin token belongs to another user, who knows it. Delete the file")
    mode = found.st_mode & 0o777
    if mode & 0o077:
        raise UsageError(f"{path}: others may read the admin token (mode {mode:04o}). Run: chmod 600 {path}")
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise UsageError(f"{path}: the admin token is damaged. Delete the file; a start makes a new one.")
    return token.decode("ascii")
