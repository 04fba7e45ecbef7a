"""No secret of a record survives in what is stored of it, and what is none stays readable."""

from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strangler.core.comparison import MAX_DEPTH, Difference, Json, Kind
from strangler.core.document import dump_json, parse_json
from strangler.core.learning import learn_message
from strangler.core.redaction import MAX_SHOWN
from strangler.core.secrets import is_iban
from tests.core.documents import DOCUMENTS
from tests.core.planted import CARDS, EMAILS, IBANS, OPAQUE, SECRET_NAMES, SPOTTED, card, gapped, planted, redactor


@given(SPOTTED, st.sampled_from(["value", "prose", "key", "string", "list"]), DOCUMENTS)
def test_no_secret_of_a_known_form_survives_in_a_document(secret: str, how: str, rest: Json) -> None:
    told = dump_json(redactor().json({"rest": rest, "body": planted(secret, how)}))

    assert secret.removeprefix("Bearer ") not in told


@given(OPAQUE, st.sampled_from(SECRET_NAMES), st.sampled_from(["value", "prose", "string", "key", "url"]))
def test_what_is_secret_by_its_name_is_found_elsewhere_too(secret: str, name: str, how: str) -> None:
    document: Json = {"a": [{name: {"inner": [secret]}}], "elsewhere": planted(secret, how)}
    subject = redactor()
    subject.learn(value=document)

    assert secret not in dump_json(subject.json(document))
    assert secret not in subject.target(f"/a/{secret}?x={secret}")


@given(OPAQUE, st.sampled_from(["Authorization", "Cookie", "set-cookie", "Proxy-Authorization", "X-Api-Key"]))
def test_credentials_of_a_header_survive_nowhere_in_the_record(secret: str, name: str) -> None:
    # Because the names of headers are no secret.
    assume(secret not in name)
    headers = ((name, f"session={secret}; Path=/"), ("Accept", "text/html"), ("X-Debug", f"saw {secret}"))
    subject = redactor()
    learn_message(subject, headers, b"")

    kept = subject.headers(headers)

    assert secret not in repr(kept)
    assert kept[1] == ("Accept", "text/html")
    assert secret not in subject.text(f"log: {secret}!")


@given(OPAQUE, st.sampled_from(SECRET_NAMES), st.sampled_from(["{}={}", "{}: {}", '{{"{}": "{}"', "a=1&{}={}&b=2"]))
def test_a_named_secret_in_text_does_not_survive(secret: str, name: str, form: str) -> None:
    assert secret not in redactor().text(form.format(name, secret))


@given(OPAQUE, st.sampled_from(SECRET_NAMES))
def test_secret_parameters_do_not_survive(secret: str, name: str) -> None:
    told = redactor().target(f"/pay?page=2&{name}={secret}%20{secret}&sort=asc")

    assert secret not in told
    assert told.startswith(f"/pay?page=2&{name}=[redacted%20parameter%20")
    assert told.endswith("&sort=asc")


@given(CARDS | IBANS | EMAILS, st.sampled_from([quote, quote_plus, str]))
def test_a_secret_in_a_url_does_not_survive(secret: str, encode: object) -> None:
    assert callable(encode)
    written = str(encode(gapped(secret) if "@" not in secret else secret)).replace(" ", "%20")

    told = redactor().target(f"/find/{written}?q={written}")

    assert written not in told and secret not in told


@given(CARDS | IBANS, st.sampled_from(["", "ref 7 ", "1 "]), st.sampled_from(["", " x", " 12", "."]))
def test_numbers_in_groups_are_found_between_other_numbers(secret: str, before: str, after: str) -> None:
    told = redactor().text(before + gapped(secret) + after)

    assert gapped(secret) not in told
    assert gapped(secret)[:14] not in told


@given(DOCUMENTS)
def test_redacting_twice_is_redacting_once(value: Json) -> None:
    once = redactor().json(value)

    assert dump_json(redactor().json(once)) == dump_json(once)


@given(SPOTTED, OPAQUE)
def test_equal_secrets_have_equal_marks_and_others_have_not(secret: str, other: str) -> None:
    subject = redactor()

    assert subject.mark("value", secret) == redactor().mark("value", secret)
    assert subject.mark("value", secret) != subject.mark("value", other)
    assert subject.mark("value", secret) != redactor(salt=b"another").mark("value", secret)


