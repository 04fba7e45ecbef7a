"""A pytest file of cases: it needs nothing but Python, and is text that says what it says whatever was recorded.

All that comes from outside is written as Python's own literals in ASCII, so no answer can end a string.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from strangler.core.cases import Body, BodyKind, Case
from strangler.core.checking import Alike, Anything, Members, OfType, Unordered

_WIDTH = 100
_LEAD = '''"""{title}.

Made by `strangler shadow export`; {count} reads. Run it against a build:

    BASE_URL=http://127.0.0.1:8101 pytest {name}

HEADERS may have lines `Name: value` that are sent with each request, such as credentials, which are not in this file.
"""
'''


def pytest_file(title: str, name: str, cases: tuple[Case, ...], helpers: tuple[str, ...]) -> str:
    """Return the file; `helpers` are the sources of the modules that it needs, those that others need first."""
    imports, bodies = _joined(helpers)
    lead = _LEAD.format(title=_in_docstring(title), count=len(cases), name=_in_docstring(name))
    tests = (line for case in cases for line in ("", "", *_test(case)))
    return "\n".join([lead, *imports, "", *bodies, *tests]) + "\n"


def _in_docstring(text: str) -> str:
    """Return text that ends no docstring and is no escape, in ASCII."""
    return ascii(text)[1:-1].replace('"', '\\"')


def literal(value: object, indent: int = 0) -> str:
    """Return what is expected as Python's text, in ASCII."""
    short = _flat(value)
    if len(short) + indent <= _WIDTH:
        return short
    inner, pad = indent + 4, " " * (indent + 4)
    end = "\n" + " " * indent
    match value:
        case Members():
            rest = "".join(f", {text}" for text in _extras(value))
            return f"Members({literal(value.members, indent)}{rest})"
        case Unordered():
            return f"Unordered({literal(value.elements, indent)}, by={value.by!a})"
        case dict() if value:
            return "{" + "".join(f"\n{pad}{name!a}: {literal(one, inner)}," for name, one in value.items()) + end + "}"
        case list() if value:
            return "[" + "".join(f"\n{pad}{literal(one, inner)}," for one in value) + end + "]"
        case _:
            return short


def _flat(value: object) -> str:
    match value:
        case Anything():
            return "ANY"
        case OfType(name=name):
            return f"OfType({name!a})"
        case Alike(value=one, rules=rules):
            return f"Alike({_flat(one)}, {_flat(rules)})"
        case Members():
            return f"Members({', '.join((_flat(value.members), *_extras(value)))})"
        case Unordered(elements=elements, by=by):
            return f"Unordered({_flat(elements)}, by={by!a})"
        case dict():
            return "{" + ", ".join(f"{name!a}: {_flat(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flat, value)) + "]"
        case tuple():
            return "(" + ", ".join(map(_flat, value)) + ("," if len(value) == 1 else "") + ")"
        case Decimal():
            return f'Decimal("{value}")'
        case _:
            return ascii(value)


def _extras(value: Members) -> Iterator[str]:
    if value.may_have:
        yield f"may_have={_flat(value.may_have)}"
    if value.is_open:
        yield "is_open=True"


def _test(case: Case) -> Iterator[str]:
    slug = "_".join(re.findall(r"[a-z0-9]+", case.target.partition("?")[0].lower()))[:60]
    yield f"def test_{case.method.lower()}_{slug or 'root'}_{case.id}() -> None:"
    if case.body.why:
        yield f"    # Of the body nothing is asserted: {case.body.why}."
    yield "    check("
    yield f"        {case.method!a},"
    yield f"        {case.target!a},"
    yield f"        headers={_flat(list(case.headers))},"
    yield f"        status={case.status},"
    yield f"        answered={_flat(dict(case.answered))},"
    yield from _asserted(case.body)
    yield "    )"


def _asserted(body: Body) -> Iterator[str]:
    if body.codec != "utf-8-sig":
        yield f"        codec={body.codec!a},"
    match body.kind:
        case BodyKind.JSON:
            yield f"        document={literal(body.expected, 8)},"
        case BodyKind.TEXT:
            yield f"        text={body.text!a},"
        case BodyKind.DIGEST:
            yield f"        digest={body.text!a},"
        case BodyKind.EMPTY:
            yield '        text="",'
        case _:
            # BodyKind.NOTHING, which is said at the top of the test.
            return


def _joined(helpers: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the imports of several modules, our own left out, and what is left of them."""
    imports: set[str] = set()
    bodies: list[str] = []
    for source in helpers:
        # Because a module's text begins with what it is for, which is said of the whole file elsewhere.
        _, _, text = source.partition('"""\n')
        if not source.startswith('"""'):
            text = source
        else:
            _, _, text = source[3:].partition('"""\n')
        for line in text.strip("\n").split("\n"):
            if line.startswith(("import ", "from ")):
                imports.update(() if "strangler" in line else (line,))
            else:
                bodies.append(line)
        bodies += ["", ""]
    ordered = sorted(imports, key=lambda line: (line.split()[0] == "from", line))
    return ordered, _squeezed(bodies)


def _squeezed(lines: list[str]) -> list[str]:
    """Return lines with at most two empty ones in a row, and none at either end."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-2:] != ["", ""]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept
