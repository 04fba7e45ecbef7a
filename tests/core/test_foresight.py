"""Foresight, beside what really happens when the other routes decide the same requests."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.decide import Decision, decide
from strangler.core.foresight import Effect, Plan, Served, foresee
from strangler.core.migration import Stage
from strangler.core.model import Config, HeaderMatch, Idempotency, Source, SourceKind
from strangler.core.shadowing import Shadow, ShadowMode
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.snapshot import Snapshot, compile_snapshot
from strangler.core.split import place
from tests.core.requests import ASSIGNED, EVERY_SOURCE, EVERYTHING, USER, Fixed, Request, config, requests, route
from tests.core.shapes import NOW, SPARE, hour_of, shape
from tests.core.test_decide import is_refused

TWENTY = {"y": Served(share=2_000)}


def snapshot(by: Config, value: bool = False, overrides: Overrides = NO_OVERRIDES) -> Snapshot:
    return compile_snapshot(by, generation=1, flags=Fixed(value), overrides=overrides)


def plan(
    several: Sequence[Request], before: Snapshot, after: Snapshot, shares: dict[str, int | None] | None = None
) -> Plan:
    given = {name: Served(share=share) for name, share in (shares or {}).items()}
    rows = hour_of(before, several).rows(NOW)
    return foresee(rows, before, after, served_before=given, served_after=given)


def effects(found: Plan) -> list[dict[str, Any]]:
    """Return what changes, without what is zero."""
    return [
        {name: value for name in Effect.__slots__ if (value := getattr(effect, name)) or name in ("before", "after")}
        for effect in found.effects
        if effect.changes
    ]


def users(count: int, target: bytes = b"/x/17", method: bytes = b"GET") -> list[Request]:
    return [
        Request(method=method, target=target, headers=((b"X-User-Id", b"user-%d" % number),)) for number in range(count)
    ]


def moved(cohort: str, count: int, low: int, high: int) -> int:
    """Return how many of the users are between two shares."""
    places = [place(cohort, f"user-{number}") * 10_000 for number in range(count)]
    return sum(10_000 - high <= where < 10_000 - low for where in places)


def test_a_raised_share_moves_those_between_and_nobody_back() -> None:
    before = snapshot(config(route("x", "/x/{id}", share=200)))
    after = snapshot(config(route("x", "/x/{id}", share=2_500)))

    found = plan(users(400), before, after)

    expected = moved("x", 400, 200, 2_500)
    assert 40 < expected < 160
    assert effects(found) == [{"before": "x", "after": "x", "requests": 400.0, "to_extracted": expected}]
    assert found.changes


def test_a_share_that_was_not_split_yet_is_foretold_exactly() -> None:
    before, after = snapshot(config(route("x", "/x/{id}"))), snapshot(config(route("x", "/x/{id}", share=2_500)))

    (effect,) = plan(users(300), before, after).effects

    assert (effect.to_extracted, effect.to_legacy, effect.estimated) == (moved("x", 300, 0, 2_500), 0.0, 0.0)


def test_a_file_that_changes_nothing_changes_nothing() -> None:
    by = snapshot(EVERYTHING)

    found = plan([*users(20), *users(20, b"/api/users/7"), *users(3, b"/api/payments/7")], by, snapshot(EVERYTHING))

    assert not found.changes
    assert (found.requests, found.sampled) == (43.0, 43)
    assert found.unseen == ("create", "all", "none", "kept", "beta")


def test_what_no_route_named_is_estimated_by_the_new_routes_share() -> None:
    after = snapshot(config(route("x", "/x/{id}", share=2_500)))

    found = plan(users(100), snapshot(config(route("y", "/y"))), after)

    assert effects(found) == [{"before": "", "after": "x", "requests": 100.0, "to_extracted": 25.0, "estimated": 25.0}]


def test_a_stub_without_an_extracted_side_only_names_what_it_is() -> None:
    after = snapshot(config(route("x", "/x/{id}", extracted=None)))

    assert effects(plan(users(10), snapshot(config()), after)) == [{"before": "", "after": "x", "requests": 10.0}]


def test_those_without_a_key_stay_on_the_monolith() -> None:
    before = snapshot(config(route("y", "/y")))
    after = snapshot(config(route("x", "/x/{id}", share=2_500)))

    (effect,) = plan([Request(target=b"/x/17")] * 8, before, after).effects

    assert (effect.to_extracted, effect.estimated) == (0.0, 0.0)


def test_an_identity_that_was_not_recorded_is_estimated() -> None:
    before = snapshot(config(route("x", "/x/{id}", share=2_000)))
    other = Source(kind=SourceKind.HEADER, name="x-other")
    after = snapshot(config(route("x", "/x/{id}", share=2_000, identity=(other,))))

    (effect,) = plan(users(200), before, after).effects

    to_legacy = moved("x", 200, 0, 2_000)
    assert effect.to_legacy == pytest.approx(to_legacy * 0.8)
    assert effect.to_extracted == pytest.approx((200 - to_legacy) * 0.2)
    assert effect.estimated == pytest.approx(effect.to_legacy + effect.to_extracted)


def test_an_assigned_key_is_foretold_by_its_place() -> None:
    before = snapshot(config(route("x", "/x/{id}", share=0, identity=(USER, ASSIGNED))))
    after = snapshot(config(route("x", "/x/{id}", share=10_000, identity=(USER, ASSIGNED))))

    (effect,) = plan([Request(target=b"/x/1")] * 4, before, after).effects

    assert (effect.to_extracted, effect.estimated) == (4.0, 0.0)


def test_a_flag_that_stays_moves_nobody_and_one_that_goes_moves_those_it_had() -> None:
    flagged = config(route("x", "/x/{id}", flag="f"))
    before = snapshot(flagged, value=True)

    same = plan(users(10), before, snapshot(flagged, value=True), {"x": 10_000})
    gone = plan(users(10), before, snapshot(config(route("x", "/x/{id}", share=0))), {"x": 10_000})

    assert not same.changes
    assert [(effect.to_legacy, effect.estimated) for effect in gone.effects] == [(10.0, 0.0)]


def test_another_flag_is_estimated_by_what_it_serves() -> None:
    before = snapshot(config(route("x", "/x/{id}", share=0)))
    after = snapshot(config(route("x", "/x/{id}", flag="f")))

    (effect,) = plan(users(10), before, after, {"x": 4_000}).effects

    assert [effect.to_extracted, effect.estimated] == pytest.approx([4.0, 4.0])


def test_a_flag_whose_share_is_no_number_is_held_for_the_monoliths() -> None:
    before = snapshot(config(route("x", "/x/{id}", share=0)))
    after = snapshot(config(route("x", "/x/{id}", flag="f")))

    (effect,) = plan(users(10), before, after, {"x": None}).effects

    assert effect.to_extracted == 0.0


def test_a_route_that_was_taken_back_stays_so() -> None:
    tripped = Overrides(caps=(("x", 0),))
    before = snapshot(config(route("x", "/x/{id}", share=200)), overrides=tripped)
    after = snapshot(config(route("x", "/x/{id}", share=2_500)), overrides=tripped)

    assert not plan(users(50), before, after).changes


def test_a_route_that_is_probed_gets_no_more_than_its_cap() -> None:
    probing = Overrides(caps=(("x", 100),))
    before = snapshot(config(route("x", "/x/{id}", share=0)), overrides=probing)
    after = snapshot(config(route("x", "/x/{id}", share=5_000)), overrides=probing)
    other = snapshot(config(route("x", "/x/{id}", share=5_000, cohort="other")), overrides=probing)

    (exact,) = plan(users(500), before, after).effects
    (guessed,) = plan(users(500), before, other).effects

    assert (exact.to_extracted, exact.estimated) == (moved("x", 500, 0, 100), 0.0)
    assert guessed.to_extracted == pytest.approx(5.0)


@pytest.mark.parametrize(("method", "gained"), [(b"GET", 25.0), (b"POST", 0.0)])
def test_shadows_are_counted_by_their_sample_and_only_reads_are_shadowed(method: bytes, gained: float) -> None:
    plain = snapshot(config(route("x", "/x/{id}", share=0)))
    shadowed = snapshot(config(route("x", "/x/{id}", share=0, shadow=Shadow(sample=2_500))))

    (more,) = plan(users(100, method=method), plain, shadowed).effects
    (less,) = plan(users(100, method=method), shadowed, plain).effects

    assert [more.shadow_gained, more.shadow_lost] == pytest.approx([gained, 0.0])
    assert [less.shadow_gained, less.shadow_lost] == pytest.approx([0.0, gained])


def test_a_shadow_of_the_other_side_follows_the_share() -> None:
    rules = Shadow(mode=ShadowMode.REVERSE)
    before = snapshot(config(route("x", "/x/{id}", share=0, shadow=rules)))
    after = snapshot(config(route("x", "/x/{id}", share=5_000, shadow=rules)))

    (effect,) = plan(users(200), before, after).effects

    assert effect.shadow_gained == effect.to_extracted == moved("x", 200, 0, 5_000)


def test_a_flagged_route_that_was_taken_back_stays_so_whatever_its_flag_says() -> None:
    tripped = Overrides(caps=(("x", 0),))
    flagged = config(route("x", "/x/{id}", flag="f", shadow=Shadow()))
    before = snapshot(flagged, value=True, overrides=tripped)
    after = snapshot(config(route("x", "/x/{id}", share=10_000, shadow=Shadow())), overrides=tripped)

    assert not plan(users(5), before, after, {"x": 10_000}).changes


@pytest.mark.parametrize(
    ("stage", "gained"), [(Stage.OFF, 0.0), (Stage.SHADOW, 20.0), (Stage.LIVE, 20.0), (Stage.COMPLETE, 0.0)]
)
def test_what_is_shadowed_follows_the_stage_that_the_flag_had(stage: Stage, gained: float) -> None:
    flags = Fixed(stage.value, stage=stage, ratio=1)
    off, on = Shadow(mode=ShadowMode.OFF), Shadow(mode=ShadowMode.STAGE, sample=5_000)
    before, after = (
        compile_snapshot(config(route("x", "/x/{id}", flag="f", shadow=rules)), generation=1, flags=flags)
        for rules in (off, on)
    )

    (effect,) = plan(users(40), before, after, {"x": 0}).effects

    assert [effect.shadow_gained, effect.shadow_lost] == pytest.approx([gained, 0.0])


def test_a_path_that_would_be_read_as_two_routes_is_refused_then() -> None:
    one, two = route("one", "/x/{id}", extracted=None), route("two", "/x/a/b", extracted=None)
    before, after = snapshot(config(one)), snapshot(config(one, two))
    odd = [Request(target=b"/x/a%2Fb")] * 3

    assert effects(plan(odd, before, after)) == [{"before": "one", "after": "", "requests": 3.0, "refused": 3.0}]
    lenient = replace(after.config, strict_paths=False)
    assert not plan(odd, before, snapshot(lenient)).changes


def test_a_write_without_the_key_that_is_then_required_is_refused() -> None:
    rules = Idempotency(is_required=True)
    before = snapshot(config(route("x", "/x/{id}")))
    after = snapshot(config(route("x", "/x/{id}", idempotency=rules)))
    keyed = Request(method=b"POST", target=b"/x/1", headers=((b"Idempotency-Key", b"k"),))
    several = [keyed, *users(2, method=b"POST"), *users(5)]

    assert effects(plan(several, before, after)) == [{"before": "x", "after": "x", "requests": 8.0, "refused": 2.0}]
    assert [effect["accepted"] for effect in effects(plan(several, after, before))] == [2.0]
    other = Idempotency(header="x-key", is_required=True)
    assert not plan(several, before, snapshot(config(route("x", "/x/{id}", idempotency=other)))).changes


def test_a_header_that_was_not_looked_at_is_uncertain_and_not_guessed() -> None:
    plain = route("x", "/x/{id}", extracted=None)
    beta = route("beta", "/x/{id}", share=10_000, match_headers=(HeaderMatch(name="x-beta", value="1"),))
    before, after = snapshot(config(plain)), snapshot(config(plain, beta))

    assert effects(plan(users(4), before, after)) == [{"before": "x", "after": "x", "requests": 4.0, "uncertain": 4.0}]


def test_a_header_that_was_looked_at_is_exact() -> None:
    plain = route("x", "/x/{id}", extracted=None)
    one = route("beta", "/x/{id}", extracted=None, match_headers=(HeaderMatch(name="x-beta", value="1"),))
    two = route("gamma", "/x/{id}", extracted=None, match_headers=(HeaderMatch(name="x-beta", value="2"),))
    several = [Request(target=b"/x/1", headers=((b"X-Beta", b"1"),)), *users(3)]

    gone = plan(several, snapshot(config(plain, one)), snapshot(config(plain)))
    other = plan(several, snapshot(config(plain, one)), snapshot(config(plain, one, two)))

    assert effects(gone) == [{"before": "beta", "after": "x", "requests": 1.0}]
    assert not other.changes


def test_a_place_in_another_cohort_says_nothing_and_a_raised_share_takes_nobody_back_all_the_same() -> None:
    recorded = snapshot(config(route("x", "/x/{id}", share=2_000, cohort="before")))
    before = snapshot(config(route("x", "/x/{id}", share=2_000, cohort="now")))
    after = snapshot(config(route("x", "/x/{id}", share=5_000, cohort="now")))

    found = foresee(hour_of(recorded, users(100)).rows(NOW), before, after, served_before={}, served_after={})

    assert effects(found) == [
        {
            "before": "x",
            "after": "x",
            "requests": 100.0,
            "to_extracted": pytest.approx(30.0),
            "estimated": pytest.approx(30.0),
        }
    ]


def test_where_a_flag_sent_the_requests_of_another_route_says_nothing() -> None:
    recorded = snapshot(config(route("x", "/x/{id}", flag="f")), value=True)
    before = snapshot(config(route("y", "/x/{id}", flag="g")), value=True)
    after = snapshot(config(route("y", "/x/{id}", share=0)))

    found = foresee(hour_of(recorded, users(10)).rows(NOW), before, after, served_before=TWENTY, served_after={})

    assert [effect.to_legacy for effect in found.effects] == [pytest.approx(2.0)]


def test_where_a_flag_sent_requests_says_nothing_while_its_route_is_probed() -> None:
    probing = Overrides(caps=(("x", 1_000),))
    flagged = config(route("x", "/x/{id}", flag="f"))
    recorded = snapshot(flagged, value=True)
    before = snapshot(flagged, value=True, overrides=probing)
    after = snapshot(config(route("x", "/x/{id}", extracted=None)), overrides=probing)

    found = foresee(
        hour_of(recorded, users(100)).rows(NOW),
        before,
        after,
        served_before={"x": Served(share=10_000)},
        served_after={},
    )

    assert [effect.to_legacy for effect in found.effects] == [moved("x", 100, 0, 1_000)]


def test_what_was_recorded_at_any_time_of_the_hour_counts() -> None:
    before, after = snapshot(config()), snapshot(config(route("x", "/x/{id}", extracted=None)))
    hour = hour_of(before, users(2))
    one = shape(before, users(1)[0])
    hour.add(one, one.paths[0], now=NOW + 1_000, weight=5.0, is_current=True)

    found = foresee(hour.rows(NOW + 1_000), before, after, served_before={}, served_after={})

    assert effects(found) == [{"before": "", "after": "x", "requests": 7.0}]


CHANGES = st.sampled_from(
    [
        EVERYTHING,
        config(),
        replace(EVERYTHING, routes=EVERYTHING.routes[1:]),
        replace(EVERYTHING, routes=(replace(EVERYTHING.routes[0], share=9_000), *EVERYTHING.routes[1:])),
        replace(EVERYTHING, routes=(*EVERYTHING.routes, route("more", "/other", share=10_000))),
        replace(EVERYTHING, routes=tuple(replace(one, share=5_000, flag=None) for one in EVERYTHING.routes)),
        config(route("any", "/api/{rest...}", share=3_000, identity=EVERY_SOURCE, cohort="payments")),
    ]
)


def really(by: Snapshot, request: Request) -> Decision | None:
    return None if is_refused(by, request) else decide(by, **request._asdict(), spare_key=SPARE)[0]


@settings(deadline=None)
@given(st.lists(requests, max_size=30), CHANGES, CHANGES, st.booleans())
def test_what_is_foretold_is_what_happens_but_for_what_is_estimated(
    several: list[Request], first: Config, second: Config, value: bool
) -> None:
    before, after = snapshot(first, value), snapshot(second, value)
    served = [request for request in several if really(before, request) is not None]
    shares: dict[str, int | None] = {"flagged": 10_000 if value else 0}

    found = plan(served, before, after, shares)

    real: Counter[str] = Counter()
    for request in served:
        old, new = really(before, request), really(after, request)
        assert old is not None
        if new is None:
            real["refused"] += 1
        elif old.side is not new.side:
            real[f"to_{new.side}"] += 1
    total = {
        name: sum(getattr(effect, name) for effect in found.effects)
        for name in ("to_extracted", "to_legacy", "refused")
    }
    doubt = sum(effect.uncertain for effect in found.effects)
    if not any(effect.estimated for effect in found.effects) and not doubt:
        assert total == pytest.approx({name: real[name] for name in total})
    assert found.requests == len(served)
