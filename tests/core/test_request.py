"""Requests: what is accepted has one meaning, and all else is refused with the status that says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.headers import RequestHead, is_host
from strangler.core.model import ListenerLimits
from strangler.core.problem import Problem, RefusedError
from strangler.core.request import accept

Fields = list[tuple[bytes, bytes]]

LIMITS = ListenerLimits(target_bytes=64, header_count=4)
HOST = (b"Host", b"shop.test")

methods = st.sampled_from([b"GET", b"POST", b"OPTIONS", b"CONNECT"]) | st.binary()
odd_targets = st.sampled_from([b"/", b"/a#b", b"*", b"http://a/b", b"http://u@a/", b"/" + b"a" * 64]) | st.binary()
versions = st.sampled_from(["1.1", "1.0", "0.9", "2.0", ""])
fields = st.lists(
    st.sampled_from(
        [
            HOST,
            (b"host", b""),
            (b"Host", b"a b"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Content-Length", b"3"),
            (b"Connection", b"upgrade"),
            (b"Upgrade", b"websocket"),
            (b"Upgrade", b"h2c"),
        ]
    )
    | st.tuples(st.binary() | st.just(b"content-length"), st.binary()),
    max_size=5,
)


def accepted(
    *more: tuple[bytes, bytes],
    method: bytes = b"GET",
    target: bytes = b"/",
    version: str = "1.1",
    host: tuple[bytes, bytes] | None = HOST,
) -> tuple[bytes, RequestHead]:
    headers = [*([host] if host else []), *more]
    return accept(method=method, target=target, version=version, headers=headers, limits=LIMITS)


def refused(*more: tuple[bytes, bytes], **arguments: object) -> Problem:
    with pytest.raises(RefusedError) as caught:
        accepted(*more, **arguments)  # type: ignore[arg-type]  # of keywords
    return caught.value.problem


@given(methods, odd_targets, versions, fields)
def test_any_request_is_accepted_with_one_meaning_or_refused_and_its_connection_closed(
    method: bytes, target: bytes, version: str, headers: Fields
) -> None:
    try:
        form, head = accept(method=method, target=target, version=version, headers=headers, limits=LIMITS)
    except RefusedError as refusal:
        assert refusal.problem.value.closes
        return

    assert form.startswith(b"/") or (form, method) == (b"*", b"OPTIONS")
    assert b"#" not in form
    assert head.host is None or head.host == b"" or is_host(head.host)
    assert version == "1.0" or head.host is not None
    hosts = [index for index, line in enumerate(head.lines) if line.lower().startswith(b"host:")]
    assert hosts == ([head.host_line] if head.host is not None else [])
    assert head.upgrade is None or b"h2c" not in head.upgrade.lower()


@pytest.mark.parametrize(
    ("problem", "arguments"),
    [
        (Problem.VERSION, {"version": "2.0"}),
        (Problem.BAD_REQUEST, {"version": "0.9"}),
        (Problem.METHOD, {"method": b"TRACE"}),
        (Problem.BAD_TARGET, {"target": b"/%00"}),
        (Problem.METHOD, {"method": b"CONNECT", "target": b"a:80"}),
        (Problem.TARGET_TOO_LONG, {"target": b"/" + b"a" * 64}),
        (Problem.BAD_HOST, {"host": None}),
        (Problem.BAD_HOST, {"host": (b"Host", b"a, b")}),
        (Problem.BAD_HOST, {"host": (b"Host", b"a" * 262)}),
        (Problem.BAD_TARGET, {"target": b"/a#b"}),
        (Problem.BAD_TARGET, {"target": b"http://a/#b"}),
        (Problem.BAD_TARGET, {"target": b"*"}),
        (Problem.BAD_TARGET, {"target": b"a"}),
        (Problem.BAD_TARGET, {"target": b""}),
        (Problem.BAD_TARGET, {"target": b"ftp://a/b"}),
    ],
)
def test_what_is_not_served_is_refused_with_the_reason(problem: Problem, arguments: dict[str, object]) -> None:
    assert refused(**arguments) is problem


def test_what_has_no_certain_length_is_refused() -> None:
    assert refused((b"Transfer-Encoding", b"chunked"), version="1.0") is Problem.BAD_FRAMING
    assert refused((b"Transfer-Encoding", b"gzip")) is Problem.TRANSFER_CODING


def test_the_limits_are_those_that_are_given() -> None:
    at_the_limit = [(b"a", b"1")] * 3

    assert accepted(*at_the_limit, target=b"/" + b"a" * 63)[0] == b"/" + b"a" * 63
    assert refused(*at_the_limit, (b"b", b"")) is Problem.HEADERS_TOO_LARGE


def test_the_authority_of_an_absolute_target_takes_the_place_of_host() -> None:
    target, head = accepted((b"a", b"1"), target=b"http://other.test:81/b?c")

    assert (target, head.host) == (b"/b?c", b"other.test:81")
    assert head.lines == [b"Host: other.test:81\r\n", b"a: 1\r\n"]


def test_an_absolute_target_of_an_old_client_gives_it_a_host() -> None:
    _, head = accepted((b"a", b"1"), target=b"http://other.test", version="1.0", host=None)

    assert (head.host, head.host_line) == (b"other.test", 0)
    assert head.lines == [b"Host: other.test\r\n", b"a: 1\r\n"]


def test_an_old_client_needs_no_host() -> None:
    assert accepted(version="1.0", host=None)[1].host is None


def test_the_options_of_the_server_as_a_whole_can_be_asked_for() -> None:
    assert accepted(method=b"OPTIONS", target=b"*")[0] == b"*"


UPGRADE = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))


@pytest.mark.parametrize(
    ("more", "version", "upgrade"),
    [
        (UPGRADE, "1.1", b"websocket"),
        ((*UPGRADE, (b"Content-Length", b"0")), "1.1", b"websocket"),
        (UPGRADE, "1.0", None),
        ((*UPGRADE, (b"Content-Length", b"3")), "1.1", None),
        ((*UPGRADE, (b"Transfer-Encoding", b"chunked")), "1.1", None),
        ((UPGRADE[0], (b"Upgrade", b"h2c")), "1.1", None),
        ((UPGRADE[0], (b"Upgrade", b"websocket, H2C ")), "1.1", None),
        ((UPGRADE[1],), "1.1", None),
    ],
)
def test_only_a_bodyless_request_may_ask_for_another_protocol_and_never_for_one_that_passes_the_routes(
    more: tuple[tuple[bytes, bytes], ...], version: str, upgrade: bytes | None
) -> None:
    assert accepted(*more, version=version)[1].upgrade == upgrade
