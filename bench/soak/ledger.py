"""The ledger: what became of every request, and why each failure is one that may be."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

_SHOWN = 10


@dataclass(slots=True)
class Ledger:
    """Counts by kind and cause; `wrong` is what may never be."""

    right: Counter[str] = field(default_factory=Counter)
    explained: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By kind of request and cause."""
    wrong: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    """What was done to the proxy."""
    killed: dict[int, float] = field(default_factory=dict)
    """By client port of a connection that a killed worker held: when it was killed."""
    outages: int = 0
    """Restarts of the extracted side that have begun or ended; odd while it is down."""

    def is_killed(self, port: int, since: float) -> bool:
        """Return whether the connection from this port was a killed worker's; one begun later is another."""
        return self.killed.get(port, 0.0) >= since

    def kill(self, ports: Iterable[int], now: float) -> None:
        """Note the connections that a killed worker held."""
        self.killed |= dict.fromkeys(ports, now)

    def explain(self, kind: str, cause: str) -> None:
        """Note a failure that may be."""
        self.explained[kind, cause] += 1

    def fault(self, text: str) -> None:
        """Note what may never be."""
        self.wrong.append(text)

    def lines(self) -> list[str]:
        """Return the whole as text."""
        lines = [f"{kind:<10} {count:>8} right" for kind, count in sorted(self.right.items())]
        lines += [f"{kind:<10} {count:>8} failed: {cause}" for (kind, cause), count in sorted(self.explained.items())]
        lines += ["", "done to it: " + ", ".join(f"{count} x {what}" for what, count in sorted(self.done.items()))]
        lines += [f"NOT EXPLAINED: {text}" for text in self.wrong[:_SHOWN]]
        if len(self.wrong) > _SHOWN:
            lines.append(f"NOT EXPLAINED: and {len(self.wrong) - _SHOWN} more")
        return lines
