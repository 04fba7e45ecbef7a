"""What all tests share: the loop that the product runs on."""

import asyncio

import pytest
import uvloop


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """Because the product runs on uvloop, so do its tests."""
    return uvloop.EventLoopPolicy()
