"""Explanations: the data plane's own decision, with the steps to it and without the key."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.decide import Reason, decide
from strangler.core.explain import Explanation, explain
from strangler.core.model import Side
from strangler.core.problem import RefusedError
from strangler.core.snapshot import compile_snapshot
from strangler.core.split import place, side
from tests.core.requests import EVERYTHING, Fixed, Request, requests

SPARE = "spare"
PLAIN = Explanation(
    path="/nowhere",
    route="",
    template="",
    flag="",
    share=None,
    identity="",
    key_digest="",
    place=None,
    side=Side.LEGACY,
    reason=Reason.UNROUTED,
    upstream="monolith",
    generation=3,
)


def explained(request: Request, value: bool | str | None = True) -> Explanation:
    snapshot = compile_snapshot(EVERYTHING, generation=3, flags=Fixed(value))
    return explain(snapshot, **request._asdict(), spare_key=SPARE)


@given(requests, st.booleans() | st.sampled_from(["live", "off", "neither"]))
def test_what_is_explained_is_what_is_decided(request: Request, value: bool | str) -> None:
    snapshot = compile_snapshot(EVERYTHING, generation=3, flags=Fixed(value))

    try:
        found = explain(snapshot, **request._asdict(), spare_key=SPARE)
    except RefusedError:
        with pytest.raises(RefusedError):
            decide(snapshot, **request._asdict(), spare_key=SPARE)
        return
    decision, _ = decide(snapshot, **request._asdict(), spare_key=SPARE)

    assert (found.side, found.reason, found.upstream) == (decision.side, decision.reason, decision.upstream)
    assert found.route == ("" if decision.route is None else decision.route.name)


@given(st.text(st.characters(min_codepoint=0x100, exclude_categories=["Cs"]), min_size=3))
def test_the_key_is_not_part_of_the_explanation(key: str) -> None:
    target = b"/api/payments?user=" + "".join(f"%{byte:02x}" for byte in key.encode()).encode()

    found = explained(Request(target=target))

    assert found.identity == "query user"
    assert len(found.key_digest) == 8
    assert key not in repr(asdict(found))


def test_a_request_that_no_route_names() -> None:
    assert explained(Request(target=b"/nowhere")) == PLAIN


def test_a_route_that_is_not_split() -> None:
    found = explained(Request(target=b"/admin/x"))

    assert found == replace(PLAIN, path="/admin/x", route="kept", template="/admin/{page}", reason=Reason.NOT_SPLIT)


def test_a_route_that_is_whole_on_one_side() -> None:
    found = explained(Request(target=b"/api//status?a"))

    assert found == replace(
        PLAIN,
        path="/api/status",
        route="all",
        template="/api/status",
        share=10_000,
        side=Side.EXTRACTED,
        reason=Reason.SHARE,
        upstream="payments",
    )


def test_a_route_that_its_share_splits() -> None:
    where = place("payments", "ann")

    found = explained(Request(target=b"/api/payments", headers=((b"X-User-Id", b"ann"),)))

    expected = side(where, 2_500)
    assert found == replace(
        PLAIN,
        path="/api/payments",
        route="create",
        template="/api/payments",
        share=2_500,
        identity="header x-user-id",
        key_digest="49915e0d",
        place=where,
        side=expected,
        reason=Reason.SHARE,
        upstream="payments" if expected is Side.EXTRACTED else "monolith",
    )


def test_a_route_that_its_flag_splits() -> None:
    found = explained(Request(target=b"/api/users/1", headers=((b"X-User-Id", b"ann"),)))

    assert (found.flag, found.share, found.place, found.side) == ("users", None, None, Side.EXTRACTED)
    assert found.reason is Reason.FLAG_FALLTHROUGH


def test_a_client_without_an_identity_is_explained_as_one_that_was_just_assigned_a_key() -> None:
    found = explained(Request(target=b"/api/payments"))

    assert (found.identity, found.key_digest) == ("assigned strangler_id", "")
    assert found.place == place("payments", SPARE)
    assert found.reason is Reason.SHARE


def test_a_client_that_cannot_be_told_apart_is_explained_so() -> None:
    found = explained(Request(target=b"/api/beta", headers=((b"x-beta", b"1"),)))

    assert (found.identity, found.key_digest, found.place) == ("", "", None)
    assert found.reason is Reason.NO_IDENTITY
