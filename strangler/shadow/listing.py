"""Listing: what is told of a write that is not on both sides; what may be secret is sealed, the rest may be shown."""

import re
from secrets import token_bytes

import msgspec

from strangler.core.divergence import Listed, Verdict, Write
from strangler.core.learning import learn_message
from strangler.core.redaction import Redaction, Redactor
from strangler.vault.vault import Purpose, Vault

_MARK = re.compile(r"\[redacted(?: |%20)([a-z]+)(?: |%20)[0-9a-f]{16}\]")
"""Of a secret, also in a target; because each write has a salt of its own, its digest tells nothing."""


def listed_of(one: str, write: Write, verdict: Verdict, vault: Vault) -> Listed:
    """Return a write as it is kept. Raises VaultError."""
    target = write.target.decode("latin-1")
    redactor = Redactor(Redaction(), token_bytes(32))
    redactor.learn_target(target)
    learn_message(redactor, ((n.decode("latin-1"), v.decode("latin-1")) for n, v in write.headers), b"")
    return Listed(
        id=one,
        at=write.at,
        route=write.route,
        primary=write.primary,
        why=verdict.why,
        status=verdict.status,
        primary_status=write.status,
        method=_printable(write.method.decode("latin-1")),
        path=_told(redactor.target(target.partition("?")[0])),
        request_id=_told(redactor.text(write.request_id.decode("latin-1"))),
        sealed=vault.seal(msgspec.msgpack.encode(write), purpose=Purpose.DIVERGENCE, name=one),
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:500]


def _told(redacted: str) -> str:
    return _printable(_MARK.sub(r"[\1]", redacted))
