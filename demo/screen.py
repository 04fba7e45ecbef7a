"""Screen: lines on a terminal, redrawn in place; or blocks of plain text, one after the other, anywhere else."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"
"""The terminal's other page without a cursor, and back; what was there before stays (xterm, "ctlseqs")."""
_STRONG, _ALERT, _USUAL = "\x1b[1m", "\x1b[1;31m", "\x1b[0m"
"""Bold, bold red, and neither (ECMA-48 section 8.3.117)."""
_PLAIN_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary."""

    text: str
    is_heading: bool = False
    is_alert: bool = False
    """Whether somebody should look here first."""


class Screen(Protocol):
    """Where the summary is shown."""

    every_s: float
    """How often it is worth showing."""

    is_redrawn: bool
    """Whether lines replace those before, so that some may be there always."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def height(self) -> int:
        """Lines."""

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines in place of those before."""

    def close(self) -> None:
        """Leave everything as it was."""


def open_screen(out: TextIO) -> Screen:
    """Return what suits the output."""
    return Terminal(out) if out.isatty() else Plain(out)


class Terminal:
    """A page of its own, of which only lines that changed are written, so that text can be selected and copied."""

    every_s = 1.0
    is_redrawn = True

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown: list[Line] = []
        self._size = (0, 0)
        # Because whoever cannot tell or bear colours says so (no-color.org).
        self._has_colour = not os.environ.get("NO_COLOR")

    @property
    def width(self) -> int:
        return shutil.get_terminal_size().columns

    @property
    def height(self) -> int:
        return shutil.get_terminal_size().lines

    def show(self, lines: Sequence[Line]) -> None:
        size = shutil.get_terminal_size()
        draw = []
        if size != self._size:
            draw.append("\x1b[2J" if self._size != (0, 0) else _ENTER)
            self._size, self._shown = size, []
        fitting = lines[: size.lines]
        for row in range(max(len(fitting), len(self._shown))):
            line = fitting[row] if row < len(fitting) else Line("")
            if row >= len(self._shown) or line != self._shown[row]:
                rest = "\x1b[K" if len(line.text) < size.columns else ""
                draw.append(f"\x1b[{row + 1};1H{self._drawn(line, size.columns)}{rest}")
        self._shown = list(fitting)
        self._out.write("".join(draw))
        self._out.flush()

    def _drawn(self, line: Line, columns: int) -> str:
        text = line.text[:columns]
        style = _ALERT if line.is_alert else _STRONG if line.is_heading else ""
        return f"{style}{text}{_USUAL}" if style and self._has_colour else text

    def close(self) -> None:
        if self._size != (0, 0):
            self._size = (0, 0)
            self._out.write(_LEAVE)
            self._out.flush()


class Plain:
    """Text that is only ever added to."""

    every_s = 5.0
    is_redrawn = False
    width = _PLAIN_WIDTH
    height = 1000

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, lines: Sequence[Line]) -> None:
        self._out.write("\n".join(line.text for line in lines) + "\n\n")
        self._out.flush()

    def close(self) -> None:
        pass
