"""Kinds of values: how each is read, what an editor may check, and how the manual calls it."""

import re

from strangler.config import addresses, sources, units
from strangler.config.kind import Kind, Schema, amount, listed, pattern, settle, text_of, whole, worded
from strangler.config.nodes import Reading, Scalar
from strangler.config.reading import At, nearest, show, show_key
from strangler.config.units import Wrong
from strangler.core.model import (
    FULL_SHARE,
    Address,
    Attribute,
    Fallback,
    FlagSourceKind,
    HeaderMatch,
    HostRule,
    Source,
    SourceKind,
    TlsVersion,
)

METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"),
    *("ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR"),
    *("MKCOL", "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE", "REBIND", "REPORT", "SEARCH", "SUBSCRIBE"),
    *("UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE"),
)
"""What the parser of requests knows (llhttp), without CONNECT, which is not for a reverse proxy."""

NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
NAME_REMEDY = "Use a-z, 0-9 and . _ -, at most 64 characters, the first a letter or digit"
FLAG_KEY = r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}"
ATTRIBUTE = r"[A-Za-z][A-Za-z0-9_.-]{0,127}"
RESERVED_ATTRIBUTES = ("key", "kind", "anonymous", "_meta")
"""LaunchDarkly gives these a meaning of its own."""


def is_name(text: str) -> bool:
    """Whether `text` may name an upstream, a route or a cohort."""
    return re.fullmatch(NAME, text) is not None


def _plain_text(at: At) -> str | None:
    text = text_of(at)
    if text is not None and (not text or not text.isprintable()):
        at.fault("the text is empty or has a control character in it", "Write printable characters")
        return None
    return text


def _boolean(at: At) -> bool | None:
    scalar = at.scalar()
    if scalar is None:
        return None
    if scalar.reading is not Reading.BOOL or scalar.text not in ("true", "false"):
        at.fault(f"{show(scalar.text)} is not a truth value", "Write `true` or `false`, without quotes")
        return None
    return scalar.text == "true"


def _method(at: At) -> str | None:
    text = text_of(at)
    if text is None or text in METHODS:
        return text
    if text.upper() in METHODS:
        at.fault(f"{show(text)} is in lower case, and methods are not", f"Write {text.upper()}")
    elif text.upper() == "CONNECT":
        at.fault("`CONNECT` cannot be routed", "Remove it")
    else:
        at.fault(f"{show(text)} is not a method that is spoken here", nearest(text.upper(), METHODS))
    return None


def _matched_host(text: str) -> str | Wrong:
    wild = text.startswith("*.")
    if re.fullmatch(r"([^:]*|\[.*\]):[0-9]*", text):
        return Wrong(message=f"{show(text)} carries a port", remedy="Write the host alone; every port matches")
    found = addresses.host(text[2:] if wild else text)
    if isinstance(found, str) and ":" in found:
        return f"[{found}]"
    return f"*.{found}" if wild and isinstance(found, str) else found


def _header_matches(at: At) -> tuple[HeaderMatch, ...] | None:
    before = at.report.count
    found: dict[str, HeaderMatch] = {}
    for entry, value in at.entries():
        name = entry.key.lower()
        if isinstance(value.node, Scalar) and value.node.reading is Reading.NULL:
            # Because it may be the rest of a value, behind a comma that parted them, it is not repeated.
            at.report.add(entry.place, at.where, "a header has no value", "Write one, or `true` for any")
        elif not sources.TOKEN.fullmatch(name):
            value.fault(f"{show_key(entry.key)} cannot be the name of a header", "Use letters, digits and - _ .")
        elif name in found:
            value.fault(f"the header {show(name)} stands twice", "Remove one; header names ignore case")
        else:
            found[name] = HeaderMatch(name=name, value=_header_value(value))
    return tuple(found[name] for name in sorted(found)) if at.report.count == before else None


