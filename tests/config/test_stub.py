"""Stubs: one route more, in the manner of the file, and not another byte different."""

from pathlib import Path

import pytest

from strangler.config.load import parse
from strangler.config.stub import TODO, Stub, add_stub, suggest
from strangler.errors import EditError

FILE = Path("/srv/routes.yaml")
HEAD = """# The monolith first.
version: 1
upstreams:
  monolith: {url: "http://127.0.0.1:8001", default: true}   # 8001
"""
STUB = Stub(name="invoices.read", method="GET", path="/api/invoices/{id}")
LINES = f"""- name: invoices.read
  match: {{methods: [GET], path: "/api/invoices/{{id}}"}}
  {TODO}
"""


def indented(by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in LINES.splitlines())


def added(text: str, stub: Stub = STUB) -> str:
    data = text.encode()
    return add_stub(data, parse(data, path=FILE), stub, file=FILE).decode()


def test_a_file_without_routes_gets_a_list_of_them() -> None:
    assert added(HEAD) == f"{HEAD.rstrip()}\nroutes:\n{indented(2)}"


def test_a_list_in_lines_gets_one_more_at_its_end() -> None:
    text = HEAD + "routes:\n- name: users   # first\n  match: {path: /users}\n\n# the end\n"

    expected = HEAD + "routes:\n- name: users   # first\n  match: {path: /users}\n" + indented(0) + "\n# the end\n"
    assert added(text) == expected


def test_dashes_line_up_with_those_that_are_there() -> None:
    text = HEAD + "routes:\n    - name: users\n      match: {path: /users}\nworkers: 2\n"

    expected = HEAD + "routes:\n    - name: users\n      match: {path: /users}\n" + indented(4) + "workers: 2\n"
    assert added(text) == expected


@pytest.mark.parametrize(("before", "between"), [("[]", ""), ("[{name: u, match: {path: /u}}]", ", ")])
def test_a_list_in_brackets_stays_in_its_line(before: str, between: str) -> None:
    more = '{name: invoices.read, match: {methods: [GET], path: "/api/invoices/{id}"}}'

    assert added(f"{HEAD}routes: {before}\n") == f"{HEAD}routes: {before[:-1]}{between}{more}]\n"


def test_lines_end_as_they_do_in_the_file() -> None:
    text = (HEAD + "routes:\n  - name: users\n    match: {path: /users}\n").replace("\n", "\r\n")

    assert added(text) == text + indented(2).replace("\n", "\r\n")


def test_a_file_without_a_last_line_break_is_left_without_one() -> None:
    text = HEAD + "routes:\n  - name: users\n    match: {path: /users}"

    assert added(text) == text + "\n" + indented(2).rstrip("\n")


def test_a_route_that_another_one_hides_is_not_written() -> None:
    text = HEAD + 'routes:\n  - name: all\n    match: {methods: [GET], path: "/api/invoices/{x}"}\n'

    with pytest.raises(EditError, match="cannot be added"):
        added(text)


def test_a_list_that_is_an_alias_is_not_written() -> None:
    text = HEAD.replace("version: 1", "version: 1\nx-routes: &r [{name: u, match: {path: /u}}]") + "routes: *r\n"

    with pytest.raises(EditError, match="alias"):
        add_stub(text.encode(), parse(HEAD.encode(), path=FILE), STUB, file=FILE)


def test_a_file_in_braces_is_not_written() -> None:
    text = '{version: 1, upstreams: {monolith: {url: "http://127.0.0.1:8001", default: true}}}'

    with pytest.raises(EditError, match="in braces"):
        added(text)


@pytest.mark.parametrize(
    ("method", "template", "stub"),
    [
        ("GET", "/api/invoices/{id}", Stub(name="invoices.read", method="GET", path="/api/invoices/{id}")),
        ("GET", "/api/invoices", Stub(name="invoices.list", method="GET", path="/api/invoices")),
        ("POST", "/api/invoices", Stub(name="invoices.create", method="POST", path="/api/invoices")),
        ("OTHER", "/dav/{rest...}", Stub(name="dav.other", method="", path="/dav/{rest...}")),
        ("GET", "/", Stub(name="root.read", method="GET", path="/")),
        ("GET", "/a.b/c_d/", Stub(name="a-b.c-d.read", method="GET", path="/a.b/c_d/")),
    ],
)
def test_a_stub_is_named_by_what_it_is_for(method: str, template: str, stub: Stub) -> None:
    config = parse(HEAD.encode(), path=FILE)

    assert suggest(config, method, template) == stub
    assert stub.name in added(HEAD, stub)


def test_a_name_that_is_taken_is_numbered() -> None:
    text = HEAD + "routes:\n  - name: invoices.read\n    match: {path: /users}\n"

    assert suggest(parse(text.encode(), path=FILE), "GET", "/api/invoices/{id}").name == "invoices.read-2"
