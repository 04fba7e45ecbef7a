"""Segments: values by their spelling, and paths in which nothing of them is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.normalise import normal
from strangler.core.segments import MAX_DEPTH, PLACEHOLDERS, REST, Kind, kind_of, redact


@pytest.mark.parametrize(
    ("segment", "kind"),
    [
        ("42", Kind.NUMBER),
        ("-17.50", Kind.NUMBER),
        ("2026-11-24", Kind.DATE),
        ("2026-11", Kind.DATE),
        ("2026-W48", Kind.DATE),
        ("2026-11-24T08:45:00Z", Kind.DATE),
        ("123e4567-e89b-12d3-a456-426614174000", Kind.UUID),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", Kind.ULID),
        ("507f1f77bcf86cd799439011", Kind.HASH),
        ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", Kind.HASH),
        ("INV-2024-0017", Kind.CODE),
        ("cus_9s6XKzkNRiz8i3", Kind.CODE),
        ("ORD12345", Kind.CODE),
        ("dQw4w9WgXcQ8", Kind.CODE),
        ("ann@example.com", Kind.EMAIL),
        ("10042.pdf", Kind.FILE),
        ("a%20b", Kind.TEXT),
        ("x" * 65, Kind.TEXT),
        ("lorem-" * 11, Kind.TEXT),
    ],
)
def test_a_value_is_told_by_its_spelling(segment: str, kind: Kind) -> None:
    assert kind_of(segment) is kind


@pytest.mark.parametrize(
    "segment",
    [
        "payments",
        "v1",
        "v2.1",
        "oauth2",
        "sha256",
        "order-17",
        "blue-shirt",
        "index.html",
        "robots.txt",
        "~ann",
        "",
        "s3",
    ],
)
def test_a_word_is_no_value(segment: str) -> None:
    assert kind_of(segment) is None


def test_a_path_keeps_its_names_and_no_value() -> None:
    redacted = redact("/v1/users/ann@example.com/orders/17/2026-11-24/", frozenset())

    assert redacted == "/v1/users/{email}/orders/{number}/{date}/"


def test_a_number_that_a_route_writes_is_a_name() -> None:
    assert redact("/reports/2024/17", frozenset({"2024"})) == "/reports/2024/{number}"


def test_what_is_deeper_than_is_told_apart_is_one_placeholder() -> None:
    redacted = redact("/a" * (MAX_DEPTH + 5), frozenset())

    assert redacted == "/a" * (MAX_DEPTH - 0) + "/" + REST


def test_a_target_that_is_no_path_says_nothing() -> None:
    assert redact("*", frozenset()) == "*"
    assert redact("user@host:1", frozenset()) == "/{text}"


@given(st.binary(max_size=200))
def test_whatever_is_sent_nothing_but_words_and_placeholders_is_left(sent: bytes) -> None:
    redacted = redact(normal(b"/" + sent), frozenset())

    for segment in redacted[1:].split("/"):
        assert segment in PLACEHOLDERS or segment == REST or kind_of(segment) is None


@given(st.text("ab1-/.", max_size=60))
def test_a_second_time_changes_nothing(text: str) -> None:
    once = redact(normal(b"/" + text.encode()), frozenset())

    assert redact(once, frozenset()) == once