def _header_value(at: At) -> str | None:
    if isinstance(at.node, Scalar) and at.node.reading is Reading.BOOL and at.node.text == "true":
        return None
    # Because it may be a secret, and faults go to logs and to viewers, it is not repeated.
    if isinstance(at.node, Scalar) and at.node.reading not in (Reading.TEXT, Reading.NULL):
        at.fault(f"YAML reads this as a {at.node.reading}, and text is expected", "Quote it")
        return None
    text = text_of(at)
    if text is not None and (not re.fullmatch(r"[!-~]([ -~]*[!-~])?", text) or len(text) > 1024):
        at.fault("this cannot be compared with a header's value", "Write ASCII without spaces around it")
    return text


def _identity(at: At) -> tuple[Source, ...] | None:
    found = listed("", SOURCE).read(at)
    for place, item in zip(at.items() if found else (), found or (), strict=False):
        if item.kind is SourceKind.ASSIGNED and found and item is not found[-1]:
            place.fault("nothing after an assigned cookie is ever asked: it always has a value", "Put it last")
            return None
    return found


def _attributes(at: At) -> tuple[Attribute, ...] | None:
    before = at.report.count
    found: list[Attribute] = []
    for entry, value in at.entries():
        if not re.fullmatch(ATTRIBUTE, entry.key) or entry.key in RESERVED_ATTRIBUTES:
            remedy = "Start with a letter; not " + ", ".join(RESERVED_ATTRIBUTES)
            value.fault(f"{show(entry.key)} cannot be the name of an attribute", remedy)
        place = SOURCE.read(value)
        if place is not None and place.kind is SourceKind.ASSIGNED:
            value.fault("an assigned cookie says nothing about the caller", "Use it under `identity`")
        elif place is not None:
            found.append(Attribute(name=entry.key, source=place))
    return tuple(found) if at.report.count == before else None


def _host_rule(at: At) -> tuple[HostRule, str] | None:
    text = text_of(at)
    if text is None:
        return None
    if text in (HostRule.PRESERVE, HostRule.UPSTREAM):
        return HostRule(text), ""
    name, separator, port = text.rpartition(":")
    bare = name if separator and port.isdecimal() and not text.endswith("]") else text
    found = settle(at, addresses.host(bare))
    return None if found is None else (HostRule.LITERAL, text)


def _flag_source(at: At) -> FlagSourceKind | None:
    text = text_of(at)
    known = {kind.value: kind for kind in FlagSourceKind}
    if text is not None and text not in known:
        at.fault(f"{show(text)} is not a source of flags", nearest(text, tuple(known)))
    return known.get(text or "")


def _access_log(text: str) -> int | Wrong:
    if text in ("off", "false"):
        return 0
    return FULL_SHARE if text in ("on", "true") else units.share(text)


def _fallback(text: str) -> Fallback | Wrong:
    known = {kind.value: kind for kind in Fallback} | {"false": Fallback.OFF}
    return known.get(text) or Wrong(
        message=f"{show(text)} is no rule for falling back", remedy=nearest(text, tuple(Fallback))
    )


def _tls_version(text: str) -> TlsVersion | Wrong:
    known = {version.value: version for version in TlsVersion}
    if text in known:
        return known[text]
    return Wrong(message=f"{show(text)} is not a version of TLS that is spoken here", remedy='Write "1.2" or "1.3"')


def _workers(cpus_or_number: At) -> int | str | None:
    node = cpus_or_number.node
    if isinstance(node, Scalar) and node.text == "auto":
        return "auto"
    return _WORKERS.read(cpus_or_number)


_WORKERS = whole(0, 256)

