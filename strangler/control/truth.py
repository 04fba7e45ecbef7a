"""The truth: what the whole proxy serves by, in one place, with a generation that grows by one on each
change."""

import secrets
from collections.abc import Callable

from strangler.core.model import Config
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.flags.data import FlagData


class Truth:
    """Holds the current configuration and flags; whoever watches is called after each change."""

    def __init__(self, config: Config, flags: FlagData) -> None:
        self._config = config
        self._flags = flags
        self._overrides = NO_OVERRIDES
        self._generation = 1
        self._life = secrets.token_hex(4)
        self._unhealthy: tuple[tuple[str, str], ...] = ()
        self._watchers: list[Callable[[], None]] = []

    @property
    def config(self) -> Config:
        """The configuration that is served."""
        return self._config

    @property
    def flags(self) -> FlagData:
        """The flags that are served."""
        return self._flags

    @property
    def unhealthy(self) -> tuple[tuple[str, str], ...]:
        """Upstream and address of everything that health checks found to be unable to serve."""
        return self._unhealthy

    @property
    def generation(self) -> int:
        """The number of this truth, from 1."""
        return self._generation

    @property
    def tag(self) -> str:
        """The generation as an entity tag (RFC 9110 section 8.8.3); no other start of the proxy gives the same."""
        return f'"{self._life}.{self._generation}"'

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` after every change from now on."""
        self._watchers.append(on_change)

    def replace_config(self, config: Config) -> None:
        """Serve by another configuration."""
        self._config = config
        self._tell()

    def replace_flags(self, flags: FlagData) -> None:
        """Serve by other flags; the same ones again are no change."""
        if flags != self._flags:
            self._flags = flags
            self._tell()

    @property
    def overrides(self) -> Overrides:
        """What goes before every flag."""
        return self._overrides

    def replace_overrides(self, overrides: Overrides) -> int:
        """Let other overrides go before every flag, and return the generation; the same ones again are no change."""
        if overrides != self._overrides:
            self._overrides = overrides
            self._tell()
        return self._generation

    def replace_unhealthy(self, unhealthy: tuple[tuple[str, str], ...]) -> None:
        """Leave out other addresses; the generation stays, because routes and flags do."""
        if unhealthy != self._unhealthy:
            self._unhealthy = unhealthy
            self._call()

    def _tell(self) -> None:
        self._generation += 1
        self._call()

    def _call(self) -> None:
        for on_change in self._watchers:
            on_change()
