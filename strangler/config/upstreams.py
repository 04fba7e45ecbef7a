"""From text to upstreams: who can answer, and which of them is the monolith."""

from dataclasses import replace

from strangler.config import kinds
from strangler.config.keys_upstreams import UPSTREAM
from strangler.config.reading import At, show
from strangler.config.sections import Found
from strangler.core.model import Address, Upstream


def read_upstreams(at: At) -> tuple[tuple[Upstream, ...], str]:
    """Return the upstreams in the file's order and the name of the default one, empty if that is at fault."""
    before = at.report.count
    upstreams: list[Upstream] = []
    marks: list[tuple[str, At]] = []
    for entry, value in at.entries():
        if not kinds.is_name(entry.key):
            at.report.add(entry.place, value.where, f"{show(entry.key)} is not a name", kinds.NAME_REMEDY)
        found = Found(value, UPSTREAM)
        upstreams.append(_upstream(entry.key, found))
        mark = found.get("default")
        if mark is not None and found.take("default", kinds.BOOLEAN, False):
            marks.append((entry.key, mark))
    for _, mark in marks[1:]:
        name, first = marks[0]
        message = f"a second upstream is marked as default; the first is `{name}` in line {first.node.place.line}"
        mark.fault(message, "Keep one: the monolith")
    if not marks and at.report.count == before:
        at.fault("no upstream is marked as default", "Add `default: true` to the monolith")
    return tuple(upstreams), marks[0][0] if marks else ""


def _upstream(name: str, found: Found) -> Upstream:
    usual = Upstream(name=name, addresses=_addresses(found))
    upstream = replace(
        usual,
        max_connections=found.take("max_connections", kinds.COUNT, usual.max_connections),
        max_idle=found.take("max_idle", kinds.COUNT_OR_NONE, usual.max_idle),
    )
    idle = found.get("max_idle")
    if idle is not None and upstream.max_idle > upstream.max_connections:
        message = f"{upstream.max_idle} is more than `max_connections`, {upstream.max_connections}"
        idle.fault(message, "Write at most as many")
    return upstream


def _addresses(found: Found) -> tuple[Address, ...]:
    one, several = found.get("url"), found.get("urls")
    if one is not None and several is not None:
        several.fault("`url` and `urls` are both there", "Keep `urls`, with all addresses in it")
    elif one is None and several is None and found.is_mapping:
        found.at.fault("`url` is missing", "Add `url: http://HOST:PORT`")
    if several is not None:
        return found.take("urls", kinds.URLS, ())
    address = found.take("url", kinds.URL, None)
    return () if address is None else (address,)
