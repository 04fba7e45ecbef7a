"""A terminal that a process writes to, and what it shows."""

import asyncio
import os
import pty
import re
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.waiting import until

_TOKEN = re.compile(r"strangler_[0-9a-f]{12}_[\w-]{43}")
_SIZE = (50, 200)
"""Lines and columns."""


class Terminal:
    """Both ends of a pseudo-terminal."""

    def __init__(self, screen: int, far: int) -> None:
        self.far = far
        """The descriptor that a process writes to."""
        self._screen = screen
        self._shown = b""
        termios.tcsetwinsize(far, _SIZE)
        os.set_blocking(screen, False)
        asyncio.get_running_loop().add_reader(screen, self._read)

    @property
    def text(self) -> str:
        """Everything that was shown."""
        return self._shown.decode().replace("\r\n", "\n")

    @property
    def tokens(self) -> list[str]:
        """The admin API's tokens that were shown."""
        return _TOKEN.findall(self.text)

    def hold(self) -> None:
        """Take nothing more from whoever writes, as after Ctrl-S."""
        termios.tcflow(self.far, termios.TCOOFF)

    async def wait_for(self, text: str, *, deadline_s: float = 60.0) -> None:
        """Return once it has shown this."""
        await until(lambda: text in self.text, deadline_s=deadline_s, what=f"{text!r} on the terminal")

    def _read(self) -> None:
        try:
            self._shown += os.read(self._screen, 65_536)
        except OSError:
            # Because Linux says EIO once nobody has the far end open.
            asyncio.get_running_loop().remove_reader(self._screen)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._screen)
        os.close(self._screen)
        os.close(self.far)


@contextmanager
def terminal() -> Iterator[Terminal]:
    made = Terminal(*pty.openpty())
    try:
        yield made
    finally:
        made.close()
