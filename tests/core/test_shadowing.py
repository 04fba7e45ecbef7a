"""What a variable may have to be sent as a header."""

import pytest

from strangler.core.shadowing import LONGEST_VALUE, fault_of_value

NO_VALUE = "is no value of a header: a blank at an end, a line break or no ASCII"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("Bearer abc", ""),
        ("a\tb", ""),
        ("x" * LONGEST_VALUE, ""),
        (None, "is not set"),
        ("", "is empty"),
        ("x" * (LONGEST_VALUE + 1), f"is longer than {LONGEST_VALUE} characters"),
        *((value, NO_VALUE) for value in ("abc\n", "a\r\nHost: b", " abc", "abc ", "ab\x00c", "\u00fcber", "\udcff")),
    ],
)
def test_what_is_wrong_with_a_value_is_told_without_it(value: str | None, fault: str) -> None:
    assert fault_of_value(value) == fault
