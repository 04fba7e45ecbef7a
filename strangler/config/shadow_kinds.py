"""Kinds of values of shadowing."""

import json
import re

from strangler.config.kind import Kind, Schema, amount, listed, pattern, text_of, whole, words
from strangler.config.nodes import Mapping, Reading, Scalar
from strangler.config.reading import At, nearest, show
from strangler.config.rollback_kinds import HEADER_NAME
from strangler.config.units import Wrong
from strangler.core.jsonpath import parse_path
from strangler.core.rewrite import MAX_DECIMALS
from strangler.core.secrets import is_credential
from strangler.core.shadowing import Credentials, Redirects, Replacement, RuleKind, ShadowMode

MAX_TEXT = 256
"""Characters of a path, of a member's name and of a value that is mapped."""
MAX_PAIRS = 64
"""Of one `map`. Because each is held against each other one, their number has a bound."""
MAX_LISTED = 64
"""Headers, and paths of `redact`, in one list."""
MAX_KEPT = 1_000
"""Recordings of one route."""
MAX_AGE_S = 30 * 86_400.0
"""Of a recording. Because it is personal data as often as not, and a build is checked within days."""

KINDS = tuple(kind.value for kind in RuleKind)
NEEDS = {RuleKind.ROUND.value: "decimals", RuleKind.WITHIN.value: "tolerance", RuleKind.MAP.value: "values"}
"""Kinds of rules that say nothing without a second key."""
EXAMPLES = {"decimals": "2", "tolerance": "2s", "values": "{A: active}"}

_AGES = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def age(text: str) -> float | Wrong:
    """Return seconds, of a time that may be days."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})(m|h|d)", text)
    if found is None:
        remedy = "Write a whole number and m, h or d, such as `12h` or `7d`"
        return Wrong(message=f"{show(text)} is no time to keep something", remedy=remedy)
    seconds = int(found[1]) * _AGES[found[2]]
    if seconds > MAX_AGE_S:
        return Wrong(message=f"{show(text)} is out of range", remedy="Write at most `30d`")
    return seconds


def tell(at: At, error: ValueError) -> None:
    """Note what the core has against a value: `what is wrong; what to write`."""
    message, _, remedy = str(error).partition("; ")
    at.fault(message, remedy[:1].upper() + remedy[1:])


def _credentials(at: At) -> tuple[Credentials, Replacement | None] | None:
    if isinstance(at.node, Scalar):
        word = _KEPT_OR_NOT.read(at)
        return None if word is None else (Credentials(word), None)
    before = at.report.count
    header = variable = ""
    for entry, value in at.entries():
        match entry.key:
            case "header":
                header = HEADER_NAME.read(value) or ""
                if header and not is_credential(header):
                    message = f"{show(header)} is no header of credentials"
                    value.fault(message, "Write one such as `Authorization`, `Cookie` or `X-Api-Key`")
            case "env":
                variable = _OWN_VARIABLE.read(value) or ""
            case _:
                # Because it may be a secret, it is not repeated.
                value.fault("only `header` and `env` stand here", "Remove it; the value is taken from the environment")
    if at.report.count == before and not (header and variable):
        at.fault("`header` and `env` belong together", "Write `{header: Authorization, env: SHADOW_TOKEN}`")
    if at.report.count > before:
        return None
    return Credentials.REMOVE, Replacement(header=header, variable=variable)


def mode(text: str) -> ShadowMode | Wrong:
    """Return the mode; YAML's `false` is `off`."""
    if text == "false":
        return ShadowMode.OFF
    if text in tuple(ShadowMode):
        return ShadowMode(text)
    return Wrong(message=f"{show(text)} is no mode of shadowing", remedy=nearest(text, tuple(ShadowMode)))


def _text(at: At) -> str | None:
    text = text_of(at)
    if text is None:
        return None
    if not text or not text.isprintable() or len(text) > MAX_TEXT:
        at.fault(
            f"{show(text)} is empty, too long, or has a control character in it",
            f"Write 1 to {MAX_TEXT} printable characters",
        )
        return None
    return text


def _path(at: At) -> str | None:
    text = _text(at)
    if text is None:
        return None
    try:
        parse_path(text)
    except ValueError as error:
        tell(at, error)
        return None
    return text


