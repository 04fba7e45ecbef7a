"""From text to what a route says of shadowing; what would never be asked, or never compared, is a fault."""

from dataclasses import replace

from strangler.config import kinds, shadow_kinds
from strangler.config.keys_shadow import RECORD, RULE, SHADOW
from strangler.config.nodes import Scalar
from strangler.config.reading import At
from strangler.config.rollback import is_off
from strangler.config.sections import Found
from strangler.core.content import MAX_BYTES
from strangler.core.fallback import SAFE
from strangler.core.pathrules import rule_of
from strangler.core.shadowing import PathRule, Record, Redirects, RuleKind, Shadow, ShadowMode

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""What is ever asked twice: safe (RFC 9110 section 9.2.1), and served by the proxy at all."""
LONGEST_TIMEOUT_S = 60.0
"""Because whoever waits holds one of the few places that there are for asking."""
MAX_RULES = 200
"""In one list."""
MAX_TOTAL_BYTES = 8 * 1024 * 1024
"""Of all routes' rules, those of `defaults` counted for each. Because every worker is told all of them at once."""
LEAST_RECORD_BYTES = 1_024
MOST_RECORD_BYTES = 64 * 1_048_576
"""Recordings of one route."""
MOST_RECORDED_BYTES = 1_024 * 1_048_576
"""Recordings of all routes. Because they share a disk with what control must not forget."""
_OFF = Shadow(mode=ShadowMode.OFF)
_BYTES_OF_RULE = 96
"""What a rule takes beside its texts, on its way to a worker."""


def read_default_shadow(at: At | None) -> Shadow:
    """Return what sections have that do not say otherwise."""
    if at is None:
        return Shadow()
    found = Found(at, SHADOW)
    shadow = _read(found, Shadow())
    if shadow.writes or found.get("redirects") is not None:
        # Because whether a write may be carried out twice is known of one endpoint, never of all.
        message = "each route declares its writes itself"
        (found.get("writes") or found.get("redirects") or at).fault(message, "Move it to the routes that it is true of")
    return replace(shadow, writes=False, redirects=Redirects.IN_DOUBT)


def left_to_stage(defaults: Shadow) -> Shadow:
    """Return how the stage of a migration flag has the other side asked on routes that say nothing of it."""
    return _OFF if defaults.mode is ShadowMode.OFF else replace(defaults, mode=ShadowMode.STAGE, record=None)


def read_shadow(route: Found, *, extracted: str | None, methods: tuple[str, ...], otherwise: Shadow) -> Shadow | None:
    """Return what a route says of shadowing, None for nothing; what it leaves out is as in `otherwise`."""
    at = route.get("shadow")
    if at is None:
        return None
    shadow = _word(at, otherwise) if isinstance(at.node, Scalar) else _read(Found(at, SHADOW), otherwise)
    if shadow is None or shadow.mode is ShadowMode.OFF:
        return shadow and _OFF
    if extracted is None:
        if route.get("extracted") is None:
            at.fault("`shadow` asks the other side of a route that has only one", "Add `extracted: UPSTREAM`")
        return None
    if shadow.mode is ShadowMode.STAGE and route.get("flag") is None:
        message = "this waits for the stage of a migration flag, and the route names no flag"
        at.fault(message, "Add `flag: KEY`, or write `both`")
    if methods and READS.isdisjoint(methods) and not shadow.writes:
        message = f"only reads are asked twice, and this route has none: {', '.join(methods[:5])}"
        remedy = "Remove `shadow`, or add `writes: true` to it if both sides may carry out each of them"
        at.fault(message, remedy)
    if shadow.writes and methods and not writes_of(methods):
        message = f"`writes` declares nothing: the route has reads alone: {', '.join(methods[:5])}"
        at.fault(message, "Remove `writes`")
    if not shadow.writes and shadow.redirects is not Redirects.IN_DOUBT:
        message = "`redirects` says nothing: it is of writes, and the route declares none"
        at.fault(message, "Add `writes: true` if both sides may carry out each of them, or remove `redirects`")
    return shadow


