"""Scenarios: which request is sent over and over."""

from dataclasses import dataclass

USERS = 1_000
"""How many callers the load pretends to be."""
FLAG = "bench"
SHARE = "2%"
"""Of the callers; both sides of the flagged route are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of request to a flagged route."""

    name: str
    method: str
    path: str
    body_bytes: int = 0


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="get", method="GET", path="/api/orders/42"),
        Scenario(name="post1k", method="POST", path="/api/orders/42", body_bytes=1024),
        Scenario(name="get64k", method="GET", path="/large/42"),
    )
}
_AREAS = (
    ("users", ("", "/{id}", "/{id}/kyc", "/{id}/transactions")),
    ("payments", ("", "/{id}", "/{id}/refunds")),
    ("invoices", ("", "/{id}", "/{id}/pay", "/{id}/lines/{line}")),
    ("payroll", ("/runs", "/runs/{id}")),
    ("notifications", ("", "/stream")),
    ("reports", ("/{year}/{month}", "/latest")),
    ("status", ("",)),
)


def beginning(*, legacy: int, extracted: int) -> tuple[str, ...]:
    """Return a routes file's lines up to its upstreams, on ports that the system picks."""
    return (
        "version: 1",
        "listen: 127.0.0.1:0",
        "admin: 127.0.0.1:0",
        "workers: 1",
        "state_dir: state",
        "upstreams:",
        f'  monolith: {{url: "http://127.0.0.1:{legacy}", default: true}}',
        f'  extracted: {{url: "http://127.0.0.1:{extracted}"}}',
    )


def routes_text(*, legacy: int, extracted: int) -> str:
    """Return a routes file of twenty routes, two of which the scenarios hit."""
    lines = [
        *beginning(legacy=legacy, extracted=extracted),
        "defaults:",
        "  identity: [header X-User-Id, assigned cookie]",
        "routes:",
        _route("orders", "/api/orders/{id}", flag=FLAG),
        _route("large", "/large/{id}", flag=FLAG),
    ]
    for area, paths in _AREAS:
        lines += [_route(f"{area}.{number}", f"/api/{area}{path}", flag=area) for number, path in enumerate(paths)]
    return "\n".join(lines) + "\n"


def _route(name: str, path: str, *, flag: str) -> str:
    return (
        f'  - {{name: {name}, match: {{methods: [GET, POST], path: "{path}"}}, extracted: extracted, flag: "{flag}"}}'
    )
