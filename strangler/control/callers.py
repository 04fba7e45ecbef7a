"""Callers: who asks the admin API, by a bearer token, a browser's session, or a proxy that knows its users."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from aiohttp import web

from strangler.control import auth
from strangler.control.failures import Failures
from strangler.control.operations import NOBODY, Caller, Flaw, Refusal, Role, Way
from strangler.control.sessions import Sessions
from strangler.control.tokendesk import TokenDesk, digest_of
from strangler.control.tokentable import Session, Token
from strangler.core.access import AdminAccess

FILE_NAME = "admin-token"
"""As whom the audit log has whoever gave the token of the state directory's file."""
COOKIE = "strangler-session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Over TLS: a browser takes a cookie of this name from this very host and over TLS only (RFC 6265bis)."""
MAX_NAME = 128
_FILE = Caller(name=FILE_NAME, role=Role.OPERATOR, way=Way.FILE)
_WRONG = Refusal(
    flaw=Flaw.WRONG,
    detail="This is no token of this proxy. Give one that `strangler token create` made, or the one in the state "
    "directory's file admin-token.",
)


def cookie_name(request: web.Request) -> str:
    """Return the name of the cookie of this port: browsers send a host's cookies to all its ports (RFC 6265 8.5)."""
    found = re.search(r":([0-9]{1,5})$", request.host)
    name = SECURE_COOKIE if request.secure else COOKIE
    return name if found is None else f"{name}-{found[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A browser's new session."""

    caller: Caller
    session: Session
    text: str
    """For the cookie."""


class Callers:
    """Knows everybody who may ask."""

    def __init__(
        self,
        *,
        token: str,
        tokens: TokenDesk,
        sessions: Sessions,
        access: AdminAccess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tokens = tokens
        self._token = token
        # Because a session that was begun with a token that was replaced since is to be over.
        self._file_id = f"file:{digest_of(token).hex()[:16]}"
        self._sessions = sessions
        self._access = access
        self._trusted = tuple(ip_network(network) for network in access.trusted)
        self._failures = Failures()
        self._clock = clock

    def of(self, request: web.Request) -> Caller:
        """Return who asks; nobody if the request does not say, or carries a token that opens nothing."""
        given = auth.bearer(request.headers.get("Authorization", ""))
        if given is not None:
            return self._bearer(given)
        session = self.session(request)
        if session is not None:
            found = self._by_id(session.token)
            return found if found.role is Role.NOBODY else replace(found, way=Way.SESSION)
        return self._proxied(request)

    def session(self, request: web.Request) -> Session | None:
        """Return the session whose cookie the request carries."""
        text = request.cookies.get(cookie_name(request), "")
        return self._sessions.of(text) if text else None

    def sign_in(self, text: str, request: web.Request) -> SignedIn | Refusal:
        """Begin a session of whoever has this token, in place of the one of the request. Raises StoreError."""
        given = text.strip()
        caller = self._bearer(given)
        if caller.refusal is not None:
            return caller.refusal
        token = self.tokens.known(given)
        # Because the browser forgets its cookie, nobody could sign out of that one any more.
        former = self.session(request)
        session, cookie = self._sessions.begin(self._file_id if token is None else token.id, instead=former)
        return SignedIn(caller=replace(caller, way=Way.SESSION), session=session, text=cookie)

    def sign_out(self, request: web.Request) -> None:
        """End the session whose cookie the request carries. Raises StoreError."""
        session = self.session(request)
        if session is not None:
            self._sessions.end(session)

    def fail(self, request: web.Request) -> int:
        """Note a wrong token and return for how many seconds its peer should wait."""
        return self._failures.fail(request.remote or "", self._clock())

    def _bearer(self, given: str) -> Caller:
        # Because both are always looked at, the time tells nothing of which it is like.
        is_file = auth.is_right(given, self._token)
        token = self.tokens.known(given)
        if is_file:
            return _FILE
        if token is None:
            return replace(NOBODY, refusal=_WRONG)
        return self._by_id(token.id)

    def _by_id(self, identifier: str) -> Caller:
        if identifier == self._file_id:
            return _FILE
        token = self.tokens.of(identifier)
        if token is not None:
            return Caller(name=f"token:{token.name}", role=token.role, way=Way.TOKEN)
        dead = self.tokens.dead(identifier)
        return NOBODY if dead is None else replace(NOBODY, refusal=_refusal(dead))

    def _proxied(self, request: web.Request) -> Caller:
        """Return whom a trusted proxy names; what anybody else says in that header is nothing."""
        header = self._access.identity_header
        if not header or not self._is_trusted(request.remote or ""):
            return NOBODY
        names = request.headers.getall(header, ())
        if len(names) != 1 or not names[0] or not names[0].isprintable() or len(names[0]) > MAX_NAME:
            return NOBODY
        name = names[0]
        role = Role.NOBODY
        if _is_among(name, self._access.operators):
            role = Role.OPERATOR
        elif _is_among(name, self._access.viewers):
            role = Role.VIEWER
        return Caller(name=f"user:{name}", role=role, way=Way.PROXY)

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._trusted)


def _refusal(dead: Token) -> Refusal:
    """Return what whoever holds a dead token is told."""
    flaw, word, at = Flaw.EXPIRED, "expired", dead.expires_at
    if dead.revoked_at is not None:
        flaw, word, at = Flaw.REVOKED, "was revoked", dead.revoked_at
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
    told = f"The token `{dead.name}` {word} at {when}."
    return Refusal(flaw=flaw, detail=f"{told} An operator makes another one with `strangler token create`.")


def _is_among(name: str, names: tuple[str, ...]) -> bool:
    return name in names or "*" in names
