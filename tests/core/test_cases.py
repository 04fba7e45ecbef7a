"""Cases of tests: what may be asked and asserted of a recording, and nothing that is secret."""

import ast
import gzip
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.cases import Body, BodyKind, Case, Omission, cases
from strangler.core.checking import ANY, Members, OfType
from strangler.core.hurlfile import hurl_file
from strangler.core.model import Side
from strangler.core.offer import Answer
from strangler.core.pytestfile import pytest_file
from strangler.core.recording import Recording
from strangler.core.shadowing import PathRule, RuleKind, Shadow

TYPED = (b"Content-Type", b"application/json")
KEPT = Recording(
    route="users",
    at=1.0,
    side=Side.LEGACY,
    method=b"GET",
    target=b"/users/7?full=1",
    headers=((b"Accept", b"*/*"), (b"X-User-Id", b"42"), (b"User-Agent", b"x"), (b"Accept-Encoding", b"br")),
    body=b"",
    answer=Answer(status=200, headers=(TYPED,), body=b'{"id":7}'),
)


def answered(body: bytes, *headers: tuple[bytes, bytes]) -> Recording:
    return replace(KEPT, answer=Answer(status=200, headers=headers or (TYPED,), body=body))


def one(recording: Recording, shadow: Shadow | None = None) -> Case:
    made, left_out = cases([("ab12", recording)], shadow or Shadow(), b"salt")
    assert not left_out
    return made[0]


def test_a_case_asks_what_was_asked_and_asserts_what_was_answered() -> None:
    assert one(KEPT) == Case(
        id="ab12",
        at=1.0,
        side="legacy",
        method="GET",
        target="/users/7?full=1",
        headers=(("Accept", "*/*"), ("X-User-Id", "42")),
        status=200,
        answered=(("location", False), ("content-type", "application/json")),
        body=Body(kind=BodyKind.JSON, expected={"id": 7}),
    )


@pytest.mark.parametrize(
    ("recording", "why"),
    [
        (replace(KEPT, target=b"/users/bob@mail.example"), Omission.SECRET),
        (replace(KEPT, target=b"/cards/4111111111111111"), Omission.SECRET),
        (replace(KEPT, headers=((b"X-Mail", b"bob@mail.example"),)), Omission.SECRET),
        (replace(answered(b'{"token":"abcdefgh"}'), target=b"/x/abcdefgh"), Omission.SECRET),
        (replace(answered(b'{"link":"/?code=abcdefgh"}'), target=b"/x/abcdefgh"), Omission.SECRET),
        (answered(b'"' + b"a=b " * 600_000 + b'"'), Omission.SECRET),
        (replace(KEPT, body=b"{}"), Omission.BODY),
        (replace(KEPT, target=b"/users/\xff"), Omission.BYTES),
        (replace(KEPT, headers=((b"X-A", b"\xff"),)), Omission.BYTES),
    ],
)
def test_a_request_that_holds_a_secret_or_cannot_be_written_makes_no_case(recording: Recording, why: Omission) -> None:
    assert cases([("ab12", recording)], Shadow(), b"salt") == ((), {why: 1})


def test_of_a_secret_the_type_is_asserted_and_of_what_is_ignored_or_was_taken_out_nothing() -> None:
    body = b'{"card":"[taken out]","iban":"x","pin":1234,"mail":"a bob@mail.example","seen":5,"id":7}'
    shadow = Shadow(redact=("$.iban",), rules=(PathRule(kind=RuleKind.IGNORE, path="$.seen"),))

    made = one(replace(answered(body), taken_out=("$.card",)), shadow)

    assert made.body.expected == Members(
        {"iban": OfType("string"), "pin": OfType("integer"), "mail": OfType("string"), "id": 7}, ("card", "seen")
    )


@pytest.mark.parametrize(
    ("recording", "body"),
    [
        (answered(b"", TYPED), Body(kind=BodyKind.EMPTY)),
        (answered(b"a\nb", (b"Content-Type", b"text/plain")), Body(kind=BodyKind.TEXT, text="a\nb")),
        (answered(gzip.compress(b"[]"), TYPED, (b"Content-Encoding", b"gzip")), Body(kind=BodyKind.JSON, expected=[])),
    ],
)
def test_a_body_is_asserted_by_what_it_is(recording: Recording, body: Body) -> None:
    assert one(recording).body == body


