"""Endpoints: live paths as templates, beside what people would write for the same monolith."""

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.endpoints import KEPT, WIDE, Endpoint, Endpoints, method_of
from strangler.core.model import Side
from strangler.core.segments import Kind, redact
from strangler.core.traffic import DAY_S, Traffic

NOW = 1_800_000_000.0
DAY = int(NOW // DAY_S)


def learn(*paths: str, into: Endpoints | None = None, method: str = "GET", is_proof: bool = True) -> Endpoints:
    endpoints = Endpoints() if into is None else into
    for path in paths:
        endpoints.add(method, redact(path, endpoints.names), Side.LEGACY, now=NOW, weight=1.0, is_proof=is_proof)
    return endpoints


def templates(endpoints: Endpoints) -> list[str]:
    return [endpoint.template for endpoint in endpoints.tell()]


def slugs(count: int, stem: str = "shirt") -> list[str]:
    """Return as many words that no spelling tells from names."""
    letters = "abcdefghij"
    return [f"{stem}-{''.join(letters[int(digit)] for digit in str(number))}" for number in range(count)]


def test_values_are_parameters_and_words_are_names() -> None:
    endpoints = learn(
        "/", "/users/1", "/users/2", "/users/me", "/users/1/orders/9", "/reports/2026-11-24", "/reports/2026-11-23"
    )

    assert templates(endpoints) == [
        "/",
        "/reports/{date}",
        "/users/me",
        "/users/{id}",
        "/users/{id}/orders/{id2}",
    ]


def test_values_of_several_kinds_at_one_place_are_one_parameter() -> None:
    endpoints = learn(
        "/files/17", "/files/507f1f77bcf86cd799439011", "/people/17", "/people/ann@example.com", "/days/2026-11-24"
    )

    assert templates(endpoints) == ["/days/{date}", "/files/{id}", "/people/{key}"]


def test_too_many_words_at_one_place_are_values() -> None:
    endpoints = learn(*(f"/products/{slug}" for slug in slugs(WIDE + 1)), *(f"/teams/{slug}" for slug in slugs(WIDE)))

    found = templates(endpoints)
    assert [template for template in found if template.startswith("/products")] == ["/products/{name}"]
    assert len(found) == 1 + WIDE


def test_what_is_below_values_comes_together() -> None:
    paths = [f"/products/{slug}/{end}" for slug in slugs(WIDE + 1) for end in ("reviews", "price")]

    endpoints = learn(*paths)

    told = endpoints.tell()
    assert [endpoint.template for endpoint in told] == ["/products/{name}/price", "/products/{name}/reviews"]
    assert [endpoint.traffic.total for endpoint in told] == [WIDE + 1.0, WIDE + 1.0]
    # Because telling must not change what was learnt.
    assert endpoints.tell() == told


def test_values_below_values_are_found_though_few_are_below_each() -> None:
    paths = [f"/repos/{owner}/proj-{owner}" for owner in slugs(WIDE + 1)]

    assert templates(learn(*paths)) == ["/repos/{name}/{name2}"]


def test_among_many_words_those_with_something_else_below_them_are_names() -> None:
    endpoints = learn(*(f"/{slug}" for slug in slugs(KEPT)), "/api/users/17", "/api/health")
    learn("/login", into=endpoints, method="POST")

    assert [(found.method, found.template) for found in endpoints.tell()] == [
        ("GET", "/api/health"),
        ("GET", "/api/users/{id}"),
        ("POST", "/login"),
        ("GET", "/{name}"),
    ]


def test_a_hundred_resources_that_values_follow_stay_names() -> None:
    paths = [f"/api/{resource}{end}" for resource in slugs(100, "orders") for end in ("", "/17")]

    assert len(templates(learn(*paths))) == 200


def test_a_word_with_a_fifth_of_the_traffic_is_a_name() -> None:
    paths = [f"/pages/{slug}" for slug in slugs(WIDE + 10)] + ["/pages/home"] * 20

    assert templates(learn(*paths)) == ["/pages/home", "/pages/{name}"]


def test_a_word_that_a_route_writes_is_always_a_name() -> None:
    endpoints = learn(*(f"/pages/{slug}" for slug in slugs(4 * KEPT)), into=Endpoints(frozenset({"shirt-a"})))

    assert templates(endpoints) == ["/pages/shirt-a", "/pages/{name}"]


def test_guesses_make_no_endpoints_and_known_ones_are_counted_whatever_is_answered() -> None:
    endpoints = learn("/login")
    learn("/wp-admin", "/.env", "/login", into=endpoints, is_proof=False)
    learn("/login", into=endpoints, is_proof=False, method="DELETE")

    (found,) = endpoints.tell()
    assert (found.template, found.traffic.total, endpoints.unknown) == ("/login", 2.0, 3.0)
    assert not endpoints.add("GET", "/a/b/c", Side.LEGACY, now=NOW, weight=1.0, is_proof=False)


def test_random_paths_that_are_answered_hide_no_endpoint_and_take_bounded_memory() -> None:
    dice = random.Random(7)
    endpoints = Endpoints(max_nodes=1_000)
    real = ["/api/users/17", "/api/payments/18", "/login", "/health"]
    for _ in range(6_000):
        depth = dice.randint(1, 6)
        learn("/" + "/".join("".join(dice.choices("abcdefgh", k=8)) for _ in range(depth)), into=endpoints)
        if dice.random() < 0.2:
            learn(dice.choice(real), into=endpoints)
    learn("/login", into=endpoints, method="POST")

    assert endpoints.size <= 1_000
    assert {"/api/users/{id}", "/api/payments/{id}", "/login"} <= set(templates(endpoints))
    assert endpoints.forgotten > 0


def test_a_tree_smaller_than_a_path_still_takes_it() -> None:
    endpoints = learn("/a/b/c/d", "/e/f/g/h", into=Endpoints(max_nodes=3))

    assert templates(endpoints) == ["/e/f/g/h"]
    assert endpoints.forgotten == 1


def test_a_place_for_shapes_has_no_word_that_is_not_counted() -> None:
    endpoints = learn("/users/17/orders", "/users/me")

    assert endpoints.place("/users/{number}/orders") == "/users/{number}/orders"
    assert endpoints.place("/users/me/secrets/") == "/users/me/{name}/"
    assert endpoints.place("/wp-admin/x") == "/{name}/{name}"


def test_methods_are_listed_apart_and_rare_ones_together() -> None:
    endpoints = learn("/x")
    learn("/x", into=endpoints, method="HEAD")
    learn("/x", into=endpoints, method="POST")
    learn("/x", into=endpoints, method="PROPFIND")

    assert [(found.method, found.traffic.total, found.is_read) for found in endpoints.tell()] == [
        ("GET", 2.0, True),
        ("OTHER", 1.0, False),
        ("POST", 1.0, False),
    ]
    assert method_of("OPTIONS") == "OPTIONS"


def test_traffic_is_told_by_side_and_day() -> None:
    endpoints = Endpoints()
    for side, at, weight in (
        (Side.LEGACY, NOW, 4.0),
        (Side.EXTRACTED, NOW + 1, 1.0),
        (Side.LEGACY, NOW + DAY_S, 2.0),
        (Side.LEGACY, NOW, 1.0),
    ):
        endpoints.add("GET", "/x", side, now=at, weight=weight, is_proof=True)

    (found,) = endpoints.tell()

    assert found.traffic == Traffic(
        first=NOW,
        last=NOW + DAY_S,
        day=DAY + 1,
        legacy=3.0,
        legacy_before=4.0,
        extracted_before=1.0,
        total=8.0,
    )
    assert found.traffic.recent() == (7.0, 1.0)
    assert found.traffic.at_day(DAY + 3).recent() == (0.0, 0.0)


PATHS = st.lists(
    st.lists(st.sampled_from(["api", "users", "17", "18", "2026-11-24", *slugs(70)]), min_size=1, max_size=4).map(
        lambda parts: "/" + "/".join(parts)
    ),
    max_size=150,
)


@given(PATHS, st.randoms(use_true_random=False))
def test_the_order_of_traffic_does_not_matter(paths: Sequence[str], dice: random.Random) -> None:
    other = list(paths)
    dice.shuffle(other)

    assert learn(*paths).tell() == learn(*other).tell()


@given(PATHS)
def test_no_request_is_lost_and_what_was_told_is_taken_up_again(paths: Sequence[str]) -> None:
    told = learn(*paths).tell()
    again = Endpoints()
    for endpoint in told:
        again.restore(endpoint)

    assert sum(endpoint.traffic.total for endpoint in told) == len(paths)
    assert sum(endpoint.traffic.total for endpoint in again.tell()) == len(paths)
    assert len(again.tell()) <= len(told)


def test_after_a_restart_values_are_values_at_once() -> None:
    endpoints = learn(*(f"/products/{slug}" for slug in slugs(WIDE + 1)), "/files/17", "/files/2026-11-24")
    again = Endpoints()
    for endpoint in endpoints.tell():
        again.restore(endpoint)
    learn("/products/another", into=again)

    assert templates(again) == ["/files/{key}", "/products/{name}"]


def test_a_template_without_kinds_is_taken_up_as_it_stands() -> None:
    again = Endpoints()
    again.restore(Endpoint(method="GET", template="/x/{id}", traffic=Traffic(first=NOW, last=NOW)))

    assert [endpoint.kinds for endpoint in again.tell()] == [((Kind.TEXT,),)]


def test_what_is_below_values_that_come_together_is_added_up() -> None:
    paths = [f"/p/{slug}/{number}/x" for slug in slugs(KEPT + 20) for number in (1, 2)]
    learned = learn(*(f"/p/{slug}" for slug in slugs(KEPT + 20)))

    learn(*paths, into=learned)

    assert sum(found.traffic.total for found in learned.tell()) == 3 * (KEPT + 20)
    assert "/p/{name}/{id}/x" in templates(learned)


def test_what_is_forgotten_leaves_no_empty_places() -> None:
    endpoints = learn("/a/17/b", "/a/17", *["/c"] * 5, into=Endpoints(max_nodes=5))
    size = endpoints.size
    learn("/d/e", into=endpoints)

    assert templates(endpoints) == ["/c", "/d/e"]
    assert (size, endpoints.size, endpoints.forgotten) == (5, 4, 2)
