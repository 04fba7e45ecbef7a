"""Numbers are redacted like texts, whatever they are written like, and no number is too much."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.comparison import Json
from strangler.core.document import HugeNumber, dump_json, parse_json, read_json
from strangler.core.secrets import is_card
from tests.core.planted import CARDS, redactor


@given(CARDS)
def test_a_card_that_is_a_number_does_not_survive(number: str) -> None:
    document: Json = {"n": int(number), "m": [Decimal(number + ".5"), Decimal(f"{number}.0")]}

    told = redactor().json({"n": int(number), "text": document})

    assert f": {number}" not in dump_json(told)


NUMBERS = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,25})?", fullmatch=True),
    st.sampled_from(["4.1111111111e20", "3.14159265e-10", "6.62607015e-34", "2.99792458E+8", "-5e300", "9" * 5_000]),
)
"""As JSON writes them."""


@given(st.lists(NUMBERS, min_size=1), st.sampled_from([read_json, parse_json]))
def test_every_number_can_be_redacted_and_one_that_is_no_card_stays(numbers: list[str], read: object) -> None:
    assert callable(read)
    document: Json = read(f'{{"n": [{", ".join(numbers)}], "pin": {numbers[0]}}}')
    subject = redactor()
    subject.learn(value=document)

    told = subject.json(document)

    assert isinstance(told, dict) and isinstance(told["n"], list)
    assert len(told["n"]) == len(numbers)


@pytest.mark.parametrize("number", ["4.1111111111e20", "3.14159265e-10", "6.62607015e-34", "1e2", "1e99999"])
def test_a_number_with_an_exponent_is_no_card_for_its_length(number: str) -> None:
    assert not is_card(number)
    assert dump_json(redactor().json(parse_json(f"[{number}]"))).upper().replace("E+", "E") == f"[{number.upper()}]"


@given(CARDS, st.integers(-8, 3))
def test_a_card_that_is_written_with_an_exponent_does_not_survive(number: str, exponent: int) -> None:
    written = format(Decimal(int(number)).scaleb(-exponent), "f")
    document = parse_json(f"[{written}e{exponent}]")

    assert "[redacted card" in dump_json(redactor().json(document))


def test_a_known_number_is_found_as_a_number() -> None:
    subject = redactor()
    subject.learn(value={"pin": 123456, "otp": 12, "ok": {"secret": True}})

    assert subject.json({"a": 123456, "b": 12, "c": HugeNumber("1")}) != {"a": 123456, "b": 12, "c": "1"}
    told = subject.json({"a": 123456, "b": 12})
    assert isinstance(told, dict) and told["b"] == 12 and told["a"] != 123456


def test_a_secret_number_that_was_read_as_it_is_written_is_looked_for_elsewhere_as_it_is_written() -> None:
    made = redactor()
    made.learn(value=read_json('{"pin": 12345678.50}'))

    assert "12345678.50" not in made.text("code 12345678.50")
