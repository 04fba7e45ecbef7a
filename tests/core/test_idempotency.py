"""Idempotency keys: what is one, and what stands for it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.idempotency import DIGEST_BYTES, MAX_KEY, KeyFault, digest, parse_key, read_key

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
