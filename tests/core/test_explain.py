"""Explanations: the data plane's own decision, with the steps to it and without the key."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.decide import Flags, Reason, decide
from strangler.core.explain import Explanation, explain
from strangler.core.migration import Stage
from strangler.core.model import Side
from strangler.core.problem import RefusedError
from strangler.core.shadowing import Shadow
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.snapshot import compile_snapshot
from strangler.core.split import place, side
from tests.core.requests import EVERYTHING, Fixed, Request, config, requests, route

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
    stage=None,
    read=("monolith",),
    write=("monolith",),
    is_undeclared=False,
    sample=0,
    check_ratio=None,
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
        read=("payments",),
        write=("payments",),
    )


def test_a_route_that_its_share_splits() -> None:
    where = place("payments", "ann")

    found = explained(Request(target=b"/api/payments", headers=((b"X-User-Id", b"ann"),)))

    expected = side(where, 2_500)
    upstream = "payments" if expected is Side.EXTRACTED else "monolith"
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
        upstream=upstream,
        read=(upstream,),
        write=(upstream,),
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


def staged(flags: Flags, overrides: Overrides = NO_OVERRIDES, **fields: Any) -> Explanation:
    by = config(route("r", "/a", **{"flag": "f", **fields}))
    snapshot = compile_snapshot(by, generation=3, flags=flags, overrides=overrides)
    return explain(snapshot, **Request(target=b"/a", headers=((b"X-User-Id", b"ann"),))._asdict(), spare_key=SPARE)


OLD, NEW = "monolith", "payments"


@pytest.mark.parametrize(
    ("stage", "read", "write"),
    [
        (Stage.OFF, (OLD,), (OLD,)),
        (Stage.DUALWRITE, (OLD,), (OLD, NEW)),
        (Stage.SHADOW, (OLD, NEW), (OLD, NEW)),
        (Stage.LIVE, (NEW, OLD), (NEW, OLD)),
        (Stage.RAMPDOWN, (NEW,), (NEW, OLD)),
        (Stage.COMPLETE, (NEW,), (NEW,)),
    ],
)
def test_a_stage_is_explained_with_whom_a_read_and_a_write_would_reach(
    stage: Stage, read: tuple[str, ...], write: tuple[str, ...]
) -> None:
    flags = Fixed(stage.value, stage=stage, ratio=10)

    declared = staged(flags, shadow=Shadow(writes=True, sample=2_500))
    silent = staged(flags)

    assert (declared.stage, declared.read, declared.write) == (stage, read, write)
    assert (declared.check_ratio, declared.is_undeclared) == (10, False)
    assert declared.sample == (2_500 if len(read) > 1 else 0)
    assert (silent.read, silent.write) == (read, write[:1])
    assert silent.is_undeclared == (len(write) > 1)


def test_what_is_never_compared_is_explained_so() -> None:
    flags = Fixed("live", stage=Stage.LIVE, ratio=0)

    assert staged(flags).read == (NEW,)
    assert staged(Fixed(False), shadow=Shadow(sample=0, writes=True)).read == (OLD,)
    assert staged(Fixed(False), shadow=Shadow(sample=0, writes=True)).write == (OLD, NEW)


def test_a_trip_in_live_is_explained_with_the_flags_stage_and_what_goes_on() -> None:
    flags = Fixed("live", stage=Stage.LIVE, ratio=1)

    found = staged(flags, Overrides(caps=(("r", 0),)), shadow=Shadow(writes=True))

    assert (found.reason, found.stage, found.read, found.write) == (
        Reason.TRIPPED,
        Stage.LIVE,
        (OLD, NEW),
        (OLD, NEW),
    )


def test_under_the_kill_switch_nothing_is_explained_to_reach_the_extracted_side() -> None:
    flags = Fixed("shadow", stage=Stage.SHADOW, ratio=1)

    found = staged(flags, Overrides(is_killed=True), shadow=Shadow(writes=True))

    assert (found.reason, found.read, found.write) == (Reason.KILLED, (OLD,), (OLD,))


@pytest.mark.parametrize(
    ("methods", "read", "write"),
    [
        ((), (OLD, NEW), (OLD,)),
        (("GET",), (OLD, NEW), ()),
        (("OPTIONS", "TRACE"), (OLD, NEW), ()),
        (("POST",), (), (OLD,)),
        (("GET", "POST"), (OLD, NEW), (OLD,)),
    ],
)
def test_what_a_route_does_not_take_is_not_explained(
    methods: tuple[str, ...], read: tuple[str, ...], write: tuple[str, ...]
) -> None:
    by = config(route("r", "/a", flag="f"))
    (only,) = by.routes
    by = replace(by, routes=(replace(only, match=replace(only.match, methods=methods)),))
    snapshot = compile_snapshot(by, generation=3, flags=Fixed("shadow", stage=Stage.SHADOW, ratio=1))
    method = methods[0].encode() if methods else b"GET"
    request = Request(target=b"/a", method=method, headers=((b"X-User-Id", b"ann"),))

    found = explain(snapshot, **request._asdict(), spare_key=SPARE)

    assert (found.read, found.write, found.is_undeclared) == (read, write, bool(write))
