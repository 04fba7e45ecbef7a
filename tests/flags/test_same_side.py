"""Sticky and monotone: the same key gets the same side however the flags came, and a raise sends none back."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ldclient.client import LDClient
from ldclient.config import Config
from ldclient.context import Context
from ldclient.integrations import Files

from strangler.control.store import Store
from strangler.flags.cloud import CloudSource, Service
from strangler.flags.data import FlagData
from strangler.flags.edit import Replace, SetShare, apply_edit
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.evaluator import Evaluator
from strangler.flags.file import FileSource
from tests.support.flags import Problems, Told, flag_data, percent_flag
from tests.support.launchdarkly import LaunchDarkly

ODD = [" ", "ä", "日本", "a.b", "0", "-1", "x" * 300, "ann@x", "🙂", "%"]
PEOPLE = [f"user-{number}" for number in range(1_990)] + ODD
FLAG = percent_flag("payments", 2_500)


def sides(data: FlagData, flag: str = "payments") -> dict[str, object]:
    flags = Evaluator(on_problem=Problems()).apply(data)
    return {key: flags.evaluate(flag, key, ()).value for key in PEOPLE}


def on_extracted(flag: dict[str, Any]) -> set[str]:
    flags = Evaluator(on_problem=Problems()).apply(flag_data(flag))
    return {key for key in PEOPLE[:300] if flags.evaluate("payments", key, ()).value is True}


def bucket(flag: dict[str, Any], key: str) -> float:
    """The formula that LaunchDarkly documents for percentages."""
    digest = hashlib.sha1(f"{flag['key']}.{flag['salt']}.{key}".encode()).hexdigest()
    return int(digest[:15], 16) / 0xFFFFFFFFFFFFFFF


def by_formula(flag: dict[str, Any]) -> dict[str, object]:
    monolith = flag["fallthrough"]["rollout"]["variations"][0]["weight"] / 100_000
    return {key: bucket(flag, key) >= monolith for key in PEOPLE}


def by_plain_sdk(flag: dict[str, Any], path: Path) -> dict[str, object]:
    """What the SDK says by itself, with its own file source and nothing of ours."""
    path.write_text(json.dumps({"flags": {flag["key"]: flag}}))
    config = Config("sdk", update_processor_class=Files.new_data_source(paths=[str(path)]), send_events=False)
    with LDClient(config, start_wait=5) as client:
        return {key: client.variation(flag["key"], Context.create(key), None) for key in PEOPLE}


async def test_the_embedded_source_gives_each_key_the_side_that_the_plain_sdk_gives(tmp_path: Path) -> None:
    expected = by_plain_sdk(FLAG, tmp_path / "flags.json")
    store = Store(tmp_path / "state")
    source = EmbeddedSource(store, Told())
    source.start()

    source.write("payments", Replace(flag=FLAG), by="test")

    store.close()
    assert sides(source.data()) == expected


async def test_the_file_source_gives_each_key_the_side_that_the_plain_sdk_gives(tmp_path: Path) -> None:
    expected = by_plain_sdk(FLAG, tmp_path / "flags.json")
    source = FileSource(tmp_path / "flags.json", loop=asyncio.get_running_loop(), on_change=Told())

    source.start()

    await source.close()
    assert sides(source.data()) == expected


async def test_launchdarkly_gives_each_key_the_side_that_the_plain_sdk_gives(tmp_path: Path) -> None:
    expected = by_plain_sdk(FLAG, tmp_path / "flags.json")
    service, store, told = LaunchDarkly(), Store(tmp_path / "state"), Told()
    service.put(FLAG)
    await service.up()
    where = Service(sdk_key="sdk-test", base_uri=service.url, stream_uri=service.url)
    source = CloudSource(where, cache=store, loop=asyncio.get_running_loop(), on_change=told)

    source.start()
    data = await told.next()

    await source.close()
    await service.close()
    store.close()
    assert sides(data) == expected


def test_the_sides_are_those_of_the_documented_formula() -> None:
    answers = sides(flag_data(FLAG))

    assert answers == by_formula(FLAG)


def test_two_nodes_that_make_the_same_flag_agree_on_every_key() -> None:
    one, other = (apply_edit("payments", None, SetShare(share_bp=5_000)) for _ in range(2))

    assert sides(flag_data(one)) == sides(flag_data(other))


@settings(max_examples=30, deadline=None)
@given(shares=st.lists(st.integers(0, 10_000), min_size=2, max_size=4).map(sorted), first=st.sampled_from([0, 1]))
def test_raising_the_share_never_sends_a_key_back(shares: list[int], first: int) -> None:
    flag = percent_flag("payments", shares[0])
    if first == 1:
        flag["fallthrough"]["rollout"]["variations"].reverse()
    extracted = on_extracted(flag)

    for share_bp in shares[1:]:
        flag = apply_edit("payments", flag, SetShare(share_bp=share_bp))
        now = on_extracted(flag)

        assert extracted <= now
        extracted = now


def test_off_and_on_again_brings_the_same_keys_back() -> None:
    start = apply_edit("payments", None, SetShare(share_bp=3_000))

    zero = apply_edit("payments", start, SetShare(share_bp=0))
    full = apply_edit("payments", zero, SetShare(share_bp=10_000))
    back = apply_edit("payments", full, SetShare(share_bp=3_000))

    assert [set(sides(flag_data(flag)).values()) for flag in (zero, full)] == [{False}, {True}]
    assert sides(flag_data(back)) == sides(flag_data(start))
