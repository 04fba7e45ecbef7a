"""Idempotency keys: what is one, and what stands for it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.idempotency import DIGEST_BYTES, MAX_KEY, KeyFault, digest, key_for, parse_key, read_key

CHARACTERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=MAX_KEY)
TRIPLES = st.tuples(st.text(max_size=20), st.text(max_size=20), st.binary(max_size=20))


def quoted(key: str) -> bytes:
    return b'"' + key.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


@given(CHARACTERS)
def test_every_string_of_the_draft_is_read_back(key: str) -> None:
    assert parse_key(quoted(key)) == key.encode()


@given(st.from_regex(rb"[A-Za-z0-9_:.\-]{1,255}", fullmatch=True))
def test_a_bare_key_means_the_same_as_a_quoted_one(key: bytes) -> None:
    assert parse_key(key) == parse_key(b'"' + key + b'"') == key


@given(st.binary(max_size=600))
@example(b'"')
@example(b'"\\')
def test_no_bytes_are_more_than_a_key_or_a_fault(value: bytes) -> None:
    found = parse_key(value)

    assert isinstance(found, KeyFault) or 0 < len(found) <= MAX_KEY


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"", KeyFault.MALFORMED),
        (b'""', KeyFault.MALFORMED),
        (b'"a', KeyFault.MALFORMED),
        (b'"a"b', KeyFault.MALFORMED),
        (b'"a", "b"', KeyFault.MALFORMED),
        (b"a,b", KeyFault.MALFORMED),
        (b'"a";v=1', KeyFault.MALFORMED),
        (b"a b", KeyFault.MALFORMED),
        (b'"a\x00"', KeyFault.MALFORMED),
        ("é".encode(), KeyFault.MALFORMED),
        (b"a" * 256, KeyFault.TOO_LONG),
        (b'"' + b"a" * 256 + b'"', KeyFault.TOO_LONG),
        (b"a" * 10_000, KeyFault.TOO_LONG),
    ],
)
def test_what_is_no_key_is_named(value: bytes, fault: KeyFault) -> None:
    assert parse_key(value) is fault


def test_a_request_has_one_key_or_a_fault() -> None:
    name = b"idempotency-key"

    assert read_key([(b"Idempotency-Key", b"k1"), (b"A", b"b")], name) == b"k1"
    assert read_key([(b"A", b"b")], name) is KeyFault.MISSING
    assert read_key([(b"Idempotency-Key", b"k1"), (b"IDEMPOTENCY-KEY", b"k1")], name) is KeyFault.REPEATED


@given(TRIPLES, TRIPLES)
def test_only_the_same_route_tenant_and_key_share_a_digest(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)
    assert len(digest(*one)) == DIGEST_BYTES


@given(key=st.from_regex(rb"[!#-+\--:<-\[\]-~]{1,40}", fullmatch=True), one=st.binary(), other=st.binary())
def test_a_side_gets_the_same_key_for_the_same_key_and_it_is_one(key: bytes, one: bytes, other: bytes) -> None:
    sent = key_for("extracted", key, one)

    assert sent == key_for("extracted", key, other)
    assert not isinstance(parse_key(sent), KeyFault)
    assert sent != key
    assert sent != key_for("legacy", key, one)


@given(one=st.text(min_size=1), other=st.text(min_size=1))
def test_other_keys_get_other_keys_and_requests_without_one_their_own(one: str, other: str) -> None:
    keys = [key_for("extracted", b"", text.encode("utf-8", "surrogatepass")) for text in (one, other)]

    assert (keys[0] == keys[1]) is (one == other)
    assert keys[0].startswith(b'"')


def test_a_quoted_key_is_the_same_key_and_is_answered_in_quotes() -> None:
    assert key_for("legacy", b'"a"', b"x") == b'"%b"' % key_for("legacy", b"a", b"y")


def test_what_is_no_key_is_still_told_apart() -> None:
    assert key_for("legacy", b"a, b", b"x") == key_for("legacy", b"a, b", b"y") != key_for("legacy", b"a, c", b"x")
