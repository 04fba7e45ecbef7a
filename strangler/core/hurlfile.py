"""A Hurl file of cases (hurl.dev, its grammar of version 7): readable, and less strict than the pytest file.

Hurl's predicates know no objects and no lists, so a document is asserted value by value. What they cannot say, such as
a time within a tolerance, is asserted by its type, or left out with a comment that says so.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from time import gmtime, strftime

from strangler.core.cases import Body, BodyKind, Case
from strangler.core.checking import Alike, Anything, Members, OfType, Unordered

MAX_ASSERTS = 500
"""Of one case; a longer answer is cut there, and says so."""
_MAX_DIGITS = 15
"""Of a number that Hurl may hold as a double."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTABLE = re.compile(r"[^'\"\\{}\x00-\x1f\ud800-\udfff]+")
_HALF = re.compile(r"[\ud800-\udfff]")
"""Of a pair of code units: JSON can escape one alone, and a Hurl file that does cannot be read at all."""
_KEY = re.compile(r"[A-Za-z0-9_.@$\[\]-]")
_IS_UUID = "/^(?i)(urn:uuid:)?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/"


def hurl_file(title: str, cases: tuple[Case, ...]) -> str:
    """Return the file."""
    lead = [
        f"# {title}.",
        "# Made by `strangler shadow export`. Run it against a build:",
        "#   hurl --test --variable base_url=http://127.0.0.1:8101 FILE",
        "# Credentials are not in it: add them to the requests, or run it with --header.",
    ]
    return "\n".join([*lead, *(line for case in cases for line in ("", *_entry(case)))]) + "\n"


def quoted(text: str) -> str:
    """Return a quoted string that says a text and no template."""
    return '"' + "".join(map(_in_quotes, text)) + '"'


def _in_quotes(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() and character not in "{}" else f"\\u{{{ord(character):x}}}"


def _bare(text: str) -> str:
    """Return the text of a URL or a header's value, where `#` begins a comment."""
    return "".join("\\" + one if one in "#\\" else one if one not in "{}" else f"\\u{{{ord(one):x}}}" for one in text)


def _key(text: str) -> str:
    return "".join(one if _KEY.fullmatch(one) else f"\\u{{{ord(one):x}}}" for one in text)


def _entry(case: Case) -> Iterator[str]:
    yield f"# {case.id}: recorded {strftime('%Y-%m-%d', gmtime(case.at))}, {case.side}"
    yield f"{case.method} {{{{base_url}}}}{_bare(case.target)}"
    for name, value in case.headers:
        yield f"{_key(name)}: {_bare(value)}"
    yield f"HTTP {case.status}"
    asserts = [*_headers(case), *_body(case.body)]
    if asserts:
        yield "[Asserts]"
        yield from asserts[:MAX_ASSERTS]
    if len(asserts) > MAX_ASSERTS:
        yield f"# {len(asserts) - MAX_ASSERTS} more are left out"


def _headers(case: Case) -> Iterator[str]:
    for name, value in case.answered:
        if isinstance(value, bool):
            yield f"header {quoted(name)} {'exists' if value else 'not exists'}"
        else:
            yield f"header {quoted(name)} == {quoted(value)}"


def _body(body: Body) -> Iterator[str]:
    match body.kind:
        case BodyKind.JSON:
            yield from _value("$", "", body.expected)
        case BodyKind.TEXT:
            yield f"body == {quoted(body.text)}"
        case BodyKind.DIGEST:
            yield f"sha256 == hex,{body.text};"
        case BodyKind.EMPTY:
            yield "bytes count == 0"
        case _:
            # BodyKind.NOTHING.
            yield f"# of the body nothing is asserted: {body.why}"


def _value(path: str, nth: str, expected: object) -> Iterator[str]:
    """Yield what is asserted at a path; `nth` takes the one value out of what a filter on the way has found."""
    query = f"jsonpath {quoted(path)}{nth}"
    match expected:
        case Anything():
            return
        case OfType(name=name):
            yield f"{query} {_TYPES.get(name, 'exists')}"
        case Alike():
            yield from (f"{query} {said}" for said in _alike(expected))
        case Members():
            is_closed = not expected.may_have and not expected.is_open
            yield from _members(path, nth, expected.members, is_closed=is_closed)
        case dict():
            yield from _members(path, nth, expected, is_closed=True)
        case list():
            yield f"{query} count == {len(expected)}"
            for at, element in enumerate(expected):
                yield from _value(f"{path}[{at}]", nth, element)
        case Unordered():
            yield f"{query} count == {len(expected.elements)}"
            yield from _unordered(path, nth, expected)
        case _:
            yield from (f"{query} {said}" for said in _exactly(expected))


def _members(path: str, nth: str, members: dict[str, object], *, is_closed: bool) -> Iterator[str]:
    if is_closed and len(members) > 1 and not nth:
        # Because one value alone is no collection to every release.
        yield f"jsonpath {quoted(path + '.*')} count == {len(members)}"
    for name, value in members.items():
        if _NAME.fullmatch(name):
            yield from _value(f"{path}.{name}", nth, value)
        elif _QUOTABLE.fullmatch(name):
            yield from _value(f"{path}['{name}']", nth, value)
        else:
            yield "# a member is left out whose name no path can say"


def _unordered(path: str, nth: str, expected: Unordered) -> Iterator[str]:
    for element in expected.elements:
        members = element.members if isinstance(element, Members) else element
        key = members.get(expected.by) if isinstance(members, dict) and expected.by is not None else None
        if not nth and isinstance(expected.by, str) and _NAME.fullmatch(expected.by) and (said := _filter(key)):
            yield from _value(f"{path}[?(@.{expected.by}=={said})]", " nth 0", element)
        elif isinstance(element, str | int) and not isinstance(element, bool) and not _HALF.search(str(element)):
            yield f"jsonpath {quoted(path)}{nth} includes {_exact(element)}"
        else:
            yield "# of an element in any order nothing but their number is asserted"


def _filter(key: object) -> str:
    if type(key) is int:
        return str(key)
    return f"'{key}'" if isinstance(key, str) and _QUOTABLE.fullmatch(key) else ""


def _exactly(value: object) -> Iterator[str]:
    if isinstance(value, Decimal) or (type(value) is int and len(str(abs(value))) > _MAX_DIGITS):
        yield "isFloat" if isinstance(value, Decimal) else "isInteger"
        if not isinstance(value, Decimal) or not _is_short(value):
            return
    elif type(value) is int:
        yield "isInteger"
    elif isinstance(value, str) and _HALF.search(value):
        yield "isString"
        return
    yield f"== {_exact(value)}"


def _is_short(value: Decimal) -> bool:
    return len(value.as_tuple().digits) <= _MAX_DIGITS and -_MAX_DIGITS < value.adjusted() < _MAX_DIGITS


def _exact(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _alike(expected: Alike) -> Iterator[str]:
    value, rules = expected.value, expected.rules
    names = {rule[0] for rule in rules}
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if len(rules) == 1 and "round" in names and is_number and _is_short(Decimal(value)):
        half = Decimal(5).scaleb(-rules[0][1] - 1)
        middle = round(Decimal(value), rules[0][1])
        yield f">= {format(middle - half, 'f')}"
        yield f"<= {format(middle + half, 'f')}"
    elif names == {"numeric"} and is_number and _is_short(Decimal(value)):
        yield f"== {format(Decimal(value), 'f')}"
    elif names == {"uuid"} and isinstance(value, str) and expected.takes("0" * 32):
        yield f"matches {_IS_UUID}"
    elif names == {"lower"} and isinstance(value, str) and not _HALF.search(value):
        yield f"matches /^(?i){''.join(map(_in_regex, value))}$/"
    elif names == {"within"} and isinstance(value, str):
        yield "isString"
    else:
        yield "exists"


def _in_regex(character: str) -> str:
    return character if character.isascii() and character.isalnum() else f"\\x{{{ord(character):x}}}"


_TYPES = {"string": "isString", "integer": "isInteger", "number": "isFloat", "boolean": "isBoolean"}
