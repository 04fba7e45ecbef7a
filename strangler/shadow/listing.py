"""Listing: what is told of a write that is not on both sides; what may be secret is sealed, the rest may be shown."""

import msgspec

from strangler.core.divergence import Listed, Verdict, Write
from strangler.core.secrets import mask_text
from strangler.vault.vault import Purpose, Vault


def listed_of(one: str, write: Write, verdict: Verdict, vault: Vault) -> Listed:
    """Return a write as it is kept. Raises VaultError."""
    path = write.target.partition(b"?")[0].decode("latin-1")
    return Listed(
        id=one,
        at=write.at,
        route=write.route,
        primary=write.primary,
        why=verdict.why,
        status=verdict.status,
        primary_status=write.status,
        method=_printable(write.method.decode("latin-1")),
        path=_printable(mask_text(path, _named)),
        request_id=_printable(mask_text(write.request_id.decode("latin-1"), _named)),
        sealed=vault.seal(msgspec.msgpack.encode(write), purpose=Purpose.DIVERGENCE, name=one),
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:500]


def _named(what: str, _: str) -> str:
    return f"[{what}]"
