"""The admin API as the demo uses it: what runs, and the flags that it starts with."""

from collections.abc import Mapping
from pathlib import Path

import aiohttp
import msgspec

from demo.errors import DemoError

STARTING_SHARES: Mapping[str, str] = {"notifications": "50%", "users": "10%", "payments": "2%"}
"""Three stages of a migration at once, the most careful one where money is."""
TOKEN_S = 24 * 3600
"""As the token that `strangler serve` shows at its first start on a terminal."""
_DEMO = "demo"
"""The name of the token that a demo makes."""
_TIMEOUT = aiohttp.ClientTimeout(total=5)


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one side of a route did since the proxy started."""

    requests: int
    failures: dict[str, int]
    p95_ms: float | None

    @property
    def failed(self) -> int:
        """Failures of all kinds."""
        return sum(self.failures.values())


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides of a route."""

    legacy: Side
    extracted: Side


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """How a route is guarded just now."""

    phase: str
    since: float
    why: str
    is_alone: bool

    @property
    def is_open(self) -> bool:
        """Whether it keeps traffic from the extracted side: tripped, cooling or probing."""
        return self.phase != "closed"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint."""

    name: str
    flag: str | None
    share_bp: int | None
    note: str
    sides: Sides
    guard: Guard | None = None


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the routes file."""

    file: str
    state: str
    faults: tuple[str, ...]


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """Where flags come from."""

    source: str


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process."""

    pid: int
    state: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The part of `GET /api/v1/status` that the demo shows."""

    uptime_s: float
    generation: int
    config: Routes
    flags: Flags
    workers: tuple[Worker, ...]
    routes: tuple[Route, ...]
    unrouted: Side
    is_killed: bool = False
    store_fault: str = ""

    @property
    def tripped(self) -> tuple[Route, ...]:
        """The routes whose guard keeps traffic from the extracted side."""
        return tuple(route for route in self.routes if route.guard is not None and route.guard.is_open)


class _FlagNames(msgspec.Struct, frozen=True, kw_only=True):
    key: str


class _Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    flags: tuple[_FlagNames, ...]


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    is_valid: bool


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    tokens: tuple[_Token, ...]


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    secret: str


class Admin:
    """The proxy as an operator reaches it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, state_dir: Path) -> None:
        self._session = session
        self._url = url
        self._token_file = state_dir / "admin-token"

    async def status(self) -> Status:
        """Return what runs."""
        return msgspec.json.decode(await self._ask("GET", "/api/v1/status"), type=Status)

    async def set_starting_shares(self) -> Mapping[str, str]:
        """Give the routes' flags their first values, if the proxy keeps its flags itself and has none; return them."""
        status = await self.status()
        catalogue = msgspec.json.decode(await self._ask("GET", "/api/v1/flags"), type=_Catalogue)
        if status.flags.source != "embedded" or catalogue.flags:
            return {}
        used = {route.flag for route in status.routes}
        shares = {flag: share for flag, share in STARTING_SHARES.items() if flag in used}
        for flag, share in shares.items():
            await self._ask("PUT", f"/api/v1/flags/{flag}", {"set": share, "reason": "the demo begins"})
        return shares

    async def make_first_token(self) -> str:
        """Return a new token for whoever looks on, which nobody is told again; empty if there was one before."""
        if await self._tokens():
            return ""
        body = {"name": _DEMO, "role": "operator", "expires_s": TOKEN_S, "reason": "shown once as the demo began"}
        return msgspec.json.decode(await self._ask("POST", "/api/v1/tokens", body), type=_Made).secret

    async def has_first_token(self) -> bool:
        """Return whether the token of `make_first_token` opens anything: it may have been revoked."""
        return any(token.name == _DEMO and token.is_valid for token in await self._tokens())

    async def _tokens(self) -> tuple[_Token, ...]:
        return msgspec.json.decode(await self._ask("GET", "/api/v1/tokens"), type=_Tokens).tokens

    async def _ask(self, method: str, path: str, body: object = None) -> bytes:
        try:
            # Because a new instance may make a new token, the file is read each time.
            token = self._token_file.read_text(encoding="ascii").strip()
            # Because nobody else changes what has just been started.
            headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
            async with self._session.request(
                method, f"{self._url}{path}", json=body, headers=headers, timeout=_TIMEOUT
            ) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DemoError(f"the proxy's admin port did not answer ({type(error).__name__}: {error}).") from error
        if answer.status >= 400:
            raise DemoError(f"the proxy's admin port refused {method} {path}: {text.decode(errors='replace')}")
        return text
