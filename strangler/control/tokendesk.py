"""The token desk: makes, lists and revokes bearer tokens, and knows one again."""

import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from strangler.control.journal import Deed, as_text
from strangler.control.operations import Role
from strangler.control.tokentable import Token, TokenTable
from strangler.core.audit import Action
from strangler.errors import UsageError

PREFIX = "strangler_"
"""So that whoever finds one in a log or a repository knows what it is; scanners for secrets look for such words."""
MOST_TOKENS = 200
"""That open something. Tokens are for people and pipelines of one proxy."""
MOST_DEAD = 200
"""Revoked and expired ones that are still listed; the audit log has all of them for ever."""
NAME = r"[a-z0-9][a-z0-9._@-]{0,63}"
_SECRET_BYTES = 32
"""256 bits, as Python's `secrets` advises for tokens."""
_TOKEN = re.compile(rf"{PREFIX}([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}")
_NOBODYS = sha256(b"").digest()


class TokenDesk:
    """All tokens of one proxy, held in memory beside the store."""

    def __init__(self, table: TokenTable, *, now: Callable[[], float] = time.time) -> None:
        """Read what is kept. Raises StoreError."""
        self._table = table
        self._now = now
        self._tokens = {token.id: token for token in table.tokens()}

    def all(self) -> tuple[Token, ...]:
        """Return every token, the oldest first, dead ones too."""
        return tuple(self._tokens.values())

    def is_valid(self, token: Token) -> bool:
        """Return whether the token opens anything now."""
        return token.is_valid(self._now())

    def of(self, identifier: str) -> Token | None:
        """Return the token with this id, if it opens anything."""
        found = self._tokens.get(identifier)
        return found if found is not None and found.is_valid(self._now()) else None

    def dead(self, identifier: str) -> Token | None:
        """Return the token with this id, if it opens nothing any more."""
        found = self._tokens.get(identifier)
        return None if found is None or found.is_valid(self._now()) else found

    def known(self, text: str) -> Token | None:
        """Return the token that this is, though it may be dead; takes as long for any other text of its form."""
        form = _TOKEN.fullmatch(text)
        if form is None:
            return None
        found = self._tokens.get(form[1])
        # Because a comparison that is left out would tell which ids there are.
        is_right = hmac.compare_digest(digest_of(text), _NOBODYS if found is None else found.digest)
        return found if is_right else None

    def named(self, name: str) -> Token | None:
        """Return the token of this name, if it opens anything."""
        now = self._now()
        return next((one for one in self._tokens.values() if one.name == name and one.is_valid(now)), None)

    def check_free(self, name: str) -> None:
        """Refuse a name that there can be no new token of. Raises UsageError."""
        now = self._now()
        if self.named(name) is not None:
            raise UsageError(f"there is a token named `{name}`; revoke it first, or choose another name.")
        if sum(token.is_valid(now) for token in self._tokens.values()) >= MOST_TOKENS:
            raise UsageError(f"there are {MOST_TOKENS} tokens, and no more can be; revoke one first.")

    def sessions(self, token: Token) -> int:
        """Return how many browsers are signed in with a token. Raises StoreError."""
        now = self._now()
        return sum(one.token == token.id and now < one.ends_at for one in self._table.sessions())

    def create(self, name: str, role: Role, *, for_s: float | None, who: str, why: str) -> tuple[Token, str]:
        """Return a new token and its text, which nobody can be told again. Raises UsageError and StoreError."""
        self.check_free(name)
        now = self._now()
        self._forget_dead(now)
        identifier = secrets.token_hex(6)
        text = f"{PREFIX}{identifier}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        token = Token(
            id=identifier,
            name=name,
            role=role,
            digest=digest_of(text),
            created_at=now,
            created_by=who,
            expires_at=None if for_s is None else now + for_s,
        )
        after = as_text({"id": identifier, "role": role.word, "expires_at": token.expires_at})
        self._table.add(token, Deed(at=now, who=who, what=Action.TOKEN, subject=name, why=why, after=after))
        self._tokens[identifier] = token
        return token, text

    def revoke(self, name: str, *, who: str, why: str) -> Token | None:
        """Let the token of this name open nothing from now on, and return it; None if there is none.

        Raises StoreError; then it opens what it did.
        """
        token = self.named(name)
        if token is None:
            return None
        now = self._now()
        before = as_text({"id": token.id, "role": token.role.word, "expires_at": token.expires_at})
        self._table.revoke(token.id, Deed(at=now, who=who, what=Action.REVOKE, subject=name, why=why, before=before))
        revoked = self._tokens[token.id] = self.revoked(token)
        return revoked

    def revoked(self, token: Token) -> Token:
        """Return what a token is once it is revoked."""
        return replace(token, revoked_at=self._now())

    def _forget_dead(self, now: float) -> None:
        dead = [token.id for token in self._tokens.values() if not token.is_valid(now)]
        surplus = tuple(dead[: max(0, len(dead) - MOST_DEAD + 1)])
        if surplus:
            self._table.forget(surplus)
            for identifier in surplus:
                del self._tokens[identifier]


def digest_of(text: str) -> bytes:
    """Return what is kept of a token's or a session's text."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
