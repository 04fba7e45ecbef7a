"""Documents: a flag file's text, JSON or YAML, read into LaunchDarkly's data set, with the line of every fault.

YAML is read by its 1.2 rules for booleans: `on`, `off`, `yes` and `no` are words. In YAML 1.1 the field `on` of every
flag would turn into the key `true`, and the stage `off` into `false`.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from ldclient.versioned_data_kind import SEGMENTS

from strangler.errors import FlagError
from strangler.flags.bounds import MAX_DEPTH, MAX_DOCUMENT_BYTES, check_size, is_too_deep
from strangler.flags.lines import JsonLines, YamlLines
from strangler.flags.sdk import fault_of
from strangler.flags.validate import FlagFault, faults

MAX_JSON_BYTES = MAX_DOCUMENT_BYTES
"""What all flags together may have."""
MAX_YAML_BYTES = 1_048_576
"""The size of a Kubernetes ConfigMap. Reading YAML is slow, and control waits for it."""


def read_document(data: bytes, path: Path) -> bytes:
    """Return the file's flags and segments as the JSON of `FlagData.document`.

    Raises FlagError that lists every fault with file and line.
    """
    is_json = path.suffix == ".json" or (path.suffix not in (".yaml", ".yml") and data.lstrip()[:1] == b"{")
    limit = MAX_JSON_BYTES if is_json else MAX_YAML_BYTES
    if len(data) > limit:
        raise FlagError(f"{path}: the file has {len(data):,} bytes; the limit is {limit:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FlagError(f"{path}:{line}: the byte 0x{data[error.start]:02x} is not UTF-8") from error
    parsed = _read_json(text, path) if is_json else _read_yaml(text, path)
    if is_too_deep(parsed):
        raise FlagError(f"{path}: lists and objects are nested more than {MAX_DEPTH} levels deep; a flag needs 8")
    document, found = _data_set(parsed)
    if found:
        lines = JsonLines(text) if is_json else YamlLines(_compose(text))
        raise FlagError("\n".join(_told(path, lines.of(fault.path), fault) for fault in found))
    try:
        made = json.dumps(document, separators=(",", ":"), sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise FlagError(f"{path}: a text has half of a surrogate pair, which is no character") from error
    except ValueError as error:
        raise FlagError(f"{path}: a number is infinite or none, which JSON cannot say") from error
    check_size(made)
    return made


def _told(path: Path, line: int, fault: FlagFault) -> str:
    return f"{path}:{line}: {fault}" if line else f"{path}: {fault}"


def _data_set(parsed: object) -> tuple[dict[str, Any], list[FlagFault]]:
    """Return what the file means, and all that is wrong with it."""
    if not isinstance(parsed, dict) or not {"flags", "flagValues"} & parsed.keys():
        return {}, [FlagFault(path=(), message='must be an object with "flags", "flagValues" or both')]
    found = []
    parts: dict[str, dict[str, Any]] = {}
    for name in ("flags", "flagValues", "segments"):
        part = parsed.get(name)
        if part is not None and not isinstance(part, dict):
            found.append(FlagFault(path=(name,), message="must be an object"))
        parts[name] = part if isinstance(part, dict) else {}
    flags = {}
    for key, flag in parts["flags"].items():
        whole = {"key": key, "version": 1, **flag} if isinstance(flag, dict) else flag
        flags[key] = whole
        found += [FlagFault(path=("flags", key, *fault.path), message=fault.message) for fault in faults(key, whole)]
    for key, value in parts["flagValues"].items():
        if key in flags:
            found.append(FlagFault(path=("flagValues", key), message='the flag stands in "flags" too'))
        flags[key] = _fixed(key, value)
    segments = {}
    for key, segment in parts["segments"].items():
        whole = {"key": key, "version": 1, **segment} if isinstance(segment, dict) else segment
        segments[key] = whole
        if refused := _segment_fault(key, whole):
            found.append(FlagFault(path=("segments", key), message=refused))
    return {"flags": flags, "segments": segments}, found


def _segment_fault(key: str, segment: object) -> str | None:
    if not isinstance(segment, dict):
        return "must be an object"
    if segment["key"] != key:
        return f"its key is {segment['key']!r}"
    refused = fault_of(SEGMENTS, segment)
    return f"LaunchDarkly's SDK does not take it: {refused}" if refused else None


def _fixed(key: str, value: object) -> dict[str, Any]:
    """Return the flag that gives one value to everybody, as LaunchDarkly's file source makes it."""
    return {"key": key, "version": 1, "on": True, "variations": [value], "fallthrough": {"variation": 0}}


def _read_json(text: str, path: Path) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FlagError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error
    except _RepeatedKeyError as error:
        raise FlagError(f"{path}: the key {error.key!r} stands twice in one object; remove one") from error
    except (RecursionError, ValueError) as error:
        raise FlagError(f"{path}: not usable JSON: {error}") from error


def _read_yaml(text: str, path: Path) -> object:
    try:
        return yaml.load(text, _Loader)  # noqa: S506  Because _Loader is a SafeLoader.
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"{error.problem_mark.line + 1}:"
        raise FlagError(f"{path}:{line} not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise FlagError(f"{path}: not valid YAML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise FlagError(f"{path}: not usable YAML: {error}") from error


def _compose(text: str) -> yaml.Node | None:
    """Return the nodes of text that was read as YAML already."""
    root: yaml.Node | None = yaml.compose(text, _Loader)
    return root


class _RepeatedKeyError(Exception):
    """One object names a key twice, so one of the two would be lost."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedKeyError(key)
        found[key] = value
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases, merge keys, repeated keys, dates and YAML 1.1's other words for booleans."""

    yaml_implicit_resolvers = {  # noqa: RUF012  Because this is how PyYAML is configured.
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp", ":merge"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not supported here", self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text; quote it", key.start_mark)
            if key.value in seen:
                problem = f"the key {key.value!r} stands twice; remove one"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))
