"""The flag desk: what the admin API shows of flags, and the one way to change those that this proxy keeps itself."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from strangler.control.truth import Truth
from strangler.errors import UsageError
from strangler.flags.edit import Edit, Replace, parse_edit
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.listing import summaries
from strangler.flags.source import FlagSource
from strangler.flags.validate import cautions


class FlagDesk:
    """Shows the flags that are served, and edits the embedded ones."""

    def __init__(self, truth: Truth, source: FlagSource) -> None:
        self._truth = truth
        self._source = source

    def catalogue(self) -> Mapping[str, Any]:
        """Return all flags, summarised; broken ones are listed as invalid."""
        return {
            "source": self._truth.config.flags.source.value,
            "version": self._truth.flags.version,
            "flags": summaries(self._truth.flags),
        }

    def show(self, key: str) -> Mapping[str, Any] | None:
        """Return one flag, whole and summarised; None if there is none."""
        flag = json.loads(self._truth.flags.document)["flags"].get(key)
        if flag is None:
            return None
        (summary,) = (summary for summary in summaries(self._truth.flags) if summary.key == key)
        return {"flag": flag, "summary": summary}

    def keys(self) -> tuple[str, ...]:
        """Return the key of every flag, by name."""
        return tuple(sorted(json.loads(self._truth.flags.document)["flags"]))

    def change(self, key: str, change: str | Mapping[str, Any], *, who: str, why: str) -> Mapping[str, Any]:
        """Change one flag by an operator's word or a whole definition, and return it; raises FlagError."""
        if not isinstance(self._source, EmbeddedSource):
            kind = self._truth.config.flags.source.value
            raise UsageError(f"Flags come from {kind}, so they are changed there and followed here.")
        edit: Edit = parse_edit(change) if isinstance(change, str) else Replace(flag=change)
        flag = self._source.write(key, edit, by=who, why=why.strip())
        return {**(self.show(key) or {}), "cautions": [*self._unused(key), *cautions(flag)]}

    def _unused(self, key: str) -> tuple[str, ...]:
        """Warn of a flag that moves nothing: it may be for a route to come, or a prerequisite, or misspelt."""
        known = {route.flag for route in self._truth.config.routes if route.flag is not None}
        if key in known:
            return ()
        near = get_close_matches(key, sorted(known), n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        return (f"no route names the flag `{key}`, so it moves no traffic.{hint}",)
