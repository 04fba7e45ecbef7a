"""Callers: who asks the admin API, by a bearer token, a browser's session, or a proxy that knows its users."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from aiohttp import web

from strangler.control import auth
from strangler.control.failures import Failures
from strangler.control.operations import NOBODY, Caller, Role, Way
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

    def of(self, request: web.Request) -> Caller | None:
        """Return who asks, NOBODY if the request does not say; None if the token that it carries is not right."""
        header = request.headers.get("Authorization", "")
        if header:
            return self._bearer(header)
        session = self.session(request)
        if session is not None:
            found = self._by_id(session.token)
            return NOBODY if found is None else Caller(name=found.name, role=found.role, way=Way.SESSION)
        return self._proxied(request)

    def session(self, request: web.Request) -> Session | None:
        """Return the session whose cookie the request carries."""
        text = request.cookies.get(SECURE_COOKIE if request.secure else COOKIE, "")
        return self._sessions.of(text) if text else None

    def sign_in(self, text: str) -> SignedIn | None:
        """Begin a session of whoever has this token; None if it is not right. Raises StoreError."""
        caller = self._bearer(f"Bearer {text}")
        if caller is None:
            return None
        token = self.tokens.known(text)
        session, cookie = self._sessions.begin(self._file_id if token is None else token.id)
        return SignedIn(
            caller=Caller(name=caller.name, role=caller.role, way=Way.SESSION), session=session, text=cookie
        )

    def sign_out(self, request: web.Request) -> None:
        """End the session whose cookie the request carries. Raises StoreError."""
        session = self.session(request)
        if session is not None:
            self._sessions.end(session)

    def fail(self, request: web.Request) -> int:
        """Note a wrong token and return for how many seconds its peer should wait."""
        return self._failures.fail(request.remote or "", self._clock())

    def _bearer(self, header: str) -> Caller | None:
        # Because both are always looked at, the time tells nothing of which it is like.
        is_file = auth.is_authorized(header, self._token)
        token = self.tokens.known(auth.bearer(header))
        if is_file:
            return Caller(name=FILE_NAME, role=Role.OPERATOR, way=Way.FILE)
        return None if token is None else _caller(token, Way.TOKEN)

    def _by_id(self, identifier: str) -> Caller | None:
        if identifier == self._file_id:
            return Caller(name=FILE_NAME, role=Role.OPERATOR, way=Way.FILE)
        token = self.tokens.of(identifier)
        return None if token is None else _caller(token, Way.TOKEN)

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


def _caller(token: Token, way: Way) -> Caller:
    return Caller(name=f"token:{token.name}", role=token.role, way=way)


def _is_among(name: str, names: tuple[str, ...]) -> bool:
    return name in names or "*" in names