def writes_of(methods: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of a route's methods that may change something; of a route of any method, nothing."""
    return tuple(method for method in methods if method.encode("ascii") not in SAFE)


def weight(shadow: Shadow | None) -> int:
    """Return about how many bytes the rules of a route take on their way to a worker."""
    if shadow is None:
        return 0
    texts = (*shadow.headers, *shadow.redact)
    return sum(map(len, texts)) + sum(
        _BYTES_OF_RULE + len(rule.path) + len(rule.by) + sum(len(text) for pair in rule.pairs for text in pair)
        for rule in shadow.rules
    )


def recorded(shadow: Shadow | None) -> int:
    """Return how many bytes a route may record."""
    return 0 if shadow is None or shadow.record is None else shadow.record.most_bytes


def _word(at: At, otherwise: Shadow) -> Shadow | None:
    mode = shadow_kinds.MODE.read(at)
    return None if mode is None else replace(otherwise, mode=mode)


def _read(found: Found, otherwise: Shadow) -> Shadow:
    usual = (otherwise.credentials, otherwise.replacement)
    credentials, replacement = found.take("credentials", shadow_kinds.CREDENTIALS, usual)
    # Because what is off may be switched on any time, all of it is read.
    shadow = Shadow(
        mode=found.take("mode", shadow_kinds.MODE, otherwise.mode),
        writes=found.take("writes", kinds.BOOLEAN, otherwise.writes),
        redirects=Redirects(found.take("redirects", shadow_kinds.REDIRECTS, otherwise.redirects)),
        sample=found.take("sample", kinds.SHARE, otherwise.sample),
        noise=found.take("noise", kinds.SHARE, otherwise.noise),
        max_body_bytes=found.take("max_body", kinds.SIZE, otherwise.max_body_bytes),
        timeout_s=found.take("timeout", kinds.DURATION, otherwise.timeout_s),
        credentials=credentials,
        replacement=replacement,
        headers=found.take("headers", shadow_kinds.HEADERS, otherwise.headers),
        rules=otherwise.rules + _rules(found.get("rules")),
        redact=tuple(dict.fromkeys(otherwise.redact + found.take("redact", shadow_kinds.PATHS, ()))),
        record=_record(found.get("record"), otherwise.record),
    )
    if shadow.sample == 0 and not shadow.writes:
        (found.get("sample") or found.at).fault("nothing would be asked", "Write more than `0%`, or `mode: off`")
    if not 0 < shadow.max_body_bytes <= MAX_BYTES:
        message = "no body would be compared" if shadow.max_body_bytes == 0 else "no such body is kept"
        (found.get("max_body") or found.at).fault(message, "Write `1B` to `8MiB`")
    if shadow.timeout_s > LONGEST_TIMEOUT_S:
        (found.get("timeout") or found.at).fault("the wait would keep others from asking", "Write at most `60s`")
    return shadow


def _record(at: At | None, otherwise: Record | None) -> Record | None:
    if at is None:
        return otherwise
    if is_off(at):
        return None
    found, usual = Found(at, RECORD), otherwise or Record()
    record = Record(
        keep=found.take("keep", shadow_kinds.KEPT, usual.keep),
        most_bytes=found.take("bytes", kinds.SIZE, usual.most_bytes),
        for_s=found.take("for", shadow_kinds.AGE, usual.for_s),
    )
    if not LEAST_RECORD_BYTES <= record.most_bytes <= MOST_RECORD_BYTES:
        message = "hardly anything would be kept" if record.most_bytes < LEAST_RECORD_BYTES else "that is too much"
        (found.get("bytes") or at).fault(message, "Write `1KiB` to `64MiB`")
    return record


def _rules(at: At | None) -> tuple[PathRule, ...]:
    if at is None:
        return ()
    items = at.items(may_be_empty=True)
    if len(items) > MAX_RULES:
        at.fault(
            f"{len(items)} rules stand in one list", f"Write at most {MAX_RULES}; `..name` and `[*]` take many places"
        )
    return tuple(rule for item in items[:MAX_RULES] if (rule := _rule(item)) is not None)


def _rule(at: At) -> PathRule | None:
    before = at.report.count
    found = Found(at, RULE)
    paths = {kind: found.take(kind, shadow_kinds.PATH, None) for kind in RuleKind}
    given = [kind for kind in RuleKind if found.get(kind) is not None]
    rule = PathRule(
        kind=given[0] if given else RuleKind.IGNORE,
        path=(paths[given[0]] if given else None) or "$",
        by=found.take("by", shadow_kinds.MEMBER, ""),
        digits=found.take("decimals", shadow_kinds.DECIMALS, 0),
        seconds=found.take("tolerance", kinds.DURATION, 0.0),
        pairs=found.take("values", shadow_kinds.VALUES, ()),
    )
    if at.report.count == before:
        _check_kind(found, given)
    if at.report.count == before:
        try:
            rule_of(rule)
        except ValueError as error:
            shadow_kinds.tell(found.get("values") or at, error)
    return rule if at.report.count == before else None


def _check_kind(found: Found, given: list[RuleKind]) -> None:
    if not given:
        found.at.fault("this rule is of no kind", "Write one of " + ", ".join(f"`{kind}: PATH`" for kind in RuleKind))
        return
    kind = given[0]
    for other in given[1:]:
        if (at := found.get(other)) is not None:
            at.fault(f"one rule is `{kind}` and `{other}`", "Write two rules; all of a place's rules hold")
    needed = shadow_kinds.NEEDS.get(kind, "by" if kind is RuleKind.UNORDERED else "")
    for key in ("by", *shadow_kinds.NEEDS.values()):
        at = found.get(key)
        if at is not None and key != needed:
            at.fault(f"`{key}` says nothing of `{kind}`", "Remove it")
        elif at is None and key == needed != "by":
            found.at.fault(f"`{kind}` needs `{key}`", f"Add `{key}: {shadow_kinds.EXAMPLES[key]}`")