@pytest.mark.parametrize(
    ("recording", "why"),
    [
        (answered(b"to bob@mail.example", (b"Content-Type", b"text/plain")), "the text holds a secret"),
        (answered(b"<p>", (b"Content-Type", b"text/html")), "a form, a page or JSON lines"),
        (answered(b"1234", (b"Content-Type", b"image/png")), "could be tried out"),
        (answered(b"{", TYPED), "cannot be read (JSONDecodeError)"),
        (answered(b'{"a":1,"a":2}', TYPED), "cannot be read (ValueError)"),
        (answered(b"x", TYPED, (b"Content-Encoding", b"br")), "cannot be read (Undecided)"),
    ],
)
def test_a_body_that_may_not_or_cannot_be_asserted_says_why(recording: Recording, why: str) -> None:
    made = one(recording).body

    assert made.kind is BodyKind.NOTHING
    assert why in made.why


def test_bytes_are_asserted_by_a_digest_that_nobody_can_try_out() -> None:
    made = one(answered(b"\x00" * 40, (b"Content-Type", b"image/png"))).body

    assert made.kind is BodyKind.DIGEST
    assert re.fullmatch(r"[0-9a-f]{64}", made.text)


def test_a_header_that_holds_a_secret_or_stands_twice_is_asserted_to_be_there() -> None:
    headers = (TYPED, (b"Location", b"/x?token=abcdefgh"), (b"Vary", b"a"), (b"Vary", b"b"), (b"X-Raw", b"\xff"))
    shadow = Shadow(headers=("location", "vary", "x-raw", "content-type", "etag"))

    made = one(answered(b"{}", *headers), shadow)

    assert made.answered == (
        ("location", True),
        ("vary", True),
        ("x-raw", True),
        ("content-type", "application/json"),
        ("etag", False),
    )


SECRETS = st.sampled_from(["4111111111111111", "DE89370400440532013000", "bob@mail.example", "Bearer abcdefghijkl"])


@given(st.data())
def test_no_secret_of_a_recording_is_in_what_is_made_of_it(data: st.DataObject) -> None:
    named = data.draw(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=20).map("zq{}".format))
    formed = data.draw(SECRETS)
    document = f'{{"password":"{named}","note":"{named} and {formed}","list":["{formed}"],"{formed}":1,"id":7}}'
    place = data.draw(st.sampled_from(["target", "header", "answer"]))
    recording = answered(document.encode(), TYPED, (b"Location", f"/x/{named}".encode()))
    if place == "target":
        recording = replace(recording, target=f"/users/{formed.replace(' ', '%20')}".encode())
    if place == "header":
        recording = replace(recording, headers=((b"X-About", formed.encode()),))

    made, left_out = cases([("ab12", recording)], Shadow(), b"salt")
    text = pytest_file("t", "t.py", made, ()) + hurl_file("t", made)

    assert (place == "answer") == (not left_out)
    assert named not in text
    assert formed not in text


TEXTS = st.text(max_size=12) | st.sampled_from(
    ['"""', "'", "\\", "{{x}}", "#", "\n", "\u2028", "\ud800", "\x00", "${a}"]
)


def tree(value: Any) -> Any:
    """Return what a literal of the file evaluates to."""
    scope: dict[str, Any] = {"ANY": ANY, "Members": Members, "OfType": OfType}
    return eval(compile(ast.Expression(value), "literal", "eval"), scope)


@given(st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS, max_size=3), max_size=4))
def test_no_answer_can_leave_the_literal_that_it_stands_in(document: dict[str, Any]) -> None:
    made = one(KEPT)
    told = replace(made, body=Body(kind=BodyKind.JSON, expected=document))

    module = ast.parse(pytest_file("t", "t.py", (told,), ()))

    (function,) = [node for node in module.body if not isinstance(node, ast.Expr)]
    assert isinstance(function, ast.FunctionDef)
    (statement,) = function.body
    assert isinstance(statement, ast.Expr)
    call = statement.value
    assert isinstance(call, ast.Call)
    (argument,) = [keyword.value for keyword in call.keywords if keyword.arg == "document"]
    assert tree(argument) == document
