"""Which names a misspelt one is taken for, however many there are."""

from strangler.config.reading import MOST_COMPARED, alike


def test_the_most_like_come_first() -> None:
    assert alike("paymnts", ("users", "payment", "payments"), most=2) == ("payments", "payment")


def test_of_very_many_those_that_begin_like_it_are_compared_and_no_more() -> None:
    many = [f"zz{number}" for number in range(20 * MOST_COMPARED)]

    assert alike("zayments", ["payments"], most=1) == ("payments",)
    assert alike("zayments", ["payments", *many], most=1) == ()
    assert alike("paymnts", [*many, "payments"], most=1) == ("payments",)
