"""What another routes file means otherwise."""

from hypothesis import given, settings

from strangler.config.changes import ChangeKind, Field, changes
from strangler.core.model import Config
from tests.config.configs import configs
from tests.config.texts import SMALL, meaning

ROUTE = "routes:\n- {name: a, match: {path: /a}, extracted: payments, share: 1%}\n"


@settings(max_examples=25)
@given(configs())
def test_the_same_is_no_change(config: Config) -> None:
    assert changes(config, config) == ()


def test_what_is_added_is_removed_the_other_way_round() -> None:
    one, other = meaning(SMALL), meaning(SMALL + ROUTE)

    (added,), (removed,) = changes(one, other), changes(other, one)

    assert (added.what, added.name, added.kind) == ("route", "a", ChangeKind.ADDED)
    assert (removed.name, removed.kind) == ("a", ChangeKind.REMOVED)
    assert [(field.name, field.after) for field in added.fields] == [
        (field.name, field.before) for field in removed.fields
    ]


def test_where_a_route_stands_is_no_change_and_what_it_says_is() -> None:
    one, moved = meaning(SMALL + ROUTE), meaning(f"# a line more\n{SMALL}{ROUTE}")
    other = meaning(SMALL + ROUTE.replace("1%", "2%"))

    assert changes(one, moved) == ()
    assert [(f.name, f.before, f.after) for f in changes(one, other)[0].fields] == [("share", "1%", "2%")]


def test_another_order_of_routes_is_a_change_of_those_that_moved() -> None:
    names = ["a", "b", "c", "d", "e"]

    def text(order: list[str]) -> str:
        return SMALL + "routes:\n" + "".join(f"- {{name: {name}, match: {{path: /{name}}}}}\n" for name in order)

    (moved,) = changes(meaning(text(names)), meaning(text(["a", "c", "d", "b", "e"])))
    (added,) = changes(meaning(text(names)), meaning(text(["new", *names])))
    (removed,) = changes(meaning(text(names)), meaning(text(["a", "c", "d", "e"])))

    assert (moved.what, moved.name) == ("setting", "routes")
    assert moved.fields == (Field(name="order", before="b, c, d", after="c, d, b"),)
    assert (added.name, removed.name) == ("new", "b")


def test_settings_and_upstreams_are_told_by_name() -> None:
    other = meaning(f"{SMALL.replace('8104', '8105')}access_log: on\n")

    assert [(one.what, one.name) for one in changes(meaning(SMALL), other)] == [
        ("upstream", "payments"),
        ("setting", "access_log"),
    ]
