"""Decisions: the same for the same arguments, by one snapshot, and always with a reason."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from strangler.core.decide import Decision, Flags, Reason, decide, plain_host
from strangler.core.model import Config, Side
from strangler.core.problem import Problem, RefusedError
from strangler.core.snapshot import Snapshot, compile_snapshot
from strangler.flags.data import NOT_READY
from strangler.flags.evaluator import Evaluator
from tests.core.requests import ASSIGNED, EVERYTHING, USER, Fixed, Request, config, requests, route, token
from tests.support.flags import Problems, flag_data, percent_flag

SPARE = "spare"
shares = st.integers(0, 10_000)
keys = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1)


def snapshot(by: Config, flags: Flags | None = None, generation: int = 1) -> Snapshot:
    return compile_snapshot(by, generation=generation, flags=flags or Fixed(False))


def decision(by: Snapshot, request: Request) -> Decision:
    return decide(by, **request._asdict(), spare_key=SPARE)[0]


def is_refused(by: Snapshot, request: Request) -> bool:
    try:
        decision(by, request)
    except RefusedError as refusal:
        assert refusal.problem is Problem.AMBIGUOUS_PATH
        return True
    return False


def of_key(by: Snapshot, target: bytes, key: str) -> Decision:
    return decision(by, Request(target=target, headers=((b"X-User-Id", key.encode()),)))


@given(requests, st.booleans())
@example(Request(target=b"/api/payments", headers=((b"Authorization", token({"sub": "\ud800"})),)), False)
@example(Request(target=b"/api/users/1", headers=((b"Authorization", token({"sub": "\ud800"})),)), False)
@example(Request(target=b"/api/users/1", headers=((b"Authorization", b"Bearer e30." + b"W1tb" * 2_000 + b".x"),)), True)
def test_any_bytes_have_a_decision_with_a_reason_and_an_upstream_or_are_refused_as_ambiguous(
    request: Request, value: bool
) -> None:
    by = snapshot(EVERYTHING, Fixed(value))
    if is_refused(by, request):
        return

    found = decision(by, request)

    assert isinstance(found.reason, Reason)
    assert found.upstream == ("payments" if found.side is Side.EXTRACTED else "monolith")
    assert (found.route is None) == (found.reason is Reason.UNROUTED)


@given(requests)
def test_the_same_arguments_have_the_same_decision(request: Request) -> None:
    one, other = snapshot(EVERYTHING, Fixed(True)), snapshot(EVERYTHING, Fixed(True))
    assume(not is_refused(one, request))

    first = decide(one, **request._asdict(), spare_key=SPARE)

    assert decide(one, **request._asdict(), spare_key=SPARE) == first
    assert decide(other, **request._asdict(), spare_key=SPARE) == first


@given(requests)
def test_a_later_generation_changes_nothing_for_who_holds_an_earlier_one(request: Request) -> None:
    earlier = snapshot(EVERYTHING, Fixed(False))
    assume(not is_refused(earlier, request))
    before = decision(earlier, request)

    later = snapshot(config(), Fixed(True), generation=2)

    assert decision(later, request).reason is Reason.UNROUTED
    assert decision(earlier, request) is before


@given(requests, st.booleans())
def test_each_decision_counts_in_the_slot_of_its_route_and_side(request: Request, value: bool) -> None:
    by = snapshot(EVERYTHING, Fixed(value))
    assume(not is_refused(by, request))

    found = decision(by, request)

    assert by.slots[found.slot] == ("" if found.route is None else found.route.name, found.side)


@given(keys, shares, shares)
def test_raising_a_share_never_sends_a_key_back(key: str, one: int, other: int) -> None:
    low, high = (snapshot(config(route("r", "/a", share=share))) for share in sorted((one, other)))

    if of_key(low, b"/a", key).side is Side.EXTRACTED:
        assert of_key(high, b"/a", key).side is Side.EXTRACTED


@given(keys, shares)
def test_the_routes_of_a_cohort_agree_on_every_key(key: str, share: int) -> None:
    by = snapshot(config(route("one", "/a", share=share, cohort="c"), route("two", "/b/{id}", share=share, cohort="c")))

    assert of_key(by, b"/a", key).side is of_key(by, b"/b/1", key).side


@given(keys)
def test_a_route_without_a_cohort_is_one_of_its_own_name(key: str) -> None:
    by = snapshot(config(route("one", "/a", share=5_000), route("two", "/b", share=5_000, cohort="one")))

    assert of_key(by, b"/a", key).side is of_key(by, b"/b", key).side


@given(keys, st.sampled_from([b"/a", b"//a", b"/%61", b"/x/../a", b"/a;v=1", b"/a?b"]))
def test_no_spelling_of_a_path_changes_the_side(key: str, target: bytes) -> None:
    by = snapshot(config(route("r", "/a", share=5_000)))

    assert of_key(by, target, key) is of_key(by, b"/a", key)


@pytest.mark.parametrize(
    "target",
    [b"/api/users/..%2Fstatus", b"/api/users/x/..%5c..%5Cstatus", b"/api/users/..;/status", b"/" + b"%2f" * 200],
)
def test_a_path_that_servers_read_as_two_routes_is_refused_unless_that_is_off(target: bytes) -> None:
    assert is_refused(snapshot(EVERYTHING), Request(target=target))
    assert not is_refused(snapshot(replace(EVERYTHING, strict_paths=False)), Request(target=target))


def test_a_path_that_only_some_servers_read_as_a_routes_is_that_routes() -> None:
    found = decision(snapshot(EVERYTHING), Request(target=b"/other/..%2Fapi%2Fstatus"))

    assert (found.route and found.route.name) == "all"


RULE = {
    "id": "r",
    "clauses": [{"attribute": "country", "op": "in", "values": ["DE"], "contextKind": "user"}],
    "variation": 1,
}
REASONS: list[tuple[Reason, Side, dict[str, Any], Sequence[tuple[bytes, bytes]]]] = [
    (Reason.FLAG_OFF, Side.LEGACY, {"on": False}, ()),
    (Reason.FLAG_TARGET, Side.EXTRACTED, {"targets": [{"values": ["ann"], "variation": 1}]}, ()),
    (Reason.FLAG_RULE, Side.EXTRACTED, {"rules": [RULE]}, ((b"CF-IPCountry", b"DE"),)),
    (Reason.FLAG_FALLTHROUGH, Side.LEGACY, {}, ()),
    (Reason.FLAG_INVALID, Side.LEGACY, {"fallthrough": {"variation": 7}}, ()),
    (Reason.FLAG_INVALID, Side.LEGACY, {"variations": ["neither", "nor"]}, ()),
]


@pytest.mark.parametrize(("reason", "side", "changes", "headers"), REASONS)
def test_a_flags_answer_gives_the_side_and_the_reason(
    reason: Reason, side: Side, changes: dict[str, Any], headers: Sequence[tuple[bytes, bytes]]
) -> None:
    flags = Evaluator(on_problem=Problems()).apply(flag_data(percent_flag("users", 0, **changes)))

    found = decision(
        snapshot(EVERYTHING, flags), Request(target=b"/api/users/1", headers=((b"X-User-Id", b"ann"), *headers))
    )

    assert (found.reason, found.side) == (reason, side)


def test_every_reason_can_be_reached() -> None:
    none, not_ready = (Evaluator(on_problem=Problems()).apply(data) for data in (flag_data(), NOT_READY))
    user = ((b"X-User-Id", b"ann"),)

    reached = {
        decision(snapshot(EVERYTHING, none), Request(target=b"/api/users/1", headers=user)).reason,
        decision(snapshot(EVERYTHING, not_ready), Request(target=b"/api/users/1", headers=user)).reason,
        decision(snapshot(EVERYTHING), Request(target=b"/nowhere")).reason,
        decision(snapshot(EVERYTHING), Request(target=b"/admin/x")).reason,
        decision(snapshot(EVERYTHING), Request(target=b"/api/payments", headers=user)).reason,
        decision(snapshot(config(route("r", "/a", share=1))), Request(target=b"/a")).reason,
    }

    instead = decision(snapshot(EVERYTHING), Request(target=b"/api/status")).instead
    assert instead is not None
    overridden = {Reason.KILLED, Reason.TRIPPED, Reason.PROBING, Reason.HOLD_BACK, Reason.KEPT}  # have their own tests
    assert reached | {instead.reason} | {reason for reason, _, _, _ in REASONS} == set(Reason) - overridden


@pytest.mark.parametrize(
    ("by", "side", "reason"),
    [
        (route("r", "/a", share=0), Side.LEGACY, Reason.SHARE),
        (route("r", "/a", share=10_000), Side.EXTRACTED, Reason.SHARE),
        (route("r", "/a", extracted=None), Side.LEGACY, Reason.NOT_SPLIT),
        (route("r", "/a", share=5_000, identity=()), Side.LEGACY, Reason.NO_IDENTITY),
        (route("r", "/a", flag="f", identity=()), Side.LEGACY, Reason.NO_IDENTITY),
    ],
)
def test_a_request_without_a_key_has_the_decision_that_needs_none(by: Any, side: Side, reason: Reason) -> None:
    found, assigned = decide(snapshot(config(by), Fixed(True)), **Request(target=b"/a")._asdict(), spare_key=SPARE)

    assert (found.side, found.reason, assigned) == (side, reason, "")


def test_a_client_without_a_key_is_assigned_one_and_decided_by_it() -> None:
    flags = Fixed(True)
    by = snapshot(config(route("r", "/a", flag="f", identity=(USER, ASSIGNED))), flags)
    arguments = Request(target=b"/a")._asdict()

    _, assigned = decide(by, **arguments, spare_key=SPARE)
    _, again = decide(by, **{**arguments, "headers": ((b"Cookie", b"strangler_id=spare"),)}, spare_key="another")

    assert (assigned, again) == (SPARE, "")
    assert flags.asked == [("f", SPARE, ()), ("f", SPARE, ())]


def test_a_flag_is_asked_with_the_attributes_that_the_request_has() -> None:
    flags = Fixed(True)
    headers = ((b"X-User-Id", b"ann"), (b"CF-IPCountry", b"DE"))

    decision(snapshot(EVERYTHING, flags), Request(target=b"/api/users/1", headers=headers))

    assert flags.asked == [("users", "ann", (("country", "DE"),))]


def test_a_route_for_a_header_is_for_requests_with_it() -> None:
    by = snapshot(EVERYTHING)

    with_it = decision(by, Request(target=b"/api/beta", headers=((b"X-BETA", b""),)))

    assert (with_it.route and with_it.route.name) == "beta"
    assert decision(by, Request(target=b"/api/beta")).route is None


@given(st.binary())
def test_a_host_without_its_port_is_lower_case(host: bytes) -> None:
    assert plain_host(host) == plain_host(host).lower()


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        (b"", ""),
        (b"A.Test", "a.test"),
        (b"a.test.", "a.test"),
        (b"a.test:8080", "a.test"),
        (b"a.test.:8080", "a.test"),
        (b"a.test:", "a.test"),
        (b"a.test:http", "a.test:http"),
        (b"[::1]", "[::1]"),
        (b"[::1]:80", "[::1]"),
    ],
)
def test_a_host_is_compared_as_routes_name_it(host: bytes, plain: str) -> None:
    assert plain_host(host) == plain


def test_hosts_that_strangers_make_up_are_not_kept_at_length() -> None:
    by = snapshot(config(route("r", "/a")))
    tracemalloc.start()

    for number in range(2_000):
        host = b"%d." % number + b"a" * 30_000
        decide(by, method=b"GET", target=b"/a", host=host, headers=(), peer="192.0.2.1", spare_key="")

    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2_000_000
