"""Advice: where everything is, and what to try, as lines that can be copied into another shell."""

from collections.abc import Iterable
from pathlib import Path

from demo.admin import Status
from demo.children import ROOT
from demo.ports import Layout

SHADOW = ROOT / "demo" / "shadow.yaml"
"""The routes file of the demo in shadow mode."""


TOKEN_SHOWN_S = 60.0
"""How long a new token stays on a screen that others may walk past: long enough to copy it."""


def still_shown(token: str, uptime_s: float, *, is_valid: bool) -> str:
    """Return what of a new token is worth showing after so long; empty once it is neither new nor good."""
    return token if is_valid and uptime_s < TOKEN_SHOWN_S else ""


def signing_in(layout: Layout, token: str) -> Iterable[str]:
    """Return where the dashboard is and what opens it: a token that was made just now, else the one in its file."""
    if not token:
        # Because a line of 80 columns has no room for both, and half a path is worse than none.
        yield f"dashboard  {layout.admin.url}/   (sign in with the token in this file)"
        yield f"token      {_short(layout.state_dir / 'admin-token')}"
        return
    yield f"dashboard  {layout.admin.url}/   (sign in with this token, shown this once)"
    yield f"token      {token}"


def addresses(layout: Layout, logs: Path, token: str) -> Iterable[str]:
    """Return where everything is."""
    services = ", ".join(f"{place.name} {place.url.removeprefix('http://')}" for place in layout.services)
    yield f"proxy      {layout.listen.url}   (everything goes here; try {layout.listen.url}/admin in a browser)"
    yield from signing_in(layout, token)
    if token:
        yield "           (an operator's, good for 24 hours; then make one with"
        yield f"           .venv/bin/strangler token create NAME --role operator{_file(layout)})"
    yield f"admin      {layout.admin.url}   (/metrics, /readyz; the API wants the same token)"
    yield f"monolith   {layout.monolith.url}"
    if services:
        yield f"extracted  {services}"
    yield f"routes     {_short(layout.routes)}   (edit it while this runs)"
    yield f"logs       {_short(logs)}"


def commands(layout: Layout, status: Status | None = None) -> Iterable[str]:
    """Return what to try, the most telling first; each line fits 80 columns with an indent of 2."""
    file = _file(layout)
    payments = layout.service("payments")
    if layout.routes == SHADOW:
        yield f".venv/bin/strangler shadow report{file}"
        yield f".venv/bin/strangler shadow report payments.read --bound 99.9%{file}"
        yield f".venv/bin/strangler status{file}"
        return
    if status is not None and status.is_killed:
        yield f'.venv/bin/strangler kill off --reason "enough seen"{file}'
    for route in status.tripped[:1] if status is not None else ():
        if payments is not None:
            yield f"curl -X DELETE {payments.url}/_faults"
        yield f'.venv/bin/strangler reset {route.name} --reason "mended"{file}'
        yield f".venv/bin/strangler audit list{file}"
        return
    yield f".venv/bin/strangler flags set payments 25% --reason demo{file}"
    if payments is not None:
        # Because curl's shorter --json is missing in the versions of many systems in use.
        yield (
            f"curl -X PUT {payments.url}/_faults -d '{{\"error_rate\": 0.2}}' \\\n  -H 'Content-Type: application/json'"
        )
    yield f".venv/bin/strangler status{file}"
    if payments is not None:
        yield f"curl -X DELETE {payments.url}/_faults"
    yield f'.venv/bin/strangler reset payments.create --reason "mended"{file}'
    yield f".venv/bin/strangler audit list{file}"
    yield f".venv/bin/strangler explain GET /api/payments/17 -H 'X-User-Id: 42'{file}"
    yield f"curl -i {layout.listen.url}/api/users/42 -H 'X-User-Id: 42'"
    yield f".venv/bin/strangler flags set payments off --reason demo{file}"


def _file(layout: Layout) -> str:
    """Return what a command needs to find this demo, if anything."""
    return "" if layout.routes == ROOT / "routes.yaml" else f" -c {_short(layout.routes)}"


def _short(path: Path) -> str:
    """Return a path as one would type it at the root of the repository."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
