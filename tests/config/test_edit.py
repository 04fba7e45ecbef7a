"""A rule is added to a routes file, and nothing else of it changes."""

from dataclasses import replace

import pytest
from hypothesis import example, given, note
from hypothesis import strategies as st

from strangler.config.edit import ignore
from strangler.config.load import parse
from strangler.core.model import Config
from strangler.core.shadowing import PathRule, RuleKind
from strangler.errors import EditError
from tests.config.texts import FILE, patiently

HEAD = """\
# the monolith first
version: 1
upstreams:
  monolith: {url: "http://127.0.0.1:8001", default: true}   # as ever
  users: {url: 'http://127.0.0.1:8104'}
"""
ROUTE = """\
  - name: read
    match: {path: /a}
    extracted: users
"""

FORMS = {
    "a word": "    shadow: shadow\n",
    "a word with a comment": "    shadow: both  # why: 'it' - {is}\n\n    # below\n",
    "a word in quotes": '    "shadow": "reverse"\n',
    "a word on a line of its own": "    shadow:\n        # here\n        shadow\n",
    "a word with an anchor": "    shadow: &mode shadow\n",
    "a word with a key in brackets' way": "    ? shadow\n    : shadow\n",
    "a section": "    shadow:\n      mode: shadow\n",
    "a section with a list": "    shadow:\n      mode: both\n      headers:\n      - location  # one\n      # below\n",
    "a section with an anchor": "    shadow: &s\n      sample: 5%\n      mode: both\n",
    "a section with a folded text": "    shadow:\n      mode: >-\n        both\n\n",
    "rules": "    shadow:\n      rules:\n        - lower: $.a  # a\n        - round: $.b\n          decimals: 2\n\n",
    "rules before other keys": "    shadow:\n      rules:\n      - ignore: $.a\n      # mode\n      mode: both\n",
    "rules with an anchor": "    shadow:\n      rules: &r  # - no\n          -   ignore: $.a\n          - lower: $.b\n",
    "rules that end in null": "    shadow:\n      rules:\n        - map: $.a\n          values:\n            A: null\n",
    "no rules in brackets": "    shadow:\n      rules: []  # none\n      mode: both\n",
    "rules in brackets": "    shadow:\n      rules: [{ignore: $.a}, ]\n",
    "rules in brackets without braces": "    shadow:\n      rules: [ignore: $.a , lower: $.b ]\n",
    "rules in brackets over lines": (
        '    shadow:\n      rules: [\n        {ignore: "$[0]"},  # ]\n        {lower: $.b},\n        # end\n      ]\n'
    ),
    "nothing in brackets over lines": "    shadow:\n      rules: [\n        # none\n      ]\n",
    "a section in braces": "    shadow: {mode: both, headers: [location]}  # }\n",
    "an empty section in braces": "    shadow: {}\n",
    "a section in braces with rules": "    shadow: {rules: [{ignore: $.a}], mode: both}\n",
    "a section in braces over lines": "    shadow: {\n      mode: both,\n      # none yet\n    }\n",
}
IN_BRACES = {
    "a word in braces": "  - {name: read, match: {path: /a}, extracted: users, shadow: shadow}  # }\n",
    "a word first": "  - {shadow: both , name: read, match: {path: /a}, extracted: users}\n",
    "braces in braces": "  - {name: read, match: {path: /a}, extracted: users, shadow: {mode: both}}\n",
    "as JSON": '  - {"name":"read","match":{"path":"/a"},"extracted":"users","shadow":"shadow"}\n',
    "the word first in a block": (
        "  - shadow: shadow # w\n    name: read\n    match: {path: /a}\n    extracted: users\n"
    ),
}
BLOCKS = {**{name: ROUTE + form for name, form in FORMS.items()}, **IN_BRACES}
OTHERS = """\
  - name: other   # with the same path in it
    match: {path: "/b/{id}"}
    extracted: users
    shadow: {mode: both, rules: [{ignore: $.z}]}
"""
PATHS = ["$.now", "$..iban", "$.a[*].b", "$['a b']", '$["it\'s"]', "$['#: \\\\ \"é\"']", "$", "$[0]", "$.*"]
PATHS += ["$['\"}], mode: off, x: [{\"']", "$[': # ']..['\\\\\\'']"]


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """Draw a file with the route `read` in it, in any layout."""
    head = draw(st.sampled_from(["", "\ufeff", "---\n", "%YAML 1.1\n---\n"])) + HEAD
    defaults = draw(st.sampled_from(["", "defaults:\n    shadow: {rules: [{ignore: $.d}]}\n"]))
    routes = [draw(st.sampled_from(sorted(BLOCKS.values())))]
    routes.insert(draw(st.integers(0, 1)), draw(st.sampled_from(["", "\n\n# other\n" + OTHERS])))
    block = "".join(routes)
    if draw(st.booleans()):
        block = "".join(line.removeprefix("  ") for line in block.splitlines(keepends=True))
    elif draw(st.booleans()):
        block = "".join("  " + line if line.strip() else line for line in block.splitlines(keepends=True))
    tail = draw(st.sampled_from(["", "workers: 2  # two\n", "\n\n", "# the end\n", "...\n"]))
    text = head + draw(st.sampled_from([defaults + "routes:\n" + block, "routes:\n" + block + defaults])) + tail
    text = text if draw(st.booleans()) else text.rstrip("\n")
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@patiently
@given(text=layouts(), path=st.sampled_from(PATHS))
@example(text=HEAD + "routes:\n" + BLOCKS["a word"].rstrip(), path="$.now")
def test_one_rule_is_added_and_all_other_lines_stay_as_they_are(text: str, path: str) -> None:
    edited = accept(text, path)

    note(edited)
    assert plain(meaning(edited)) == plain(with_rule(meaning(text), path))
    assert len(changed(text, edited)) <= 1
    assert edited.count("\r\n") == (edited.count("\n") if "\r\n" in text else 0)


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_a_second_rule_follows_the_first(block: str) -> None:
    text = HEAD + "routes:\n" + block + OTHERS

    edited = accept(accept(text, "$.one"), "$['two']")

    assert plain(meaning(edited)) == plain(with_rule(with_rule(meaning(text), "$.one"), "$['two']"))