@pytest.mark.parametrize(
    "text",
    [
        "3 items, total 12.50 EUR, order 1234567890",
        "spinning up at 2026-11-24T07:00:00Z",
        "1764000000000",
        "018f4e6e-7b1a-7cc3-98c4-dc0c0c07398f",
        "a basic understanding: of course",
        "GET /api/payments?page=2&sort=asc",
        "key: value; name: Ada",
        "the token is expired",
        "@home, call me at 10",
        "DE12 is a building",
        "",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redactor().text(text) == text
    assert redactor().target(text) == text
    assert redactor().json({"note": text, "n": 1764000000000, "ok": True, "x": None}) == {
        "note": text, "n": 1764000000000, "ok": True, "x": None,
    }  # fmt: skip


def test_paths_and_names_of_a_route_are_secret_with_all_below_them() -> None:
    subject = redactor("$.user", "$.list[1]", "$..deep", names=("Nickname",))
    document = parse_json(
        '{"user": {"a": 1}, "list": ["x1", "secret-1", "x2"], "b": {"deep": 7}, "nickname": "Ada L", "open": "yes"}'
    )
    subject.learn(value=document)

    told = subject.json(document)

    assert isinstance(told, dict)
    assert told["open"] == "yes"
    shown = dump_json(told)
    assert not any(secret in shown for secret in ('"a"', "secret-1", "7}", "Ada L"))
    assert "x1" in shown and "x2" in shown


def test_a_secret_keeps_nothing_but_its_absence() -> None:
    assert redactor().json({"password": None, "token": "", "secret": [], "pin": False}) == {
        "password": None, "token": "", "secret": [], "pin": False,
    }  # fmt: skip


def test_names_that_stand_twice_are_redacted_twice() -> None:
    told = dump_json(redactor().json(parse_json('{"pin": "1111", "pin": "2222", "a": 1}')))

    assert "1111" not in told and "2222" not in told
    assert told.count('"pin"') == 2


def test_what_is_too_deep_or_packed_too_often_is_not_shown() -> None:
    deep: Json = "hunter2hunter2"
    for _ in range(MAX_DEPTH + 5):
        deep = [deep]
    packed: Json = {"x": "plain"}
    for _ in range(8):
        packed = {"x": dump_json(packed)}
    subject = redactor()
    subject.learn(value=deep)

    assert "hunter2" not in dump_json(subject.json(deep))
    assert "plain" not in dump_json(subject.json(packed))
    assert "redacted nested" in dump_json(subject.json(packed))


def test_a_string_that_only_looks_like_json_is_text() -> None:
    subject = redactor()

    assert subject.json('{"password": "hunter2 and more", "a": tr') == subject.text(
        '{"password": "hunter2 and more", "a": tr'
    )
    assert "hunter2" not in dump_json(subject.json('{"password": "hunter2 and more", "a": tr'))
    assert "more" not in subject.text("pin = 'one and more'")
    assert subject.json('[1, "x"]') == '[1, "x"]'
    assert "[redacted" in dump_json(subject.json("[" * 100_000 + "a@example.com"))


def test_text_is_searched_for_keys_and_basic_credentials() -> None:
    subject = redactor()
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"
    basic = b64encode(b"user:hunter2").decode()

    assert "MIIE" not in subject.text(f"x {key} y")
    assert subject.text(f"x {key} y").endswith(" y")
    assert basic not in subject.text(f"sent Basic {basic}")
    assert subject.text("basic abcdefghi") == "basic abcdefghi"
    assert subject.text("basic abcdefgh") == "basic abcdefgh"


def test_a_difference_is_redacted_by_its_place_and_cut_afterwards() -> None:
    subject = redactor("$.user.note")
    number = card("1" * 14)

    by_name = subject.difference(Difference(kind=Kind.VALUE, place=("a", "password"), primary="p1", shadow="p2"))
    by_path = subject.difference(Difference(kind=Kind.VALUE, place=("user", "note"), primary="n1n1", shadow="n2n2"))
    equal = subject.difference(Difference(kind=Kind.TYPE, place=("pin",), primary="12", shadow=["12"]))
    long = "x" * (MAX_SHOWN - 8) + " " + number
    cut = subject.difference(Difference(kind=Kind.VALUE, place=("x",), primary=long, shadow=3))
    header = subject.difference(Difference(kind=Kind.HEADER, place=("set-cookie",), primary="a=b", shadow=None))
    length = subject.difference(Difference(kind=Kind.LENGTH, place=("tokens",), primary=3, shadow=4))

    assert "p1" not in by_name[0] and "p2" not in by_name[1]
    assert "n1n1" not in by_path[0] and "n2n2" not in by_path[1]
    assert equal[0] != equal[1]
    assert number[:4] not in cut[0] and len(cut[0]) <= MAX_SHOWN + 3 and cut[1] == "3"
    assert "a=b" not in header[0] and header[1] == "null"
    assert length == ("3", "4")


def test_a_secret_too_deep_to_be_written_down_has_a_mark() -> None:
    deep: Json = 1
    for _ in range(5_000):
        deep = [deep]

    assert redactor().json({"password": deep}) == {"password": redactor().mark("value", "too deep")}


@pytest.mark.parametrize("text", ["a" * 200_000, "4 " * 10_000, "a." * 100_000 + "@", "eyJ" * 60_000, "x=" * 90_000,
                                  "DE12 " * 5_000, '"' * 100_000, "a\\" * 50_000, "{" * 50_000])  # fmt: skip
@pytest.mark.timeout(30)
def test_no_text_takes_long(text: str) -> None:
    redactor().text(text)


def test_an_example_of_a_large_value_is_made_of_a_part_of_it() -> None:
    subject = redactor()
    large: Json = {"rows": [{"n": index, "text": "x" * 5_000, "password": "hunter2"} for index in range(100_000)]}
    deep: Json = "x"
    for _ in range(90):
        deep = [deep]

    shown = subject.difference(Difference(kind=Kind.MISSING, place=("x",), primary=large, shadow=deep))

    assert shown[0].startswith('{"rows": [{"n": 0, "text": "[redacted long ')
    assert "hunter2" not in shown[0] and len(shown[0]) <= MAX_SHOWN + 3
    assert shown[1] == "[" * 20 + '"..."' + "]" * 20


def test_a_mark_is_not_marked_and_what_only_begins_like_one_is() -> None:
    subject = redactor()
    mark = subject.mark("card", "4111")

    assert subject.mark("value", mark) == mark
    assert subject.text(f"password={mark}") == f"password={mark}"
    assert "hunter2" not in subject.text("password=[redactedhunter2")
    assert "hunter2" not in dump_json(subject.json({"password": "[redacted hunter2]"}))


def test_an_iban_with_a_group_like_the_start_of_another_is_one() -> None:
    number = next(text for check in range(100) if is_iban(text := f"DE{check:02}AB12040004400000"))

    assert redactor().text(f"to {gapped(number)}, thanks").count("[redacted iban") == 1


def test_names_beyond_those_that_are_remembered_are_judged_all_the_same() -> None:
    document: dict[str, Json] = {f"name{number}": number for number in range(1_100)}
    made = redactor()
    made.learn(value={**document, "client_secret": "abcdefgh"})

    assert "abcdefgh" not in made.text("with abcdefgh in it")
    assert made.json({"other_secret": "x"}) != {"other_secret": "x"}


@given(
    CARDS | IBANS | EMAILS, st.sampled_from([quote, quote_plus]), st.sampled_from(["{}", "a=1&b={}&c=%2B", "see {}."])
)
def test_an_escaped_secret_in_text_does_not_survive(secret: str, encode: object, form: str) -> None:
    assert callable(encode)
    written = "".join(f"%{ord(character):02X}" for character in secret) if encode is quote else str(encode(secret))

    told = redactor().text(form.format(written))

    assert written not in told and secret not in told


@pytest.mark.parametrize("text", ["100%", "50%25 off", "a%20b+c", "%zz"])
def test_text_with_escapes_and_no_secret_stays_as_it_is(text: str) -> None:
    assert redactor().text(text) == text
