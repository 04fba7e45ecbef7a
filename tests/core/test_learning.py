"""A secret that stands where its name tells it is found wherever else it stands in the record, and names are told."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Difference, Json, Kind
from strangler.core.document import dump_json, parse_json
from strangler.core.known import MAX_KNOWN, Known
from strangler.core.learning import header_secrets, learn_message
from strangler.core.redaction import Redactor
from tests.core.planted import OPAQUE, SECRET_NAMES, redactor

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain"),)
XML = (("Content-Type", "application/xml"),)
NASTY = st.text('abcXYZ019"/\\&+%é ', min_size=12, max_size=20).map(lambda text: f"q7{text.strip()}Zz")
"""Secrets that are written otherwise wherever something is escaped."""


def learnt(how: str, secret: str) -> Redactor:
    """Return a redactor that has seen a message with a secret in it."""
    made = redactor()
    match how:
        case "query":
            made.learn_target(f"/a?page=2&token={quote(secret, safe='')}")
        case "query key":
            made.learn_target(f"/a?key={quote(secret, safe='')}")
        case "form":
            learn_message(made, FORM, f"a=1&password={quote(secret, safe='')}".encode())
        case "json":
            learn_message(made, JSON, json.dumps({"password": secret}).encode())
        case "nested":
            learn_message(made, JSON, json.dumps({"p": json.dumps({"password": secret})}).encode())
        case "pair":
            learn_message(made, JSON, json.dumps([{"name": "password", "value": secret}]).encode())
        case "cookie":
            learn_message(made, (("Cookie", f"a=b; session={quote(secret, safe='')}; c=d"),), b"")
        case "basic":
            learn_message(made, (("Authorization", "Basic " + b64encode(f"bob:{secret}".encode()).decode()),), b"")
        case _:
            raise AssertionError(how)
    return made


HOWS = ["query", "query key", "form", "json", "nested", "pair", "cookie", "basic"]


@given(OPAQUE | NASTY, st.sampled_from(HOWS))
def test_a_secret_is_found_elsewhere_however_it_is_written_there(secret: str, how: str) -> None:
    made = learnt(how, secret)

    for text in (secret, f"saw {secret}!", f'{{"x": {json.dumps(secret)}', f"/?q={quote(secret, safe='')}"):
        assert text not in made.text(text)
    told = dump_json(made.json({"note": f"x {secret} y", "raw": json.dumps({"deep": secret})}))
    assert secret not in told and json.dumps(secret)[1:-1] not in told


@given(OPAQUE)
def test_a_secret_of_a_text_a_page_or_a_header_is_found_elsewhere(secret: str) -> None:
    messages = [
        ((), (("Authorization", f'Digest username="bob", realm="x", response="{secret}"'),), b""),
        ((), (("Cookie", f'session="{secret}"'),), b""),
        ((), (("X-Api-Key", secret),), b""),
        ((), (("Location", f"https://x.example/cb?code={secret}&page=2"),), b""),
        ((), (("Set-Cookie", f"a={secret}; Secure; SameSite=Lax"),), b""),
        ((), TEXT, f"user: bob\npassword: {secret}\n".encode()),
        ((), XML, f"<a><password>{secret}</password></a>".encode()),
        ((), (("Content-Type", "text/html"),), f'<input type="password" name=p value="{secret}">'.encode()),
        ((), (("Content-Type", "text/html"),), f"<meta content='{secret}' name='csrf-token'>".encode()),
        ((), JSON, json.dumps({"next": f"https://x/?token={secret}"}).encode()),
        ((), JSON, f'{{"password": "{secret}", "cut'.encode()),
    ]
    for _, headers, body in messages:
        made = redactor()
        learn_message(made, headers, body)

        assert secret not in made.text(f"saw {secret}"), headers
        assert secret not in made.text(body.decode())


@pytest.mark.parametrize(
    ("name", "text", "secrets"),
    [
        ("Cookie", "currency=EUR; plan=premium; flag", ["EUR", "premium", "flag"]),
        ("Set-Cookie", "a=bcdefgh; Secure; SameSite=Lax; Domain=shop.example", ["bcdefgh"]),
        ("Authorization", 'Digest username="bob", uri="/users", nonce="x1y2"', ["x1y2"]),
        ("Authorization", "Bearer abc==", ["Bearer abc==", "abc=="]),
        ("Authorization", "Basic A", ["Basic A", "A", ""]),
        ("Forwarded", "for=192.0.2.1;proto=https;host=shop.example", ["192.0.2.1"]),
        ("X-Forwarded-For", "192.0.2.1, 192.0.2.2", ["192.0.2.1", "192.0.2.2"]),
    ],
)
def test_values_of_headers_are_learnt_and_no_names(name: str, text: str, secrets: list[str]) -> None:
    found = {secret for secret, _ in header_secrets(name, text)}

    assert set(secrets) <= found
    assert found - set(secrets) <= {text, text.partition(" ")[2]}


def test_a_name_is_hidden_if_it_is_a_secret_or_has_one_in_it_that_is_no_plain_word() -> None:
    made = redactor()
    learn_message(made, (("Cookie", "currency=EUR; plan=premium; sid=zq81Kx77PlmQ"),), b"")

    hidden = ["premium", "zq81Kx77PlmQ", "user_zq81Kx77PlmQ"]
    assert [name for name in ("currency", "plan", "premium_until", "Secure", *hidden) if made.hides(name)] == hidden


def test_names_that_say_secret_have_room_of_their_own_and_what_is_too_much_is_told() -> None:
    made = redactor()
    crowded = "; ".join(f"track{at:05}=value{at:05}" for at in range(MAX_KNOWN + 1))
    learn_message(made, (("Cookie", crowded),), b"")
    learn_message(made, JSON, b'{"access_token": "zq81Kx77PlmQ"}')

    assert made.is_full
    assert "zq81" not in made.text("saw zq81Kx77PlmQ")
    assert made.hides("user17") and not made.hides("currency")


def test_a_text_that_is_too_long_to_be_looked_through_is_told() -> None:
    made = redactor()
    learn_message(made, TEXT, b"a=b " * 700_000)

    assert made.is_full


def test_a_body_that_cannot_be_read_teaches_nothing() -> None:
    made = redactor()
    for headers in (TEXT, JSON, FORM, (("Content-Encoding", "br"),)):
        learn_message(made, headers, b"\xff\xfe")
    learn_message(made, FORM, b"a=b&" * 20_000)

    assert not made.is_full


def test_a_short_secret_whose_name_stands_beside_it_is_hidden_where_it_differs() -> None:
    made = redactor()
    document: Json = {"fields": [{"name": "pin", "value": "1234"}, {"name": "color", "value": "blue"}]}
    made.learn(document)

    told = dump_json(made.json(document))
    differences = [
        made.difference(Difference(kind=Kind.VALUE, place=("fields", at, "value"), primary="1234", shadow="9876"))
        for at in (0, 1)
    ]
    assert "1234" not in told and "blue" in told
    assert "1234" not in differences[0][0] and differences[1] == ('"1234"', '"9876"')


@pytest.mark.parametrize("name", [*SECRET_NAMES, "client_key_secret"])
def test_secrets_that_begin_alike_or_overlap_are_found_whole(name: str) -> None:
    made = redactor()
    made.learn(parse_json(json.dumps({name: "abcdefghij", "token": "abcdef", "secret": "hijklmnop"})))

    assert made.text("abcdefghijklmnop").startswith("[redacted known ")
    assert made.text("abcdefghijklmnop").endswith("]")
    assert "ghij" not in made.text("x abcdefghij y")


def test_a_mark_is_not_marked_again_though_its_words_were_a_secret() -> None:
    made = redactor()
    made.learn({"password": "redacted"})
    once = made.text("redacted, redacted")

    assert made.text(once) == once
    assert not once.startswith("redacted")


def test_too_many_lengths_of_secrets_that_begin_alike_are_too_much() -> None:
    known = Known()
    for length in range(70):
        known.add("abcdef" + "x" * length)

    assert known.is_full
    assert known.masked("abc", lambda *_: "?") == "abc"
