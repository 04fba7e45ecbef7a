"""Writes on both sides: each route declares them for itself, and who may believe in more than that is told."""

import pytest

from strangler.config.warnings import warnings_of
from strangler.core.shadowing import Redirects
from tests.config.texts import SMALL, faults, meaning


def text(*, methods: str = "", shadow: str = "", more: str = "") -> str:
    match = f"{{path: /a, methods: [{methods}]}}" if methods else "{path: /a}"
    return (
        f"{SMALL}routes:\n- name: pay\n  match: {match}\n  extracted: payments\n"
        + (f"  shadow: {shadow}\n" if shadow else "")
        + more
    )


def declares(text: str) -> bool:
    shadow = meaning(text).routes[0].shadow
    return shadow is not None and shadow.writes


@pytest.mark.parametrize("shadow", ["shadow", "both", "{}", "{mode: reverse}", "{writes: false}"])
def test_nothing_but_its_own_word_declares_a_write(shadow: str) -> None:
    assert not declares(text(shadow=shadow))
    assert declares(text(shadow="{writes: true}"))


def test_defaults_declare_no_writes() -> None:
    (found,) = faults(f"{SMALL}defaults: {{shadow: {{writes: true}}}}\n")

    assert "each route declares its writes itself. Move it to the routes that it is true of" in found


def test_defaults_say_nothing_of_redirections_after_a_write() -> None:
    (found,) = faults(f"{SMALL}defaults: {{shadow: {{redirects: in_doubt}}}}\n")

    assert "each route declares its writes itself. Move it to the routes that it is true of" in found


def test_what_a_redirection_after_a_write_says_is_declared_beside_it() -> None:
    (route,) = meaning(text(shadow="{writes: true, redirects: carried_out}")).routes

    assert route.shadow is not None and route.shadow.redirects is Redirects.CARRIED_OUT


def test_redirections_of_writes_that_nobody_declares_are_a_fault() -> None:
    (found,) = faults(text(shadow="{redirects: carried_out}"))

    assert "`redirects` says nothing: it is of writes, and the route declares none. Add `writes: true`" in found


def test_a_route_of_writes_alone_may_declare_them() -> None:
    assert declares(text(methods="POST, DELETE", shadow="{writes: true}"))


def test_a_declaration_on_a_route_of_reads_is_a_fault() -> None:
    (found,) = faults(text(methods="GET, HEAD", shadow="{writes: true}"))

    assert "`writes` declares nothing: the route has reads alone: GET, HEAD. Remove `writes`" in found


def test_writes_beside_a_shadow_that_nobody_declares_are_warned_about() -> None:
    (found,) = warnings_of(meaning(text(methods="GET, POST, PATCH", shadow="shadow")))

    line = meaning(text()).routes[0].line
    assert found.startswith(f"routes file line {line}: route pay: `shadow` asks both sides, and its writes (PATCH,")
    assert "`shadow: {writes: true}`" in found


def test_a_route_of_any_method_has_writes_too() -> None:
    (found,) = warnings_of(meaning(text(shadow="shadow")))

    assert "its writes (any method) go to one side only" in found


def test_writes_of_a_migration_flag_are_warned_about_without_a_shadow() -> None:
    config = meaning(text(methods="POST", more="  flag: move\n"))

    (found,) = warnings_of(config, {"move"})

    assert "route pay: `move` is a migration flag, and its writes (POST) go to one side only" in found
    assert warnings_of(config) == ()


def test_a_route_of_reads_is_not_warned_about() -> None:
    assert warnings_of(meaning(text(methods="GET", shadow="shadow", more="  flag: move\n")), {"move"}) == ()


def test_declared_writes_without_idempotency_keys_are_warned_about() -> None:
    declared = text(methods="POST", shadow="{writes: true}")

    (found,) = warnings_of(meaning(declared))

    assert "`writes: true` without `idempotency`" in found
    assert warnings_of(meaning(f"{declared}  idempotency: {{}}\n")) == ()


@pytest.mark.parametrize(
    ("mode", "missing"), [("shadow", "the extracted side carries"), ("reverse", "the monolith carries")]
)
def test_writes_in_one_direction_alone_are_warned_about_where_both_sides_have_callers(mode: str, missing: str) -> None:
    declared = text(shadow=f"{{writes: true, mode: {mode}}}", more="  idempotency: {}\n")
    both = declared.replace(f"mode: {mode}", "mode: both")

    (found,) = warnings_of(meaning(f"{declared}  share: 5%\n"))
    (flagged,) = warnings_of(meaning(f"{declared}  flag: move\n"))

    assert f"with `mode: {mode}` the writes that" in found
    assert missing not in found
    assert flagged == found
    assert warnings_of(meaning(f"{both}  share: 5%\n")) == ()
    assert warnings_of(meaning(f"{declared}  share: 0%\n")) == ()
    assert warnings_of(meaning(f"{declared}  flag: move\n"), {"move"}) == ()


@pytest.mark.parametrize("shadow", ["off", "{mode: off, writes: true}"])
def test_a_route_whose_other_side_is_never_asked_is_not_warned_about(shadow: str) -> None:
    assert warnings_of(meaning(text(shadow=shadow, more="  flag: move\n")), {"move"}) == ()


def test_a_guard_over_keys_in_the_last_stage_is_warned_about() -> None:
    guarded = text(methods="GET", more="  flag: move\n")

    (found,) = warnings_of(meaning(guarded), {"move"}, {"move"})

    assert "route pay: `move` has keys in `complete`, where the monolith is not written to any more" in found
    assert warnings_of(meaning(f"{guarded}  rollback: off\n"), {"move"}, {"move"}) == ()
    assert warnings_of(meaning(guarded), {"move"}, {"other"}) == ()
