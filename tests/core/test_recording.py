"""What is recorded of a read: what it takes to ask it again, without credentials and without what is never kept."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.jsonpath import parse_path
from strangler.core.model import Side
from strangler.core.offer import Answer, Offer
from strangler.core.recording import TAKEN_OUT, Recording, Skip, id_of, record, shape_of, size_of

SECRET = b"s3cr3t-7f3a"
JSON = ((b"Content-Type", b"application/json; charset=utf-8"), (b"ETag", b'"1"'))
CREDENTIALS = (b"Authorization", b"Proxy-Authorization", b"Cookie", b"X-Api-Key", b"X-CSRF-Token", b"X-Forwarded-For")


def offer(**more: Any) -> Offer:
    given: dict[str, Any] = {
        "route": "users",
        "primary": Side.LEGACY,
        "method": b"GET",
        "target": b"/users/7?full=1",
        "host": b"shop.example",
        "headers": ((b"Accept", b"*/*"), (b"X-User-Id", b"42")),
        "body": b"",
        "request_id": b"request-1",
        "trace": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "answer": Answer(status=200, headers=JSON, body=b'{"id":7}'),
    }
    return Offer(**{**given, **more})


def recorded(given: Offer, *paths: str, most_bytes: int = 10_000) -> Recording | Skip:
    return record(given, at=5.0, result="equal", redact=tuple(map(parse_path, paths)), most_bytes=most_bytes)


def answering(body: bytes, content_type: bytes = b"application/json", *more: tuple[bytes, bytes]) -> Offer:
    return offer(answer=Answer(status=200, headers=((b"Content-Type", content_type), *more), body=body))


def body_of(made: Recording | Skip) -> Any:
    assert isinstance(made, Recording), made
    return json.loads(made.answer.body)


def test_a_read_is_recorded_as_it_was_asked_and_answered() -> None:
    assert recorded(offer()) == Recording(
        route="users",
        at=5.0,
        side=Side.LEGACY,
        method=b"GET",
        target=b"/users/7?full=1",
        headers=((b"Accept", b"*/*"), (b"X-User-Id", b"42")),
        body=b"",
        answer=Answer(status=200, headers=JSON, body=b'{"id":7}'),
        result="equal",
    )


@given(st.lists(st.sampled_from(CREDENTIALS), max_size=4), st.sampled_from([bytes.upper, bytes.lower]))
def test_no_credential_of_request_or_answer_is_recorded(names: list[bytes], spell: Any) -> None:
    secrets = tuple((spell(name), SECRET) for name in names)
    asked = offer(
        headers=((b"Accept", b"*/*"), *secrets),
        answer=Answer(status=200, headers=(*JSON, *secrets, (b"Set-Cookie", b"sid=" + SECRET)), body=b"{}"),
    )

    made = recorded(asked)

    assert isinstance(made, Recording)
    assert SECRET not in repr(made).encode()
    assert made.headers == ((b"Accept", b"*/*"),)
    assert made.answer.headers == JSON


def test_what_says_something_of_that_one_request_alone_is_not_recorded() -> None:
    of_its_time = ((b"X-Request-Id", b"1"), (b"traceparent", b"00-1"), (b"If-None-Match", b'"1"'), (b"Host", b"x"))

    made = recorded(offer(headers=(*of_its_time, (b"Accept", b"*/*"))))

    assert isinstance(made, Recording)
    assert made.headers == ((b"Accept", b"*/*"),)


@pytest.mark.parametrize(
    "query", [b"token=1", b"a=1&api_key=1", b"a=1;sid=1", b"access%5Ftoken=1", b"Session=", b"pin"]
)
def test_a_read_whose_target_names_a_secret_is_not_recorded(query: bytes) -> None:
    assert recorded(offer(target=b"/users/7?" + query)) is Skip.SECRET


def test_what_the_route_redacts_is_taken_out_of_the_answer_and_nothing_else() -> None:
    body = b'{"card":{"no":1,"no":2},"list":[{"iban":"a","x":1.50},{"iban":"b"}],"twice":1,"twice":2}'

    made = recorded(answering(body), "$.card", "$..iban")

    assert isinstance(made, Recording)
    assert made.taken_out == ("$.card", "$..iban")
    text = made.answer.body.decode()
    assert text == (
        f'{{"card": "{TAKEN_OUT}", "list": [{{"iban": "{TAKEN_OUT}", "x": 1.50}}, {{"iban": "{TAKEN_OUT}"}}], '
        '"twice": 1, "twice": 2}'
    )


def test_a_packed_answer_of_which_something_is_taken_out_is_stored_unpacked() -> None:
    packed = answering(gzip.compress(b'{"card":1,"id":{"a":7}}'), b"application/json", (b"Content-Encoding", b"gzip"))

    made = recorded(packed, "$.card")

    assert body_of(made) == {"card": TAKEN_OUT, "id": {"a": 7}}
    assert isinstance(made, Recording)
    assert [name for name, _ in made.answer.headers] == [b"Content-Type"]


@pytest.mark.parametrize(
    "given",
    [
        answering(b"{", b"application/json"),
        answering(b"\xff", b"application/json"),
        answering(b"[" * 200 + b"]" * 200, b"application/json"),
        answering(b"card=1", b"application/x-www-form-urlencoded"),
        answering(b"x", b"application/json", (b"Content-Encoding", b"br")),
        answering('{"card":1}'.encode("utf-16"), b"application/json; charset=utf-16"),
        answering('{"card":1,"a":10}'.encode("utf-16"), b"application/json; charset=utf-16"),
        answering(b'{"card":1}', b"application/x-ndjson"),
        answering(b'{"card":1}', b""),
        offer(body=b'{"card":1}'),
    ],
)
def test_an_answer_out_of_which_nothing_can_be_taken_is_not_recorded_where_something_must(given: Offer) -> None:
    assert recorded(given, "$..card") is Skip.UNREADABLE
    assert isinstance(recorded(given), Recording)


@pytest.mark.parametrize("given", [answering(b"<p>", b"text/html"), answering(b"")])
def test_an_answer_in_which_a_path_names_nothing_is_recorded_as_it_was(given: Offer) -> None:
    made = recorded(given, "$.card")

    assert isinstance(made, Recording)
    assert made.answer == given.answer


def test_a_document_that_is_one_secret_as_a_whole_is_taken_out_as_a_whole() -> None:
    assert body_of(recorded(offer(), "$")) == TAKEN_OUT
    assert recorded(answering(b'{"a":' * 150 + b"1" + b"}" * 150), "$..b") is Skip.UNREADABLE


def test_what_is_larger_than_all_that_may_be_kept_is_not_recorded() -> None:
    made = recorded(offer())
    assert isinstance(made, Recording)

    assert isinstance(recorded(offer(), most_bytes=made.size), Recording)
    assert recorded(offer(), most_bytes=made.size - 1) is Skip.TOO_LARGE
    assert size_of(offer()) == made.size
    assert size_of(offer(headers=(*offer().headers, (b"Cookie", b"a=b")))) == made.size + 9


def test_the_same_read_has_the_same_id_whoever_asks_and_another_read_or_salt_has_another() -> None:
    same = [
        offer(),
        offer(request_id=b"2", headers=((b"x-user-id", b"42"), (b"Accept", b"*/*"), (b"User-Agent", b"x"))),
        offer(headers=(*offer().headers, (b"Cookie", b"a=b"), (b"traceparent", b"1"))),
        offer(answer=Answer(status=500)),
    ]
    others = [offer(target=b"/users/8"), offer(method=b"HEAD"), offer(headers=()), offer(body=b"x")]

    assert {id_of(one, b"salt") for one in same} == {id_of(offer(), b"salt")}
    assert len({id_of(one, b"salt") for one in (offer(), *others)}) == 5
    assert id_of(offer(), b"salt") != id_of(offer(), b"other")


def test_ids_and_values_make_no_other_shape_and_kinds_of_answers_do() -> None:
    base = offer()
    uuid = b"/users/0b6cc1a4-7f0e-4c0a-9b4e-2d2c8a0f3b11?full=0"
    other_kinds = [
        offer(target=b"/users/7"),
        offer(target=b"/users/7?full=1&page=2"),
        offer(target=b"/users/me?full=1"),
        offer(method=b"HEAD"),
        replace(base, answer=Answer(status=404, headers=JSON)),
        replace(base, answer=Answer(status=200, headers=((b"Content-Type", b"text/html"),))),
    ]

    same = {shape_of(one, "equal") for one in (base, offer(target=b"/users/8?full=2"), offer(target=uuid))}
    assert len(same) == 1
    assert len(same | {shape_of(one, "equal") for one in other_kinds} | {shape_of(base, "different")}) == 8


@given(st.binary(max_size=60), st.binary(max_size=20), st.binary(max_size=20))
def test_whatever_bytes_there_are_a_read_has_a_shape_and_an_id_and_is_recorded_or_not(
    target: bytes, value: bytes, body: bytes
) -> None:
    asked = offer(target=target, headers=((b"X", value),), answer=Answer(status=200, headers=JSON, body=body))

    assert len(shape_of(asked, "")) == len(id_of(asked, b"salt")) == 16
    assert isinstance(recorded(asked, "$.a"), Recording | Skip)
