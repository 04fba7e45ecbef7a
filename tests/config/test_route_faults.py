"""Mistakes in routes: one mistake, one message; what several routes get wrong together names both."""

import pytest

from tests.config.texts import ROUTE, SMALL, faults

SPLIT = f"{SMALL}{ROUTE}    extracted: payments\n"
"""What a test adds to the route starts in line 9."""


def match(inside: str) -> str:
    """Return a file with one route, whose match stands in line 7 from column 12."""
    return f"{SMALL}routes:\n  - name: a\n    match: {{{inside}}}\n"


def routes(*lines: str) -> str:
    """Return a file with a route a line, the first in line 6."""
    return SMALL + "routes:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


ONE = {
    "no name": (
        f"{SMALL}routes:\n  - match: {{path: /a}}\n",
        "6:5: routes[0]: `name` is missing. Add `name: users.read`",
    ),
    "no match": (
        f"{SMALL}routes:\n  - name: a\n",
        "6:5: routes[0]: `match` is missing. Add `match: {path: /api/users/{id}}`",
    ),
    "no path": (match("methods: [GET]"), "7:12: routes[0].match: `path` is missing. Add `path: /api/users/{id}`"),
    "misspelt path": (
        match("pth: /a"),
        "7:13: routes[0].match.pth: `pth` is not a known key. Did you mean `path`?",
    ),
    "relative path": (
        match("path: a/b"),
        "7:19: routes[0].match.path: a path starts with `/`. Write `/a/b`",
    ),
    "bad parameter": (
        match("path: '/a/{b c}'"),
        "7:19: routes[0].match.path: `{b c}` is not a parameter. Write a name of letters, digits and `_`, as in `{id}`",
    ),
    "bad name": (
        f"{SMALL}routes:\n  - name: Pay ments\n    match: {{path: /a}}\n",
        "6:11: routes[0].name: `Pay ments` is not a name. "
        "Use a-z, 0-9 and . _ -, at most 64 characters, the first a letter or digit",
    ),
    "boolean as name": (
        f"{SMALL}routes:\n  - name: off\n    match: {{path: /a}}\n",
        '6:11: routes[0].name: YAML reads `off` as a boolean, and text is expected. Quote it: "off"',
    ),
    "misplaced key": (
        f"{SMALL}{ROUTE}    methods: [GET]\n",
        "8:5: routes[0].methods: `methods` is not a key of a route. Put it under `match`",
    ),
    "lower case method": (
        match("path: /a, methods: [get]"),
        "7:33: routes[0].match.methods[0]: `get` is in lower case, and methods are not. Write GET",
    ),
    "unknown method": (
        match("path: /a, methods: [DELET]"),
        "7:33: routes[0].match.methods[0]: `DELET` is not a method that is spoken here. Did you mean `DELETE`?",
    ),
    "CONNECT": (
        match("path: /a, methods: [CONNECT]"),
        "7:33: routes[0].match.methods[0]: `CONNECT` cannot be routed. Remove it",
    ),
    "host with port": (
        match('path: /a, hosts: ["a.example:80"]'),
        "7:31: routes[0].match.hosts[0]: `a.example:80` carries a port. Write the host alone; every port matches",
    ),
    "header name": (
        match('path: /a, headers: {"a b": x}'),
        '7:40: routes[0].match.headers["a b"]: `a b` cannot be the name of a header. Use letters, digits and - _ .',
    ),
    "header twice": (
        match("path: /a, headers: {X-A: x, x-a: y}"),
        "7:46: routes[0].match.headers.x-a: the header `x-a` stands twice. Remove one; header names ignore case",
    ),
    "number as header": (
        match("path: /a, headers: {X-A: 2}"),
        "7:38: routes[0].match.headers.X-A: YAML reads this as a whole number, and text is expected. Quote it",
    ),
    "header with space": (
        match('path: /a, headers: {X-A: " x"}'),
        "7:38: routes[0].match.headers.X-A: this cannot be compared with a header's value. "
        "Write ASCII without spaces around it",
    ),
    "unknown extracted": (
        f"{SMALL}{ROUTE}    extracted: paymnts\n",
        "8:16: routes[0].extracted: there is no upstream `paymnts`. Did you mean `payments`?",
    ),
    "unknown legacy": (
        f"{SMALL}{ROUTE}    legacy: zzz\n",
        "8:13: routes[0].legacy: there is no upstream `zzz`. Known: monolith, payments",
    ),
    "same sides": (
        f"{SMALL}{ROUTE}    extracted: monolith\n",
        "8:16: routes[0].extracted: both sides are `monolith`, so nothing is split. Name the service that replaces it",
    ),
    "flag without extracted": (
        f"{SMALL}{ROUTE}    flag: f\n",
        "8:11: routes[0].flag: `flag` splits a route that names no extracted service. Add `extracted: UPSTREAM`",
    ),
    "flag and share": (
        f"{SPLIT}    flag: f\n    share: 1%\n",
        "10:12: routes[0].share: more than one of `flag`, `share` and `split` says how far the route has come. "
        "Keep one",
    ),
    "bad flag": (
        f"{SPLIT}    flag: a/b\n",
        "9:11: routes[0].flag: `a/b` is not a flag key. Use letters, digits and . _ -",
    ),
    "share without unit": (f"{SPLIT}    share: 25\n", "9:12: routes[0].share: `25` has no unit. Write `25%`"),
    "share too fine": (
        f"{SPLIT}    share: 0.001%\n",
        "9:12: routes[0].share: `0.001%` is finer than 0.01 %. Write at most two decimals",
    ),
    "share too large": (
        f"{SPLIT}    share: 100.01%\n",
        "9:12: routes[0].share: `100.01%` is more than everything. Write at most `100%`",
    ),
    "no share": (
        f"{SPLIT}    share: half\n",
        "9:12: routes[0].share: `half` is not a share. Write a percentage, such as `25%` or `2.5%`",
    ),
    "split that does not sum": (
        f"{SPLIT}    split: {{legacy: 75%, extracted: 24.5%}}\n",
        "9:12: routes[0].split: the split sums to 99.5%. Make it 100%",
    ),
    "split of one side": (
        f"{SPLIT}    split: {{legacy: 100%}}\n",
        "9:12: routes[0].split: a split names both sides. Write `{legacy: 75%, extracted: 25%}`",
    ),
    "split of one side twice": (
        f"{SPLIT}    split: {{legacy: 50%, monolith: 50%}}\n",
        "9:26: routes[0].split.monolith: a second share for the legacy side. Write one for each side",
    ),
    "split of a stranger": (
        f"{SPLIT}    split: {{legacy: 75%, extrcted: 25%}}\n",
        "9:26: routes[0].split.extrcted: `extrcted` is no side of this route. Did you mean `extracted`?",
    ),
    "unknown source": (
        f"{SPLIT}    identity: [headr X-Id]\n",
        "9:16: routes[0].identity[0]: `headr X-Id` is not a place in a request. Did you mean `header`?",
    ),
    "source without name": (
        f"{SPLIT}    identity: [header]\n",
        "9:16: routes[0].identity[0]: `header` has no name. Write `header NAME`",
    ),
    "claim without name": (
        f"{SPLIT}    identity: [jwt]\n",
        "9:16: routes[0].identity[0]: `jwt` has no usable name. Write `jwt NAME`",
    ),
    "source with two names": (
        f"{SPLIT}    identity: [cookie a b]\n",
        "9:16: routes[0].identity[0]: `cookie a b` names more than one. List them one by one",
    ),
    "ip with name": (
        f"{SPLIT}    identity: [ip v4]\n",
        "9:16: routes[0].identity[0]: `ip v4` names something after `ip`. Write `ip` alone",
    ),
    "cookie name": (
        f"{SPLIT}    identity: [cookie a;b]\n",
        "9:16: routes[0].identity[0]: `a;b` cannot be the name of a cookie. Use letters, digits and - _ .",
    ),
    "source after the last": (
        f"{SPLIT}    identity: [assigned cookie, ip]\n",
        "9:16: routes[0].identity[0]: nothing after an assigned cookie is ever asked: it always has a value. "
        "Put it last",
    ),
    "attribute name": (
        f"{SPLIT}    attributes: {{key: ip}}\n",
        "9:23: routes[0].attributes.key: `key` cannot be the name of an attribute. "
        "Start with a letter; not key, kind, anonymous, _meta",
    ),
    "assigned attribute": (
        f"{SPLIT}    attributes: {{id: assigned cookie}}\n",
        "9:22: routes[0].attributes.id: an assigned cookie says nothing about the caller. Use it under `identity`",
    ),
    "literal host": (
        f"{SPLIT}    host: a b\n",
        "9:11: routes[0].host: `a b` is not a host name. "
        "Write letters, digits, dots and hyphens; other alphabets as xn--…",
    ),
}

