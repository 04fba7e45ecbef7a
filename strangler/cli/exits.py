"""Exit codes: what those of every command mean; `--help` says the same as docs/operations.md."""

from collections.abc import Mapping

USUAL: Mapping[int, str] = {
    0: "done",
    1: "the operation failed or was refused, or nothing runs",
    2: "the command line, the routes file or an address is at fault",
}
DECLINED = "the operation failed or was refused, nothing runs, or the answer is no"
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count it."""


def codes(own: Mapping[int, str] | None = None) -> str:
    """Return what the codes of a command mean, as its help ends; `own` are those that are not the usual ones."""
    means = {**USUAL, **(own or {})}
    return f"exit codes: {'; '.join(f'{code} {means[code]}' for code in sorted(means))}"
