"""Access: how operators reach the admin port, and whom it believes beside whoever has a token."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminAccess:
    """Whom the admin port is for."""

    allow_plain: bool = False
    """Whether other machines may reach it without TLS."""
    hosts: tuple[str, ...] = ()
    """Names that the Host header may have beside the address itself and this machine's own."""
    identity_header: str = ""
    """The header in which an authenticating proxy names its user; empty believes nobody."""
    trusted: tuple[str, ...] = ()
    """Networks (CIDR) of that proxy."""
    operators: tuple[str, ...] = ()
    """Its users who may change everything; `*` is all of them."""
    viewers: tuple[str, ...] = ()
    """Its users who may read everything; `*` is all of them."""
