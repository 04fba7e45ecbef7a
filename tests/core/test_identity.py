"""Identity: the first source with a value names the caller, whatever bytes come."""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.identity import MAX_KEY, Fields, read_attributes, read_key, reader_of
from strangler.core.model import Source, SourceKind
from strangler.core.split import place
from tests.core.requests import Request, requests, token

sources = st.builds(
    Source,
    kind=st.sampled_from(SourceKind),
    name=st.sampled_from(["sub", "user", "session", "x-user-id", "authorization", "cookie", ""]) | st.text(),
)


def read(kind: SourceKind, name: str, headers: Fields = (), target: bytes = b"/", peer: str = "") -> str:
    return reader_of(Source(kind=kind, name=name))(headers, target, peer)


@given(requests, st.lists(sources, max_size=4))
@example(Request(headers=((b"authorization", token({"sub": "\udc80"})),)), [Source(kind=SourceKind.JWT, name="sub")])
def test_any_request_has_a_short_key_with_a_place_and_a_source_or_neither(
    request: Request, asked: list[Source]
) -> None:
    found = read_key([(source, reader_of(source)) for source in asked], request.headers, request.target, request.peer)

    key, source = found
    assert (source in asked) if key else found == ("", None)
    assert len(key) <= MAX_KEY
    assert 0 <= place("cohort", key) <= 1


@given(requests, st.lists(sources, min_size=1, max_size=4))
def test_the_first_source_that_has_a_value_gives_the_key(request: Request, asked: list[Source]) -> None:
    readers = [(source, reader_of(source)) for source in asked]

    _, first = read_key(readers, request.headers, request.target, request.peer)

    having = [s for s, reader in readers if reader(request.headers, request.target, request.peer)]
    assert first == (having[0] if having else None)


@given(requests, st.lists(st.tuples(st.text(min_size=1), sources), max_size=4))
def test_attributes_are_those_that_have_a_value_in_order_and_short(
    request: Request, asked: list[tuple[str, Source]]
) -> None:
    readers = [(name, reader_of(source)) for name, source in asked]

    found = read_attributes(readers, request.headers, request.target, request.peer)

    having = [name for name, reader in readers if reader(request.headers, request.target, request.peer)]
    assert [name for name, _ in found] == having
    assert all(0 < len(value) <= MAX_KEY for _, value in found)


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), min_size=1, max_size=3 * MAX_KEY))
@example("x" * MAX_KEY)
@example("x" * (MAX_KEY + 1))
def test_a_long_value_is_stood_for_by_its_digest_and_others_by_themselves(text: str) -> None:
    source = Source(kind=SourceKind.IP)

    key, _ = read_key([(source, reader_of(source))], (), b"/", text)

    assert key == (text if len(text) <= MAX_KEY else sha256(text.encode()).hexdigest())


HEADER, COOKIE, JWT, QUERY = SourceKind.HEADER, SourceKind.COOKIE, SourceKind.JWT, SourceKind.QUERY


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([(b"X-USER-ID", b"ann")], "ann"),
        ([(b"x-user-id", b"\t ann ")], "ann"),
        ([(b"x-user-id", b"ann"), (b"X-User-Id", b"ann")], "ann"),
        ([(b"x-user-id", b"ann"), (b"X-User-Id", b"bob")], ""),
        ([(b"x-user-ix", b"ann")], ""),
        ([(b"x-user-id", b"")], ""),
        ([(b"x-user-id", b"\xc3\xa0")], "\xc3\xa0"),
        ([], ""),
    ],
)
def test_a_header_names_the_caller_unless_it_names_two(headers: Fields, value: str) -> None:
    assert read(HEADER, "X-User-Id", headers) == value


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([(b"Cookie", b"session=1")], "1"),
        ([(b"cookie", b"a=b; session=1; session=2")], "1"),
        ([(b"cookie", b"a=b"), (b"cookie", b"session=1")], "1"),
        ([(b"cookie", b'session="1"')], "1"),
        ([(b"cookie", b"session=a=b")], "a=b"),
        ([(b"cookie", b"session; Session=2;;=")], ""),
        ([(b"set-cookie", b"session=1")], ""),
    ],
)
def test_a_cookie_names_the_caller_and_the_first_wins(headers: Fields, value: str) -> None:
    assert read(COOKIE, "session", headers) == value
    assert read(SourceKind.ASSIGNED, "session", headers) == value


def raw(payload: bytes) -> bytes:
    return b"Bearer e30." + urlsafe_b64encode(payload).rstrip(b"=") + b".c2ln"


@pytest.mark.parametrize(
    ("authorization", "value"),
    [
        (token({"sub": "ann"}), "ann"),
        (token({"sub": "zoë 🙂"}), "zoë 🙂"),
        (token({"sub": 7}), "7"),
        (token({"sub": "ann"}).replace(b"Bearer", b"bEARER"), "ann"),
        (token({"sub": True}), ""),
        (token({"sub": 1.5}), ""),
        (token({"sub": None}), ""),
        (token({"sub": ["ann"]}), ""),
        (token({"sub": "\ud800"}), ""),
        (token({"other": "ann"}), ""),
        (token(["sub"]), ""),
        (token({"sub": "ann", "pad": "x" * 8_192}), ""),
        (raw(b'{"sub": ' + b"9" * 5_000 + b"}"), ""),
        (raw(b"[" * 6_000), ""),
        (raw(b"\xff"), ""),
        (raw(b""), ""),
        (b"Bearer a.b", ""),
        (b"Bearer e30.\xff\xff.x", ""),
        (b"Basic " + token({"sub": "ann"})[7:], ""),
        (b"Bearer", ""),
    ],
)
def test_a_tokens_claim_names_the_caller_if_it_is_text_or_a_whole_number(authorization: bytes, value: str) -> None:
    assert read(JWT, "sub", [(b"Authorization", authorization)]) == value


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(10**300), 10**300))
def test_a_claim_is_read_as_it_was_written(claim: str | int) -> None:
    assert read(JWT, "sub", [(b"authorization", token({"sub": claim}))]) == str(claim)


@pytest.mark.parametrize(
    ("target", "value"),
    [
        (b"/?user=ann", "ann"),
        (b"/?a=b&user=ann&user=bob", "ann"),
        (b"/?%75ser=a%20b+c", "a b c"),
        (b"/?user=zo%C3%AB", "zoë"),
        (b"/?user=%ff", "\ufffd"),
        (b"/?user", ""),
        (b"/?users=ann", ""),
        (b"/user=ann", ""),
    ],
)
def test_a_parameter_of_the_query_names_the_caller(target: bytes, value: str) -> None:
    assert read(QUERY, "user", target=target) == value


def test_the_clients_address_names_it() -> None:
    assert read(SourceKind.IP, "", peer="192.0.2.7") == "192.0.2.7"


def test_json_of_a_claim_is_not_trusted_to_be_an_object() -> None:
    for payload in ("[]", "1", '"sub"', "null", json.dumps({"sub": {}})):
        assert read(JWT, "sub", [(b"authorization", raw(payload.encode()))]) == ""