TOGETHER = {
    "name": (
        routes("name: a, match: {path: /a}", "name: a, match: {path: /b}"),
        "7:12: routes[1].name: the name `a` is taken by the route in line 6. Give each route a name of its own",
    ),
    "the same requests": (
        routes("name: a, match: {path: '/a/{id}'}", "name: b, match: {path: '/a/{key}'}"),
        "7:22: routes[1].match: route `b` is unreachable: `a` (line 6) takes all of its requests. "
        "Remove one, or narrow the first by method, host or header",
    ),
    "fewer of the same requests": (
        routes("name: a, match: {path: /a, methods: [GET, POST]}", "name: b, match: {path: /a, methods: [POST]}"),
        "7:22: routes[1].match: route `b` is unreachable: `a` (line 6) takes all of its requests. "
        "Remove one, or narrow the first by method, host or header",
    ),
    "some of the same requests": (
        routes(
            "name: a, match: {path: /a, methods: [GET, POST]}",
            "name: b, match: {path: /a, methods: [POST, PUT]}",
        ),
        "7:22: routes[1].match: route `b` is as specific as `a` (line 6), and some requests fit both. "
        "Make their methods, hosts, paths or headers differ",
    ),
    "share of a cohort": (
        routes(
            "name: a, match: {path: /a}, extracted: payments, share: 5%, cohort: c",
            "name: b, match: {path: /b}, extracted: payments, share: 6%, cohort: c",
        ),
        "7:74: routes[1].cohort: route `b` and `a` (line 6) share the cohort `c`, but not `share`. "
        "Make them the same, so that a caller gets the same side on both, or use two cohorts",
    ),
    "all of a cohort": (
        routes(
            "name: a, match: {path: /a}, extracted: payments, flag: f, cohort: c",
            "name: b, match: {path: /b}, cohort: c, identity: [ip], attributes: {country: header X-C}",
        ),
        "7:42: routes[1].cohort: route `b` and `a` (line 6) share the cohort `c`, "
        "but not `flag`, `identity`, `attributes`. "
        "Make them the same, so that a caller gets the same side on both, or use two cohorts",
    ),
}


@pytest.mark.parametrize(("text", "fault"), ONE.values(), ids=ONE.keys())
def test_a_mistake_in_a_route_is_one_message(text: str, fault: str) -> None:
    assert faults(text) == [fault]


@pytest.mark.parametrize(("text", "fault"), TOGETHER.values(), ids=TOGETHER.keys())
def test_a_disagreement_of_routes_is_one_message_that_names_both(text: str, fault: str) -> None:
    assert faults(text) == [fault]


def test_parts_with_faults_of_their_own_disagree_with_nothing() -> None:
    text = routes("name: a, match: {path: /a}", "name: b, match: {path: /a, methods: [get]}")

    assert len(faults(text)) == 1


def test_a_route_that_conflicts_with_many_is_told_once() -> None:
    text = routes(*(f"name: r{index}, match: {{path: /a}}" for index in range(4)))

    assert [fault.split(": ")[0] for fault in faults(text)] == ["7:23", "8:23", "9:23"]
