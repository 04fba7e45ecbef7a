"""Shadowing without faults."""

import json
from dataclasses import replace

from hypothesis import strategies as st

from strangler.core.model import FULL_SHARE
from strangler.core.shadowing import Credentials, PathRule, Record, Replacement, RuleKind, Shadow, ShadowMode
from tests.config.values import durations, tokens

paths = st.sampled_from(["$", "$.a", "$..iban", "$.items[*].price", "$.list[3]", "$['a b']", '$["no"].ü', "$.*"])
names = st.from_regex(r"[ -~]{1,8}", fullmatch=True) | st.sampled_from(["no", "1", "null", "ü"])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.sampled_from([0.5, -1.25, 100.0]), names
)


@st.composite
def rules(draw: st.DrawFn) -> PathRule:
    """Draw a rule of any kind."""
    kind, path = draw(st.sampled_from(RuleKind)), draw(paths)
    match kind:
        case RuleKind.UNORDERED:
            return PathRule(kind=kind, path=path, by=draw(st.just("") | names))
        case RuleKind.ROUND:
            return PathRule(kind=kind, path=path, digits=draw(st.integers(0, 15)))
        case RuleKind.WITHIN:
            return PathRule(kind=kind, path=path, seconds=draw(durations))
        case RuleKind.MAP:
            texts = [
                json.dumps(value) for value in draw(st.lists(scalars, min_size=2, max_size=6, unique_by=json.dumps))
            ]
            half = len(texts) // 2
            return PathRule(kind=kind, path=path, pairs=tuple(zip(texts[:half], texts[half:], strict=False)))
        case _:
            return PathRule(kind=kind, path=path)


def _asked_by(shadow: Shadow) -> st.SearchStrategy[Shadow]:
    headers = st.sampled_from(["authorization", "x-api-key"])
    own = st.builds(Replacement, header=headers, variable=st.sampled_from(["SHADOW_A", "SHADOW_TOKEN_2"]))
    kept = st.sampled_from(Credentials).map(lambda word: replace(shadow, credentials=word))
    return kept | own.map(lambda one: replace(shadow, credentials=Credentials.REMOVE, replacement=one))


shadows = st.builds(
    Shadow,
    mode=st.sampled_from([mode for mode in ShadowMode if mode is not ShadowMode.OFF]),
    sample=st.integers(1, FULL_SHARE),
    noise=st.integers(0, FULL_SHARE),
    max_body_bytes=st.integers(1, 8 * 1_048_576),
    timeout_s=durations.filter(lambda seconds: seconds <= 60),
    headers=st.lists(tokens, max_size=3, unique=True).map(tuple),
    rules=st.lists(rules(), max_size=4).map(tuple),
    redact=st.lists(paths, max_size=3, unique=True).map(tuple),
    record=st.none()
    | st.builds(
        Record,
        keep=st.integers(1, 1_000),
        most_bytes=st.integers(1_024, 64 * 1_048_576),
        for_s=st.integers(1, 30 * 24 * 60).map(lambda minutes: minutes * 60.0),
    ),
).flatmap(_asked_by) | st.just(Shadow(mode=ShadowMode.OFF))
