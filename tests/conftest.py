"""What all tests share: the loop that the product runs on."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop
from hypothesis import settings

# Because a busy machine is no fault of the code, no example is timed; pytest's own time-out still ends a hang.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Because the product runs on uvloop, so do its tests."""
    return {"uvloop": uvloop.new_event_loop}
