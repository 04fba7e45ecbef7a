"""Passwords: what is kept in place of one."""

import hashlib


def digest(password: str, user: int) -> bytes:
    """Return what is stored of a user's password.

    The work factor is as low as it goes (n = 2): all users are seeded at the first start, and their password is
    public anyway.
    """
    return hashlib.scrypt(password.encode(), salt=f"user {user}".encode(), n=2, r=8, p=1)