TEXT: Kind[str] = Kind(name="text", read=_plain_text, schema={"type": "string", "minLength": 1})
BOOLEAN: Kind[bool] = Kind(name="boolean", read=_boolean, schema={"type": "boolean"})
NAMED = pattern("name", NAME, NAME_REMEDY)
FLAG = pattern("flag key", FLAG_KEY, "Use letters, digits and . _ -")
VERSION = whole(1, 1)
WORKERS: Kind[int | str] = Kind(
    name="number 0-256, or `auto`", read=_workers, schema={"anyOf": [_WORKERS.schema, {"const": "auto"}]}
)
COUNT = whole(1, 1_000_000)
COUNT_OR_NONE = whole(0, 1_000_000)
_DURATION = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"
DURATION = amount("duration", units.duration, {"type": "string", "pattern": _DURATION})
_SIZE = r"^[0-9]+(B|KiB|MiB)$"
SIZE = amount("size", units.size, {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _SIZE}]})
_OFF: Schema = {"enum": ["off", False]}
DURATION_OR_OFF = amount("duration or `off`", units.duration_or_off, {"anyOf": [DURATION.schema, _OFF]})
SIZE_OR_OFF = amount("size or `off`", units.size_or_off, {"anyOf": [SIZE.schema, _OFF]})
FALLBACK = amount("`off`, `safe` or `declared`", _fallback, {"enum": [*Fallback, False]})
_SHARE: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}
SHARE = amount("share", units.share, _SHARE)
ACCESS_LOG = amount(
    "`off`, `on` or share", _access_log, {"anyOf": [{"type": "boolean"}, {"enum": ["off", "on"]}, _SHARE]}
)
TRIES = whole(1, 1_000)
_STATUSES = r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"
STATUSES = amount(
    "status or range",
    units.statuses,
    {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": _STATUSES}]},
)
PATH = pattern("path", r"/[!-\"$-~]{0,1023}", "Begin with `/`, without spaces and `#`, such as `/healthz`")
HOST = worded("host", addresses.host, {"type": "string"})
LISTENER: Kind[Address] = amount("address", addresses.listener, {"type": "string", "pattern": r"^.+:[0-9]+$"})
URL: Kind[addresses.Target] = amount(
    "URL", addresses.upstream, {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\s]+/?$"}
)
FLAG_SOURCE: Kind[FlagSourceKind] = Kind(
    name="word", read=_flag_source, schema={"enum": [kind.value for kind in FlagSourceKind]}
)
TLS_VERSION: Kind[TlsVersion] = amount(
    '`"1.2"` or `"1.3"`', _tls_version, {"enum": [*TlsVersion, *(float(version) for version in TlsVersion)]}
)
URLS = listed("list of URLs", URL)
SERVICE = worded("URL", addresses.service, {"type": "string", "pattern": r"^https?://[^\s?#@]+$"})
NETWORKS = listed("list of networks", worded("network", addresses.network, {"type": "string"}))
SOURCE: Kind[Source] = worded(
    "source", sources.source, {"type": "string", "pattern": "^ *(" + "|".join(SourceKind) + ")"}
)
IDENTITY: Kind[tuple[Source, ...]] = Kind(
    name="list of sources", read=_identity, schema={"type": "array", "items": SOURCE.schema, "minItems": 1}
)
ATTRIBUTES: Kind[tuple[Attribute, ...]] = Kind(
    name="name: source", read=_attributes, schema={"type": "object", "additionalProperties": SOURCE.schema}
)
METHOD: Kind[str] = Kind(name="method", read=_method, schema={"enum": list(METHODS)})
METHOD_LIST = listed("list of methods", METHOD)
HOSTS = listed("list of hosts", worded("host", _matched_host, {"type": "string"}))
HOST_NAMES = listed("list of hosts", HOST)
HEADER_NAME = pattern("header name", r"[A-Za-z0-9-]{1,64}", "Use letters, digits and hyphens")
USERS = listed("list of users", pattern("user", r"[!-~]{1,128}", "Write the name as the proxy has it"))
HEADERS: Kind[tuple[HeaderMatch, ...]] = Kind(
    name="name: value, or `true`",
    read=_header_matches,
    schema={"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"const": True}]}},
)
HOST_RULE: Kind[tuple[HostRule, str]] = Kind(
    name="`preserve`, `upstream` or host", read=_host_rule, schema={"type": "string"}
)
