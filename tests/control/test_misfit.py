"""What does not fit is told in words, with its place."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest

from strangler.control.configapi import ConfigChange
from strangler.control.misfit import told
from strangler.control.tokenapi import NewToken


class Colour(StrEnum):
    """A closed set."""

    RED = "red"


class Form(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A body with a field of each kind that operations take."""

    number: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    part: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    word: Annotated[str, msgspec.Meta(min_length=1, max_length=5, pattern=r"\S")] = "x"
    key: Annotated[str, msgspec.Meta(min_length=3, pattern="^a")] = "abc"
    colour: Colour = Colour.RED
    pairs: Annotated[tuple[tuple[str, str], ...], msgspec.Meta(max_length=1)] = ()
    is_on: bool
    maybe: int | None = None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "`is_on` is missing."),
        ({"is_on": True, "more": 1}, "`more` is not known here."),
        ({"is_on": "yes"}, "`is_on` has to be true or false, and is text."),
        ({"is_on": True, "number": 0}, "`number` has to be at least 1."),
        ({"is_on": True, "number": 11}, "`number` has to be at most 10."),
        ({"is_on": True, "number": 1.5}, "`number` has to be a whole number, and is a number."),
        ({"is_on": True, "part": -1.0}, "`part` has to be at least 0.0."),
        ({"is_on": True, "maybe": "x"}, "`maybe` has to be a whole number or null, and is text."),
        ({"is_on": True, "word": ""}, "`word` is empty."),
        ({"is_on": True, "word": "  "}, "`word` is blank."),
        ({"is_on": True, "word": "abcdef"}, "`word` has more than 5 characters."),
        ({"is_on": True, "key": "a"}, "`key` needs at least 3 characters."),
        ({"is_on": True, "key": "bcd"}, "`key` is not of the form that it needs."),
        ({"is_on": True, "colour": "blue"}, "`colour` takes no 'blue'."),
        ({"is_on": True, "pairs": [["a"]]}, "`pairs[0]` needs 2 elements."),
        ({"is_on": True, "pairs": [["a", "b"], ["c", "d"]]}, "`pairs` has more than 1 elements."),
        ({"is_on": True, "pairs": [["a", 1]]}, "`pairs[0][1]` has to be text, and is a whole number."),
        ([], "What was sent has to be an object, and is a list."),
    ],
)
def test_a_body_that_does_not_fit_is_told_with_its_place(given: Any, says: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(given), type=Form)

    assert told(str(caught.value)) == says


@pytest.mark.parametrize(
    ("form", "given", "says"),
    [
        (NewToken, {"name": "Ann Example", "role": "viewer", "reason": "x"}, "such as `ci` or `ann@example.org`."),
        (ConfigChange, {"text": "", "digest": "abc", "reason": "x"}, "64 digits of 0-9 and a-f, as GET /api/v1/config"),
    ],
)
def test_what_is_of_another_form_is_told_which_one_it_needs(form: type, given: Any, says: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(given), type=form)

    assert says in told(str(caught.value))


def test_what_is_not_known_is_told_as_it_is() -> None:
    assert told("Something else - at `$.x`") == "Something else - at `$.x`"
