"""What all tests share: the loop that the product runs on."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

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
    return {"uvloop": new_loop}


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that a test's time-out stops.

    Because uvloop hands what a signal's handler raises to its exception handler, the time-out would else end nothing.
    """
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(_stop_at_timeout)
    return loop


def _stop_at_timeout(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)
    if isinstance(context.get("exception"), pytest.fail.Exception):
        loop.stop()
