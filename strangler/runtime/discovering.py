"""Discovering, as control runs it: what was learnt of live paths is kept over restarts."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from strangler.config.remembering import Remembering
from strangler.control.discovery import Discovery
from strangler.control.discoverydesk import DiscoveryDesk
from strangler.control.planner import Planner
from strangler.control.store import Store
from strangler.control.truth import Truth
from strangler.core.model import Config
from strangler.runtime.tasks import Tasks

SAVE_EVERY_S = 60.0
"""Between two writes; a crash of control loses no more, and traffic shows the endpoints again."""


class Discovering:
    """Owns what is learnt."""

    def __init__(self, store: Store, truth: Truth, routes: Path, adopt: Callable[[Config], Config]) -> None:
        """`routes` is the file that is served; `adopt` as in `Planner`."""
        self.read = Remembering()
        """What texts were found to mean, for all that look at them."""
        self.discovery = Discovery(store, truth)
        self.desk = DiscoveryDesk(self.discovery, store.journal, routes)
        """What operators see of it."""
        self.planner = Planner(self.discovery, truth, routes, adopt, self.read)
        self._tasks = Tasks("discovering")

    def start(self) -> None:
        """Take up what was kept, and keep what comes."""
        self.discovery.start()
        self._tasks.spawn("save", self._save())

    async def close(self) -> None:
        """Keep what was learnt last."""
        await self._tasks.close()
        self.discovery.save()

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            await self.discovery.look()
            self.discovery.save()
