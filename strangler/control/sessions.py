"""Sessions: browsers that are signed in, known by a cookie; a restart of the proxy signs nobody out."""

import re
import secrets
import time
from collections.abc import Callable

from strangler.control.tokendesk import digest_of
from strangler.control.tokentable import Session, TokenTable

LIFE_S = 8 * 3600.0
"""A working day, used or not; OWASP's session management cheat sheet gives 4 to 8 hours for such pages."""
MOST = 1_000
"""At once; beyond it the oldest ends. More than people who look after one proxy."""
MOST_OF_ONE = 50
"""Of one token at once; beyond it that token's oldest ends, so that no viewer signs operators out by signing in."""
_ID_BYTES = 32
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


class Sessions:
    """All sessions of one proxy, held in memory beside the store."""

    def __init__(self, table: TokenTable, *, now: Callable[[], float] = time.time) -> None:
        """Read what is kept. Raises StoreError."""
        self._table = table
        self._now = now
        self._sessions = {session.digest: session for session in table.sessions()}

    def begin(self, token: str, *, instead: Session | None = None) -> tuple[Session, str]:
        """Return a new session of whoever gave the token with this id, and the text for the cookie; it may end another.

        Raises StoreError.
        """
        now = self._now()
        text = secrets.token_urlsafe(_ID_BYTES)
        session = Session(digest=digest_of(text), token=token, began_at=now, ends_at=now + LIFE_S)
        over = [one.digest for one in self._sessions.values() if now >= one.ends_at or one == instead]
        living = sorted(
            (one for one in self._sessions.values() if one.digest not in over), key=lambda one: one.began_at
        )
        own = [one for one in living if one.token == token]
        surplus = own[: max(0, len(own) - MOST_OF_ONE + 1)] or living[: max(0, len(living) - MOST + 1)]
        over += [one.digest for one in surplus]
        self._table.begin(session, instead=tuple(over))
        for digest in over:
            del self._sessions[digest]
        self._sessions[session.digest] = session
        return session, text

    def of(self, text: str) -> Session | None:
        """Return the session of a cookie; None if there is none, or it is over."""
        if not _COOKIE.fullmatch(text):
            return None
        # Because it is found by its hash, how long that takes tells nothing of the text.
        found = self._sessions.get(digest_of(text))
        return found if found is not None and self._now() < found.ends_at else None

    def end(self, session: Session) -> None:
        """Sign out. Raises StoreError; then it is over until the next start all the same."""
        self._sessions.pop(session.digest, None)
        self._table.end(session.digest)
