"""The lookup: what a slow reading of the rules would find, at a cost that does not follow the number of routes."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.model import HeaderMatch, Match, Route
from strangler.core.pattern import MAX_SEGMENTS, SegmentKind, parse_template
from strangler.core.table import Conflict, ConflictKind, Table, conflicts

HOSTS = ["a.test", "x.a.test", "y.x.a.test", "b.test"]
METHODS = ["GET", "HEAD", "POST"]
Fields = Sequence[tuple[str, str]]

paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
odd_paths = paths | paths.map(lambda path: path + "/") | st.sampled_from(["/", "*", "", "a", "/a//b", "//", "/%2F"])
headers = st.lists(st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"])), max_size=3)
templates = st.tuples(
    st.lists(st.sampled_from(["a", "b", "{}"]), max_size=3), st.sampled_from(["a", "c", "{}", "{...}", ""])
).map(lambda parts: "/" + "/".join(p.replace("{", f"{{p{i}") for i, p in enumerate([*parts[0], parts[1]])))
matches = st.builds(
    Match,
    path=templates,
    methods=st.lists(st.sampled_from(METHODS), unique=True, max_size=2).map(lambda found: tuple(sorted(found))),
    hosts=st.lists(st.sampled_from([*HOSTS[:2], "*.a.test", "*.x.a.test"]), unique=True, max_size=2).map(tuple),
    headers=st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from([None, "1"]), max_size=2).map(
        lambda found: tuple(HeaderMatch(name=name, value=value) for name, value in found.items())
    ),
)


def route(index: int, match: Match) -> Route:
    return Route(name=f"r{index}", match=match, legacy="monolith")


def routes_of(*found: Match) -> tuple[Route, ...]:
    return tuple(route(index, match) for index, match in enumerate(found))


tables = st.lists(matches, max_size=12).map(lambda found: routes_of(*found))


def rank(match: Match, host: str, path: str, method: str, fields: Fields) -> tuple[object, ...] | None:
    """Return how specific a match is for a request, the smaller the more, or None if it does not take it.

    This is the documented order written down once more, with neither tree nor shortcut.
    """
    host_ranks = [
        (1, -len(pattern)) if pattern.startswith("*.") else (0, 0)
        for pattern in match.hosts
        if pattern == host or (pattern.startswith("*.") and host.endswith(pattern[1:]) and len(host) >= len(pattern))
    ]
    if match.hosts and not host_ranks:
        return None
    kinds = []
    segments = path.split("/")[1:]
    template = parse_template(match.path).segments
    if not path.startswith("/") or (len(segments) != len(template) and template[-1].kind is not SegmentKind.REST):
        return None
    if len(segments) < len(template):
        return None
    for part, segment in zip(template, segments, strict=False):
        if segment != part.text if part.kind is SegmentKind.LITERAL else not segment:
            return None
        kinds.append(part.kind)
    if not all(any(f[0] == h.name and h.value in (None, f[1]) for f in fields) for h in match.headers):
        return None
    if not match.methods:
        by_method = 2
    elif method in match.methods:
        by_method = 0
    elif method == "HEAD" and "GET" in match.methods:
        by_method = 1
    else:
        return None
    values = sum(header.value is not None for header in match.headers)
    return min(host_ranks, default=(2, 0)), kinds, -len(match.headers), -values, by_method


def find_slowly(routes: Sequence[Route], host: str, path: str, method: str, fields: Fields) -> int | None:
    ranks = [(rank(r.match, host, path, method, fields), index) for index, r in enumerate(routes)]
    return min((found for found in ranks if found[0] is not None), default=(None, None))[1]


@given(tables, st.sampled_from([*HOSTS, "", ".a.test"]), odd_paths, st.sampled_from([*METHODS, "PUT"]), headers)
@example(routes_of(Match(path="/a", hosts=("a.test",))), "b.test", "/a", "GET", [])
@example(routes_of(Match(path="/a", hosts=("*.a.test",))), "a.test", "/a", "GET", [])
def test_the_lookup_finds_what_the_rules_say(
    routes: tuple[Route, ...], host: str, path: str, method: str, fields: list[tuple[str, str]]
) -> None:
    assert Table(routes).find(host, path, method, fields) == find_slowly(routes, host, path, method, fields)


@given(st.text(), st.text() | st.text().map(lambda rest: "/" + rest), st.text(), tables)
def test_no_text_makes_the_lookup_raise(host: str, path: str, method: str, routes: tuple[Route, ...]) -> None:
    found = Table(routes).find(host, path, method)

    assert found is None or 0 <= found < len(routes)


@given(st.lists(matches, max_size=6).map(lambda found: routes_of(*found)))
def test_without_a_conflict_each_route_is_taken_by_some_request(routes: tuple[Route, ...]) -> None:
    bad = {conflict.second for conflict in conflicts(routes)}
    good = [r for r in routes if r.name not in bad]
    table = Table(good)

    taken = set()
    for r in good:
        parts = parse_template(r.match.path).segments
        path = "/" + "/".join(part.text if part.kind is SegmentKind.LITERAL else "other" for part in parts)
        for host in (h.replace("*", "z") for h in r.match.hosts or ("none.test",)):
            fields = [(header.name, header.value or "other") for header in r.match.headers]
            taken |= {table.find(host, path, method, fields) for method in (*METHODS, "PUT")}
            taken |= {table.find(host, path + "/more", method, fields) for method in (*METHODS, "PUT")}
    assert taken - {None} == set(range(len(good)))


@given(tables)
def test_a_conflict_names_each_refused_route_once_and_a_route_before_it(routes: tuple[Route, ...]) -> None:
    found = conflicts(routes)

    pairs = [(int(conflict.first[1:]), int(conflict.second[1:])) for conflict in found]
    assert all(first < second for first, second in pairs)
    assert len(set(pairs)) == len(pairs)


@given(tables)
def test_an_unreachable_route_never_wins(routes: tuple[Route, ...]) -> None:
    table = Table(routes)

    lost = {int(c.second[1:]) for c in conflicts(routes) if c.kind is ConflictKind.UNREACHABLE}

    requests = [
        (host, path, method, fields)
        for host in HOSTS
        for path in ("/a", "/a/b", "/a/", "/a/b/c", "/b/b/a")
        for method in (*METHODS, "PUT")
        for fields in ((), (("x", "1"), ("y", "1")))
    ]
    assert not lost & {table.find(*request) for request in requests}


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (Match(path="/a"), Match(path="/a"), ConflictKind.UNREACHABLE),
        (Match(path="/{a}"), Match(path="/{b}"), ConflictKind.UNREACHABLE),
        (Match(path="/a", methods=("GET", "POST")), Match(path="/a", methods=("GET",)), ConflictKind.UNREACHABLE),
        (Match(path="/a", methods=("GET",)), Match(path="/a", methods=("GET", "POST")), ConflictKind.AMBIGUOUS),
        (Match(path="/a", hosts=("a", "b")), Match(path="/a", hosts=("b",)), ConflictKind.UNREACHABLE),
        (Match(path="/a", hosts=("a",)), Match(path="/a", hosts=("a", "b")), ConflictKind.AMBIGUOUS),
        (Match(path="/a", methods=("GET",)), Match(path="/a", methods=("HEAD",)), None),
        (Match(path="/a", methods=("GET",)), Match(path="/a"), None),
        (Match(path="/a", hosts=("a",)), Match(path="/a"), None),
        (Match(path="/a"), Match(path="/a/"), None),
        (Match(path="/{a}"), Match(path="/a"), None),
        (Match(path="/{a}"), Match(path="/{a...}"), None),
    ],
)
def test_two_routes_that_only_their_order_tells_apart_conflict(
    first: Match, second: Match, kind: ConflictKind | None
) -> None:
    found = conflicts(routes_of(first, second))

    assert found == (() if kind is None else (Conflict(first="r0", second="r1", kind=kind),))


def test_a_head_goes_where_its_get_goes_unless_a_route_names_it() -> None:
    by_get = Table(routes_of(Match(path="/a"), Match(path="/a", methods=("GET",))))
    named = Table(routes_of(Match(path="/a", methods=("GET",)), Match(path="/a", methods=("HEAD",))))

    assert [by_get.find("", "/a", method) for method in ("GET", "HEAD", "PUT")] == [1, 1, 0]
    assert [named.find("", "/a", method) for method in ("GET", "HEAD", "PUT")] == [0, 1, None]


def test_a_header_with_a_value_goes_before_one_that_is_only_there() -> None:
    present = Match(path="/a", headers=(HeaderMatch(name="x", value=None),))
    exact = Match(path="/a", headers=(HeaderMatch(name="x", value="1"),))
    table = Table(routes_of(present, exact))

    assert [table.find("", "/a", "GET", fields) for fields in ([], [("x", "1")], [("x", "2")])] == [None, 1, 0]
    assert table.header_names == {"x"}


def test_a_lookup_takes_as_many_steps_among_ten_thousand_routes_as_among_ten() -> None:
    def steps(count: int) -> list[int]:
        found = [Match(path=f"/r{n}/deep/{{id}}") for n in range(count // 2)]
        found += [Match(path=f"/a/{n}", hosts=("a.test", "*.b.test")) for n in range(count // 2)]
        table = Table(routes_of(*found))
        counts = []
        for path in ("/", "/a/0", "/a/4", "/r4/deep/er", "/r4/deep/er/more", "/nothing/like/it"):
            for host in ("a.test", "x.b.test", "other.test"):
                table.find(host, path, "GET")
                counts.append(table.steps)
        return counts

    few, many, most = (steps(count) for count in (10, 1_000, 10_000))

    assert few == many == most
    assert 0 < max(few) <= 2 * 4, "each segment once, for the host and for any"


def test_what_is_deeper_than_any_template_is_no_routes() -> None:
    table = Table(routes_of(Match(path="/{all...}")))

    assert table.find("", "/a" * MAX_SEGMENTS, "GET") == 0
    assert table.find("", "/a" * (MAX_SEGMENTS + 1), "GET") is None
    assert table.find("", "/" * 1_000_000, "GET") is None


def test_templates_that_all_fit_do_not_make_a_lookup_dear_and_never_pass_over_a_route() -> None:
    """Each of 8,192 templates fits the path but not the method, and the catch-all is not taken for want of patience."""
    fitting = [
        Match(path="/" + "/".join(f"{{p{i}}}" if n >> i & 1 else "a" for i in range(13)), methods=("PUT",))
        for n in range(8_192)
    ]
    table = Table(routes_of(*fitting, Match(path="/{all...}")))

    assert table.find("", "/a" * 13, "GET") is None
    assert table.steps <= 5_000
    assert table.find("", "/a" * 13, "PUT") is not None
    assert table.find("", "/b", "GET") == 8_192
