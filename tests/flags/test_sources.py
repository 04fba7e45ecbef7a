"""Choosing a source from settings and environment."""

import asyncio
from pathlib import Path

import pytest

from strangler.control.store import Store
from strangler.core.model import FlagSettings, FlagSourceKind
from strangler.errors import UsageError
from strangler.flags.cloud import CloudSource, Service
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.file import FileSource
from strangler.flags.sources import make_source, service_of
from tests.support.flags import Told

SECRET = "sdk-secret"
CLOUD = FlagSettings(source=FlagSourceKind.LAUNCHDARKLY)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (FlagSettings(), EmbeddedSource),
        (FlagSettings(source=FlagSourceKind.FILE, file="/flags.json"), FileSource),
        (CLOUD, CloudSource),
    ],
)
async def test_the_settings_name_the_source(settings: FlagSettings, kind: type, tmp_path: Path) -> None:
    store = Store(tmp_path)

    source = make_source(
        settings,
        store=store,
        environ={"LAUNCHDARKLY_SDK_KEY": SECRET},
        loop=asyncio.get_running_loop(),
        on_change=Told(),
    )

    store.close()
    assert type(source) is kind


@pytest.mark.parametrize("environ", [{}, {"LAUNCHDARKLY_SDK_KEY": ""}, {"LAUNCHDARKLY_SDK_KEY": " \n"}])
def test_a_missing_key_is_named_by_its_variable(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="LAUNCHDARKLY_SDK_KEY is not set"):
        service_of(CLOUD, environ)


def test_a_key_that_can_be_none_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        service_of(CLOUD, {"LAUNCHDARKLY_SDK_KEY": "sdk secret"})

    assert "LAUNCHDARKLY_SDK_KEY" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "base", "stream"),
    [
        ({}, "https://app.launchdarkly.com", "https://stream.launchdarkly.com"),
        ({"LAUNCHDARKLY_RELAY_URL": "http://relay:8030/"}, "http://relay:8030", "http://relay:8030"),
        (
            {"LAUNCHDARKLY_RELAY_URL": "http://relay", "LAUNCHDARKLY_STREAM_URI": "http://stream"},
            "http://relay",
            "http://stream",
        ),
        ({"LAUNCHDARKLY_BASE_URI": "http://base"}, "http://base", "https://stream.launchdarkly.com"),
    ],
)
def test_the_environment_says_where_the_service_is(environ: dict[str, str], base: str, stream: str) -> None:
    found = service_of(CLOUD, {"LAUNCHDARKLY_SDK_KEY": f"{SECRET}\n", **environ})

    assert found == Service(sdk_key=SECRET, base_uri=base, stream_uri=stream)


def test_the_environment_wins_over_the_file() -> None:
    settings = FlagSettings(source=FlagSourceKind.LAUNCHDARKLY, base_uri="http://file", stream_uri="http://file")
    environ = {"LAUNCHDARKLY_SDK_KEY": SECRET, "LAUNCHDARKLY_STREAM_URI": "http://environment"}

    found = service_of(settings, environ)

    assert (found.base_uri, found.stream_uri) == ("http://file", "http://environment")


@pytest.mark.parametrize(
    "address",
    ["relay", "ftp://relay", "http://", "http://user:hidden@relay", "http://[::1", "http://relay:x", "http://r?hidden"],
)
def test_what_is_no_address_is_refused_by_its_variable_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        service_of(CLOUD, {"LAUNCHDARKLY_SDK_KEY": SECRET, "LAUNCHDARKLY_RELAY_URL": address})

    assert str(caught.value).startswith("LAUNCHDARKLY_RELAY_URL is no address")
    assert "hidden" not in str(caught.value)


def test_the_key_is_not_in_the_services_words() -> None:
    service = Service(sdk_key=SECRET, base_uri="http://a", stream_uri="http://b")

    assert SECRET not in repr(service) + service.fingerprint()
