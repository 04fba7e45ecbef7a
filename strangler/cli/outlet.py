"""The outlet: what commands print, in which nothing that somebody else wrote drives the terminal that shows it."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO, cast

from strangler.errors import OutputError

_DRIVES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Controls, those of direction and those that nobody sees (UTS 36 section 3.1), but tab, line feed and the joiners that
scripts and emoji need."""


@contextmanager
def opened() -> Iterator[None]:
    """Let all that is printed until the end go through the outlet."""
    out, err = Outlet(sys.stdout, may_fail=True), Outlet(sys.stderr, may_fail=False)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        yield


def say(line: str) -> None:
    """Print one line, which stays one line whatever stands in it."""
    print(one_line(line))


def pour(text: str) -> None:
    """Write a text for a file or another program as it is, in UTF-8; only a terminal gets it harmless."""
    if isinstance(sys.stdout, Outlet) and not sys.stdout.isatty():
        sys.stdout.pour(text)
    else:
        sys.stdout.write(text)


def shut() -> None:
    """Let what is printed from now on go nowhere: the interpreter would complain once more when it flushes at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def one_line(text: str) -> str:
    """Return harmless text that has no second line."""
    return harmless(text).replace("\n", r"\n")


def harmless(text: str) -> str:
    """Return the text with each character that a terminal would act upon as its number, such as `\\x1b`."""
    return _DRIVES.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Outlet:
    """A standard stream whose text is harmless, and which takes every character, if need be as its number."""

    errors = "backslashreplace"

    def __init__(self, stream: TextIO, *, may_fail: bool) -> None:
        """Take a stream; if it may not fail, what it cannot take is lost."""
        self._stream = stream
        self._may_fail = may_fail
        self.encoding = stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write. Raises OutputError if it cannot be, and BrokenPipeError once nobody reads any more."""
        shown = harmless(text).encode(self.encoding, self.errors).decode(self.encoding)
        with self._told():
            self._stream.write(shown)
        return len(text)

    def pour(self, text: str) -> None:
        """Write a text as it is. Raises as `write` does."""
        with self._told():
            self._stream.flush()
            self._stream.buffer.write(text.encode("utf-8", self.errors))

    def flush(self) -> None:
        """Have all of it out. Raises as `write` does."""
        with self._told():
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._may_fail:
                return
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputError(f"standard output cannot be written ({error.strerror or error}).") from error
