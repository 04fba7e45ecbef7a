"""Requests of every kind for the deciders, and a small proxy's configuration to decide them by."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from strangler.core.decide import Evaluation, Reason
from strangler.core.migration import Stage
from strangler.core.model import (
    Address,
    Attribute,
    Config,
    HeaderMatch,
    Match,
    Route,
    Source,
    SourceKind,
    Upstream,
)
from strangler.core.split import bucket


class Request(NamedTuple):
    """What a decision is made of, as `decide` takes it."""

    method: bytes = b"GET"
    target: bytes = b"/"
    host: bytes = b"a.test"
    headers: Sequence[tuple[bytes, bytes]] = ()
    peer: str = "192.0.2.1"


class Fixed:
    """One generation of flags that says the same to everyone."""

    def __init__(
        self,
        value: bool | str | None,
        reason: Reason = Reason.FLAG_FALLTHROUGH,
        *,
        stage: Stage | None = None,
        ratio: int | None = None,
    ) -> None:
        self._answer = Evaluation(value=value, reason=reason, stage=stage)
        self._ratio = ratio
        self.asked: list[tuple[str, str, tuple[tuple[str, str], ...]]] = []

    def place(self, flag: str, key: str) -> float:
        return bucket(f"{flag}.salt", key)

    def evaluate(self, flag: str, key: str, attributes: tuple[tuple[str, str], ...]) -> Evaluation:
        self.asked.append((flag, key, attributes))
        return self._answer

    def check_ratio(self, flag: str) -> int | None:
        return self._ratio


USER = Source(kind=SourceKind.HEADER, name="x-user-id")
ASSIGNED = Source(kind=SourceKind.ASSIGNED, name="strangler_id")
EVERY_SOURCE = (
    USER,
    Source(kind=SourceKind.JWT, name="sub"),
    Source(kind=SourceKind.COOKIE, name="session"),
    Source(kind=SourceKind.QUERY, name="user"),
    ASSIGNED,
)
COUNTRY = Attribute(name="country", source=Source(kind=SourceKind.HEADER, name="cf-ipcountry"))


def route(
    name: str, path: str, *, share: int = 0, flag: str | None = None, cohort: str = "", **fields: object
) -> Route:
    """Return a route that is split to `payments` unless `extracted` says otherwise."""
    given = {"extracted": "payments", "identity": (USER,), **fields}
    match = Match(path=path, headers=given.pop("match_headers", ()))  # type: ignore[arg-type]  # of a keyword
    return Route(name=name, match=match, legacy="monolith", share=share, flag=flag, cohort=cohort, **given)  # type: ignore[arg-type]  # of keywords


def config(*routes: Route) -> Config:
    """Return a configuration with a monolith, one extracted service and these routes."""
    upstreams = tuple(
        Upstream(name=name, addresses=(Address(host="127.0.0.1", port=port),))
        for name, port in (("monolith", 8001), ("payments", 8104))
    )
    return Config(upstreams=upstreams, default_upstream="monolith", routes=routes)


EVERYTHING = config(
    route("read", "/api/payments/{id}", share=2_500, identity=EVERY_SOURCE, cohort="payments"),
    route("create", "/api/payments", share=2_500, identity=EVERY_SOURCE, cohort="payments"),
    route("flagged", "/api/users/{rest...}", flag="users", identity=EVERY_SOURCE, attributes=(COUNTRY,)),
    route("all", "/api/status", share=10_000),
    route("none", "/api/invoices", share=0),
    route("kept", "/admin/{page}", extracted=None),
    route("beta", "/api/beta", share=5_000, match_headers=(HeaderMatch(name="x-beta", value=None),)),
)


def token(payload: object) -> bytes:
    """Return the header value of a bearer token with this payload."""
    body = urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    return b"Bearer e30." + body + b".c2ln"


fields = st.one_of(
    st.tuples(st.binary(), st.binary()),
    st.tuples(
        st.sampled_from([b"X-User-Id", b"x-user-id", b"Cookie", b"Authorization", b"X-Beta", b"CF-IPCountry"]),
        st.one_of(
            st.binary(),
            st.sampled_from([b"ann", b"session=1; session=2", b'session="x"', b"Bearer a.b.c", b"Bearer ..", b"DE"]),
            st.builds(lambda sub: token({"sub": sub}), st.text() | st.integers() | st.booleans() | st.none()),
            st.binary().map(lambda payload: b"Bearer e30." + urlsafe_b64encode(payload) + b".x"),
        ),
    ),
)
requests = st.builds(
    Request,
    method=st.sampled_from([b"GET", b"HEAD", b"POST", b"BREW"]) | st.binary(),
    target=st.sampled_from(
        [b"/api/payments", b"/api/payments/7?user=ann", b"/api/users/1", b"/api/status", b"/admin/x"]
    )
    | st.sampled_from([b"/api/invoices", b"/api/beta", b"/other", b"*", b""])
    | st.binary(),
    host=st.sampled_from([b"a.test", b"A.test:80"]) | st.binary(),
    headers=st.lists(fields, max_size=4).map(tuple),
    peer=st.ip_addresses().map(str) | st.just(""),
)
"""Requests that routes name and that none does, with and without identity, and bytes of all kinds."""
