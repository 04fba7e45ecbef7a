"""Shapes: enough to try other routes on, and nothing of anybody."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given

from strangler.core.decide import Reason
from strangler.core.identity import Fields
from strangler.core.model import HeaderMatch, Idempotency, Side, Source, SourceKind
from strangler.core.normalise import normal
from strangler.core.outcome import Outcome
from strangler.core.shapes import MOST_SOURCES, Shape, ShapeReader, fields_of, sources_of, words_of
from strangler.core.snapshot import compile_snapshot
from strangler.core.split import place
from tests.core.requests import ASSIGNED, EVERYTHING, USER, Fixed, Request, config, requests, route
from tests.core.shapes import SPARE, shape
from tests.core.test_decide import is_refused

BY = compile_snapshot(EVERYTHING, generation=7, flags=Fixed(True))


def test_a_shape_says_what_was_decided_and_where_the_key_stood() -> None:
    found = shape(BY, Request(target=b"/api/payments/17?card=4111", headers=((b"X-User-Id", b"ann"),)))

    assert found == Shape(
        method="GET",
        host="a.test",
        paths=("/api/payments/{number}",),
        fields=(),
        sources=("header x-user-id",),
        route="read",
        cohort="payments",
        source="header x-user-id",
        place=int(place("payments", "ann") * 10_000),
        side=Side.LEGACY,
        reason=Reason.SHARE,
        generation=7,
        is_proof=True,
    )


def test_nothing_that_tells_who_it_was_is_in_a_shape() -> None:
    headers: Fields = (
        (b"X-User-Id", b"secret-ann"),
        (b"Authorization", b"Bearer secret"),
        (b"X-Beta", b"secret"),
        (b"Cookie", b"session=secret"),
    )
    target = b"/api/users/secret%40ann.test/4111111111111111/x@y?q=secret"

    found = shape(BY, Request(target=target, headers=headers, peer="192.0.2.77"))

    assert "secret" not in repr(found)
    assert "4111" not in repr(found)
    assert "192.0.2.77" not in repr(found)
    assert found.fields == (("x-beta", ""),)
    assert found.paths == ("/api/users/{email}/{number}/{email}", "/api/users/{text}/{number}/{email}")


def test_a_client_that_was_assigned_a_key_has_its_place() -> None:
    by = compile_snapshot(
        config(route("x", "/x", share=5_000, identity=(USER, ASSIGNED))), generation=1, flags=Fixed(False)
    )

    found = shape(by, Request(target=b"/x"))

    assert (found.source, found.place) == ("assigned strangler_id", int(place("x", SPARE) * 10_000))
    assert found.sources == ()


def test_a_route_that_is_met_again_reads_its_key_in_the_same_way() -> None:
    reader = ShapeReader(EVERYTHING)
    request = Request(target=b"/api/payments/17", headers=((b"X-User-Id", b"ann"),))

    first, second = (
        reader.read(
            *request,
            route=EVERYTHING.routes[0],
            side=Side.LEGACY,
            reason=Reason.SHARE,
            assigned="",
            generation=1,
            outcome=Outcome.OK_2XX,
            status=200,
        )
        for _ in range(2)
    )

    assert first == second
    assert first.place == int(place("payments", "ann") * 10_000)


def test_a_request_without_a_key_or_a_route_has_no_place() -> None:
    assert shape(BY, Request(target=b"/api/status")).place == -1
    assert shape(BY, Request(target=b"/other")).cohort == ""


def test_an_odd_path_keeps_what_others_read_it_as() -> None:
    found = shape(BY, Request(target=b"/other/a%2Fb"))

    assert found.paths == ("/other/{text}", "/other/a/b")


def test_a_host_of_any_length_is_bounded() -> None:
    assert shape(BY, Request(host=b"a" * 300)).host == ""


@pytest.mark.parametrize(
    ("outcome", "status", "is_proof"),
    [
        (Outcome.OK_2XX, 200, True),
        (Outcome.REDIRECT_3XX, 302, True),
        (Outcome.CLIENT_ERROR_4XX, 422, True),
        (Outcome.CLIENT_ERROR_4XX, 404, False),
        (Outcome.CLIENT_ERROR_4XX, 401, False),
        (Outcome.SERVER_ERROR_5XX, 500, True),
        (Outcome.SERVER_ERROR_5XX, 503, False),
        (Outcome.CONNECT, 0, False),
        (Outcome.CLIENT_GONE, 200, False),
    ],
)
def test_only_an_answer_of_its_own_shows_that_a_path_exists(outcome: Outcome, status: int, is_proof: bool) -> None:
    found = ShapeReader(EVERYTHING).read(
        *Request(),
        route=None,
        side=Side.LEGACY,
        reason=Reason.UNROUTED,
        assigned="",
        generation=1,
        outcome=outcome,
        status=status,
    )

    assert found.is_proof is is_proof


def test_what_routes_write_is_known_by_its_value_and_everything_else_by_its_name() -> None:
    beta = route(
        "beta",
        "/x",
        match_headers=(HeaderMatch(name="x-beta", value="1"), HeaderMatch(name="x-any", value=None)),
        idempotency=Idempotency(header="x-key"),
    )

    assert fields_of(config(beta)) == {
        ("x-beta", "1"),
        ("x-beta", ""),
        ("x-any", ""),
        ("x-key", ""),
        ("idempotency-key", ""),
    }
    assert words_of(config(route("x", "/api/2024/{id}"))) == {"", "api", "2024"}


def test_more_sources_than_are_kept_are_left_out() -> None:
    many = tuple(Source(kind=SourceKind.HEADER, name=f"x-{number}") for number in range(MOST_SOURCES + 3))

    assert len(sources_of(config(replace(route("x", "/x"), identity=many)))) == MOST_SOURCES


@given(requests)
def test_whatever_is_sent_has_a_shape_of_bounded_size(request: Request) -> None:
    if is_refused(BY, request):
        return

    found = shape(BY, request)

    assert len(repr(asdict(found))) < 4_000 + 9 * len(normal(request.target))
    assert -1 <= found.place < 10_000
