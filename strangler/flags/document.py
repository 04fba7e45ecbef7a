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
from strangler.flags.sdk import fault_of
from strangler.flags.validate import FieldPath, FlagFault, faults

MAX_JSON_BYTES = 16 * 1_048_576
"""About 30,000 flags; a bound, because the whole file goes to every worker."""
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
    document, found = _data_set(parsed)
    if found:
        lines = _Lines(text)
        raise FlagError("\n".join(f"{path}:{lines.of(fault.path)}{fault}" for fault in found))
    try:
        return json.dumps(document, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
    except ValueError as error:
        raise FlagError(f"{path}: a number is infinite or none, which JSON cannot say") from error


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


class _Lines:
    """Finds the line of a field, for a message; JSON is nearly always YAML too, and then it has lines as well."""

    def __init__(self, text: str) -> None:
        try:
            self._root = yaml.compose(text, _Loader)
        except (yaml.YAMLError, RecursionError, ValueError):
            self._root = None

    def of(self, path: FieldPath) -> str:
        """Return `LINE: ` of the deepest part of the path that the file has, or a blank."""
        node, line = self._root, 0
        for part in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == part), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return f"{line}: " if line else " "