@pytest.mark.parametrize(
    ("form", "becomes"),
    [
        (
            "    shadow: shadow  # why\n",
            "    shadow:\n      mode: shadow  # why\n      rules:\n        - ignore: $.a[*]\n",
        ),
        (
            "    shadow:\n      mode: both\n      # below\n",
            "    shadow:\n      mode: both\n      rules:\n        - ignore: $.a[*]\n      # below\n",
        ),
        (
            "    shadow:\n      rules:\n      - lower: $.b  # b\n\n",
            "    shadow:\n      rules:\n      - lower: $.b  # b\n      - ignore: $.a[*]\n\n",
        ),
        (
            "    shadow:\n      rules:\n      - lower: $.b\n        # why\n\n      # next\n",
            "    shadow:\n      rules:\n      - lower: $.b\n        # why\n      - ignore: $.a[*]\n\n      # next\n",
        ),
        (
            "    shadow:\n      headers:\n      - location\n        # why\n",
            "    shadow:\n      headers:\n      - location\n        # why\n      rules:\n        - ignore: $.a[*]\n",
        ),
        ("    shadow: {mode: both}  # c\n", '    shadow: {mode: both, rules: [{ignore: "$.a[*]"}]}  # c\n'),
        ("    shadow:\n      rules: [lower: $.b]\n", '    shadow:\n      rules: [lower: $.b, {ignore: "$.a[*]"}]\n'),
    ],
)
def test_the_rule_is_written_as_people_write_it(form: str, becomes: str) -> None:
    text = HEAD + "routes:\n" + ROUTE

    assert accept(text + form, "$.a[*]") == text + becomes


def test_a_list_of_routes_without_indent_has_rules_without_indent() -> None:
    text = HEAD + "routes:\n- name: read\n  match: {path: /a}\n  extracted: users\n  shadow: shadow"

    assert accept(text, "$.a") == text.replace(
        "  shadow: shadow", "  shadow:\n    mode: shadow\n    rules:\n    - ignore: $.a"
    )


