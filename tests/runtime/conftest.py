"""Two backends that any number of clients may ask at once."""

from collections.abc import AsyncIterator

import pytest

from tests.support.backend import Backend, backend, ok, says


@pytest.fixture
async def monolith() -> AsyncIterator[Backend]:
    """The monolith says its name."""
    async with backend(says(ok(b"monolith"))) as made:
        yield made


@pytest.fixture
async def extracted() -> AsyncIterator[Backend]:
    """The extracted service says its name."""
    async with backend(says(ok(b"extracted"))) as made:
        yield made