def _values(at: At) -> tuple[tuple[str, str], ...] | None:
    """Return pairs of JSON texts: from a mapping, whose keys are strings, or from a list of pairs."""
    before = at.report.count
    pairs: list[tuple[str, str]] = []
    if isinstance(at.node, Mapping):
        pairs += [(json.dumps(entry.key), _json(value) or "") for entry, value in at.entries()]
        if not pairs and not at.node.is_cut:
            at.fault("nothing is mapped", "Write at least one, such as `{A: active}`")
    else:
        for item in at.items():
            both = item.items()
            if len(both) == 2:
                pairs.append((_json(both[0]) or "", _json(both[1]) or ""))
            elif both:
                item.fault("this is no pair", "Write the two values that mean the same, such as `[1, active]`")
    if at.report.count > before:
        return None
    if len(pairs) > MAX_PAIRS:
        at.fault(f"{len(pairs)} values are mapped", f"Map at most {MAX_PAIRS}, or use `ignore`")
    elif len(dict(pairs)) < len(pairs):
        at.fault("a value is mapped twice", "Map each value once")
    elif any(len(text) > MAX_TEXT for pair in pairs for text in pair):
        at.fault("a mapped value is too long", f"Map values of at most {MAX_TEXT} characters")
    return tuple(pairs) if at.report.count == before else None


def _json(at: At) -> str | None:
    """Return the JSON text of a single value."""
    node = at.node
    if not isinstance(node, Scalar):
        at.scalar()
        return None
    match node.reading:
        case Reading.TEXT:
            return json.dumps(node.text)
        case Reading.NULL if node.text == "null":
            return node.text
        case Reading.NULL:
            at.fault("no value stands here", "Write one, or `null`")
        case Reading.BOOL if node.text in ("true", "false"):
            return node.text
        case Reading.INT | Reading.FLOAT if _NUMBER.fullmatch(node.text):
            return node.text
        case reading:
            message = f"YAML reads {show(node.text)} as a {reading}, and JSON does not write one so"
            at.fault(message, f'Write it as JSON does, or quote it: "{node.text[:40]}"')
    return None


def _member(at: At) -> str | None:
    text = _text(at)
    if text is not None and text.startswith("$"):
        remedy = f"Write {show(text.rpartition('.')[2])}" if "." in text else "Write the name alone"
        at.fault(f"{show(text)} is a path, and a member's name is wanted", remedy)
        return None
    return text


_TEXT_SCHEMA: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
PATH: Kind[str] = Kind(name="JSONPath", read=_path, schema={**_TEXT_SCHEMA, "pattern": r"^\$"})
PATHS = listed("list of JSONPaths", PATH, most=MAX_LISTED)
MEMBER: Kind[str] = Kind(name="text", read=_member, schema={**_TEXT_SCHEMA, "pattern": r"^[^$]"})
KEPT = whole(1, MAX_KEPT)
AGE: Kind[float] = amount("time to keep", age, {"type": "string", "pattern": r"^[1-9][0-9]*(m|h|d)$"})
DECIMALS = whole(0, MAX_DECIMALS)
_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
VALUES: Kind[tuple[tuple[str, str], ...]] = Kind(
    name="value: value, or list of pairs",
    read=_values,
    schema={
        "anyOf": [
            {"type": "object", "additionalProperties": _VALUE, "minProperties": 1, "maxProperties": MAX_PAIRS},
            {
                "type": "array",
                "items": {"type": "array", "items": _VALUE, "minItems": 2, "maxItems": 2},
                "minItems": 1,
                "maxItems": MAX_PAIRS,
            },
        ]
    },
)
HEADERS = listed("list of headers", HEADER_NAME, least=0, most=MAX_LISTED)
MODE: Kind[ShadowMode] = amount("`shadow`, `reverse`, `both`, `stage` or `off`", mode, {"enum": [*ShadowMode, False]})
REDIRECTS: Kind[str] = words("`in_doubt` or `carried_out`", tuple(Redirects))
_KEPT_OR_NOT = words("`keep` or `remove`", tuple(Credentials))
# Because the file may be changed by people who may not see the environment, it can name no other secret there.
_OWN_VARIABLE = pattern("variable of shadowing", r"SHADOW_[A-Z0-9_]{1,57}", "Write a name such as SHADOW_TOKEN")
CREDENTIALS: Kind[tuple[Credentials, Replacement | None]] = Kind(
    name="`keep`, `remove` or `{header: NAME, env: VARIABLE}`",
    read=_credentials,
    schema={
        "anyOf": [
            _KEPT_OR_NOT.schema,
            {
                "type": "object",
                "properties": {"header": HEADER_NAME.schema, "env": _OWN_VARIABLE.schema},
                "required": ["header", "env"],
                "additionalProperties": False,
            },
        ]
    },
)
