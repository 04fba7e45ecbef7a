"""Stubs: one route more, in the manner of the file, and not another byte different."""

from pathlib import Path

import pytest

from strangler.config.load import parse
from strangler.config.stub import TODO, Stub, add_stub, suggest
from strangler.errors import ConfigError, EditError

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


OTHER = Stub(name="orders.list", method="GET", path="/api/orders")
THIRD = Stub(name="orders.create", method="POST", path="/api/orders")


def lines_of(stub: Stub, by: int) -> str:
    """Return a stub as it is written, indented."""
    return indented(by).replace(STUB.name, stub.name).replace(STUB.path, stub.path).replace("GET", stub.method)


@pytest.mark.parametrize("end", ["", "\n"], ids=["no final line break", "a final line break"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("before", "after", "by"),
    [
        (HEAD + "routes:\n- name: users\n  match: {path: /users}", "", 0),
        (HEAD + "# What moves.\nroutes:\n  # users\n  - name: users\n    match: {path: /users}  # all", "", 2),
        (HEAD + "routes:\n  - name: users\n    match: {path: /users}\n\n    # extracted: users", "", 2),
        (HEAD + "routes:\n  - name: users\n    match: {path: /users}\n    # share", "\n  # - name: next", 2),
        (HEAD + "routes:\n  - name: users\n    match: {path: /users}\n      # deep", "\n\n# end\n# of it", 2),
        (HEAD + "routes:\n  - match: {path: /users}\n    name: users", "\n\n# next\nworkers: 2  # two", 2),
    ],
    ids=["none", "before", "after", "between", "at the end", "of the next key"],
)
def test_stubs_follow_each_other_and_every_comment_stays_where_it_belongs(
    before: str, after: str, by: int, line_break: str, end: str
) -> None:
    text = (before + after + end).replace("\n", line_break)

    found = added(added(added(text, STUB), OTHER), THIRD)

    stubs = "".join(lines_of(stub, by) for stub in (STUB, OTHER, THIRD))
    assert found == f"{before}\n{stubs.rstrip()}{after}{end}".replace("\n", line_break)


@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_stubs_in_a_file_without_routes_leave_its_last_comments_where_they_are(line_break: str) -> None:
    text = (HEAD + '  # payments: {url: "http://127.0.0.1:8104"}\n\n# the end').replace("\n", line_break)

    found = added(added(text, STUB), OTHER)

    stubs = f"routes:\n{indented(2)}{lines_of(OTHER, 2)}".replace("\n", line_break)
    assert found == text.replace(f"{line_break}# the end", f"{stubs}{line_break}# the end")


def test_stubs_in_brackets_follow_each_other() -> None:
    text = f"{HEAD}routes: [{{name: u, match: {{path: /u}}}}]  # two\nworkers: 2"

    found = added(added(text, STUB), OTHER)

    first, second = (f'{{name: {one.name}, match: {{methods: [GET], path: "{one.path}"}}}}' for one in (STUB, OTHER))
    assert found == text.replace("}}]", f"}}}}, {first}, {second}]")


def test_a_value_of_several_lines_ends_with_its_text() -> None:
    text = HEAD + "routes:\n- match: {path: /users}\n  name: >-\n    users\n\nworkers: 2\n"

    assert added(text) == text.replace("users\n\n", f"users\n{indented(0)}\n")


@pytest.mark.parametrize("text", ["routes:\n", "routes: ~\n", "routes:\n  # none yet\n"])
def test_a_key_without_routes_is_a_fault_with_a_remedy(text: str) -> None:
    with pytest.raises(ConfigError, match=r"routes: nothing stands where a list is expected\. Write "):
        added(HEAD + text)


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
