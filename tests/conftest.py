"""What all tests share: the loop that the product runs on."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Because the product runs on uvloop, so do its tests."""
    return {"uvloop": uvloop.new_event_loop}