def test_a_word_that_is_an_alias_stays_one() -> None:
    text = HEAD + "routes:\n" + OTHERS.replace("{mode: both", "{mode: &m both") + ROUTE + "    shadow: *m\n"

    edited = accept(text, "$.a")

    assert plain(meaning(edited)) == plain(with_rule(meaning(text), "$.a"))
    assert edited.endswith("    shadow:\n      mode: *m\n      rules:\n        - ignore: $.a\n")


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("{mode: both}", "*s", "shadow is only a YAML alias in line 15, so others would change too"),
        ("{rules: &s [{ignore: $.z}]}", "{rules: *s}", "rules is only a YAML alias in line 15"),
    ],
)
def test_what_is_shared_by_an_alias_is_not_edited(first: str, second: str, says: str) -> None:
    first = first if "&s" in first else f"&s {first}"
    other = OTHERS.replace("{mode: both, rules: [{ignore: $.z}]}", first)
    text = HEAD + "routes:\n" + other + ROUTE + f"    # here\n    shadow: {second}\n"

    with pytest.raises(EditError, match=says):
        accept(text, "$.a")


@pytest.mark.parametrize("form", ["&s {mode: both}", "&s\n      mode: both", "{rules: &s [lower: $.a]}"])
def test_what_others_take_by_its_anchor_is_not_edited(form: str) -> None:
    second = "{rules: *s}" if "rules" in form else "*s"
    text = (
        HEAD + f"routes:\n{ROUTE}    shadow: {form}\n" + OTHERS.replace("{mode: both, rules: [{ignore: $.z}]}", second)
    )

    with pytest.raises(EditError, match="route 'other' would not be as it is meant, perhaps because of a YAML anchor"):
        accept(text, "$.a")


def test_an_anchor_may_be_defined_anew() -> None:
    text = HEAD + "routes:\n" + OTHERS.replace("{mode: both", "{mode: &m both") + ROUTE + "    shadow: &m reverse\n"

    assert plain(meaning(accept(text, "$.a"))) == plain(with_rule(meaning(text), "$.a"))


@pytest.mark.parametrize(
    ("change", "says"), [("workers", "'workers' would change too"), ("routes", "another number of routes")]
)
def test_a_text_that_means_something_else_than_was_read_is_not_edited(change: str, says: str) -> None:
    text = HEAD + "routes:\n" + ROUTE + "    shadow: shadow\n" + OTHERS
    config = meaning(text)
    config = replace(config, workers=7) if change == "workers" else replace(config, routes=config.routes[:1])

    with pytest.raises(EditError, match=says):
        ignore(text.encode(), config, route="read", path="$.a", file=FILE)


def test_a_list_that_is_full_is_not_edited() -> None:
    rules = "".join(f"        - ignore: $.a{number}\n" for number in range(200))
    text = HEAD + "routes:\n" + ROUTE + "    shadow:\n      rules:\n" + rules

    with pytest.raises(EditError, match=r"cannot be added to route 'read' by itself.*201 rules stand in one list"):
        accept(text, "$.more")


def test_a_word_that_leaves_no_room_in_its_line_is_not_edited() -> None:
    text = HEAD + "routes:\n" + ROUTE + "    shadow: >-\n     both\n"

    with pytest.raises(EditError, match="cannot be added"):
        accept(text, "$.more")


def accept(text: str, path: str) -> str:
    """Return the text with the rule."""
    return ignore(text.encode(), meaning(text), route="read", path=path, file=FILE).decode()


def meaning(text: str) -> Config:
    return parse(text.encode(), path=FILE)


def with_rule(config: Config, path: str) -> Config:
    """Return a meaning with one rule more for `read`."""
    routes = []
    for route in config.routes:
        if route.name == "read" and route.shadow is not None:
            rules = (*route.shadow.rules, PathRule(kind=RuleKind.IGNORE, path=path))
            route = replace(route, shadow=replace(route.shadow, rules=rules))
        routes.append(route)
    return replace(config, routes=tuple(routes))


def plain(config: Config) -> Config:
    """Return a meaning without where it stands."""
    return replace(config, digest="", routes=tuple(replace(route, line=0) for route in config.routes))


def changed(before: str, after: str) -> list[str]:
    """Return the lines that are not there any more, by what both texts begin and end with."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return old


def test_a_tab_that_only_the_editor_stumbles_over_is_told_and_ends_nothing() -> None:
    text = f"{HEAD}routes:\n{ROUTE}    shadow:\t shadow\n"
    assert meaning(text).routes[0].shadow is not None

    with pytest.raises(EditError, match=r"line 10 cannot be edited as it is\. Where a tab stands there, replace it"):
        accept(text, "$.a")
