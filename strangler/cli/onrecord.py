"""On record: an edit of the routes file that the instance which serves it makes, with the caller's name and reason."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strangler.cli import changing, options
from strangler.cli.admin import Admin
from strangler.control.filechange import digest_of

_EDIT_S = 60.0
"""An edit of the largest file takes 10 s of CPU, and is tried first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """An edit that the instance has tried, and would make."""

    running: Admin
    given: argparse.Namespace
    path: str
    body: Mapping[str, Any]
    tag: str
    """Of what was served when it was tried."""

    def make(self) -> None:
        """Have it made, for a reason that is asked for where it was not given. Raises AdminError and UsageError."""
        why = options.reason(self.given)
        changing.ask(self.running, self.given, "POST", self.path, self.body, why=why, tag=self.tag, timeout_s=_EDIT_S)


def tried(
    running: Admin | None, given: argparse.Namespace, before: bytes, path: str, body: Mapping[str, Any]
) -> OnRecord | None:
    """Return an edit of the file that an instance serves, which has tried it; None if none runs with this very file.

    Raises AdminError with what the change itself would be refused for: the token, its role, `--if-match`, the file.
    """
    if running is None or not _serves(running, given.config, before):
        return None
    if given.reason is not None:
        options.reason(given)
    tag = given.if_match or running.ask("GET", "/api/v1/generation")["tag"]
    changing.attempt(running, "POST", path, body, tag=tag, timeout_s=_EDIT_S)
    return OnRecord(running=running, given=given, path=path, body=body, tag=tag)


def _serves(running: Admin, file: Path, data: bytes) -> bool:
    # Because another machine may have another file at this path, and a copy elsewhere may be the same for now.
    shown = running.ask("GET", "/api/v1/config")
    return (shown.get("path"), shown["digest"]) == (str(file.resolve()), digest_of(data))
