"""The embedded source: flags that live in the state store and change through this proxy alone."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from strangler.flags.bounds import check_size
from strangler.flags.data import FlagData
from strangler.flags.edit import Edit, apply_edit, describe
from strangler.flags.source import FlagTable, SourceState, SourceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An edit that is not kept yet."""

    key: str
    what: str
    """The edit in an operator's words."""
    flag: dict[str, Any]
    flags: dict[str, dict[str, Any]]
    """All of them, with this one."""
    texts: dict[str, str]
    """Each of them as JSON."""
    data: FlagData
    is_change: bool = True
    """False if the flag is like this already: then this is what is served, its version too."""


class EmbeddedSource:
    """Serves the store's flags, and is the way to change them."""

    def __init__(
        self, table: FlagTable, on_change: Callable[[FlagData], None], *, now: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._on_change = on_change
        self._now = now
        self._status = SourceStatus(state=SourceState.STARTING, detail="", since=now())
        self._flags: dict[str, dict[str, Any]] = {}
        self._texts: dict[str, str] = {}
        """Each flag as JSON, because a change of one of thousands writes out no other."""
        self._data = _data(0, self._texts)

    def start(self) -> None:
        """Read the store; raises StoreError if it cannot be read."""
        self._flags = self._table.flags()
        self._texts = _texts(self._flags)
        self._data = _data(1, self._texts)
        self._status = SourceStatus(state=SourceState.READY, detail="", since=self._now())

    async def close(self) -> None:
        """Nothing runs."""

    def data(self) -> FlagData:
        return self._data

    def status(self) -> SourceStatus:
        return self._status

    def draft(self, key: str, edit: Edit) -> Draft:
        """Return what the edit would make of the flags. Raises FlagError if that is nothing valid."""
        former = self._flags.get(key)
        flag = apply_edit(key, former, edit)
        if former is not None and {**flag, "version": former["version"]} == former:
            what, texts = describe(edit), self._texts
            return Draft(
                key=key, what=what, flag=former, flags=self._flags, texts=texts, data=self._data, is_change=False
            )
        flags = {**self._flags, key: flag}
        texts = {**self._texts, key: _text(flag)}
        data = _data(self._data.version + 1, texts)
        check_size(data.document)
        return Draft(key=key, what=describe(edit), flag=flag, flags=flags, texts=texts, data=data)

    def keep(self, draft: Draft, *, by: str, why: str = "") -> None:
        """Serve by a draft of what is served now, if it is a change.

        Raises StoreError if it cannot be kept; then nothing is changed.
        """
        if not draft.is_change:
            return
        what = f"{draft.what}: {why}" if why else draft.what
        self._table.write_flag(draft.flag, by=by, what=what, at=self._now())
        self._serve(draft.flags, draft.texts, draft.data)

    def write(self, key: str, edit: Edit, *, by: str, why: str = "") -> dict[str, Any]:
        """Make the edit, keep it, tell of it, and return the new flag. Raises as `draft` and `keep` do."""
        draft = self.draft(key, edit)
        self.keep(draft, by=by, why=why)
        return draft.flag

    def delete(self, key: str, *, by: str, why: str) -> None:
        """Keep and serve a flag no longer, and tell of it; the data set without it replaces the one before everywhere.

        Raises StoreError if that cannot be kept; then nothing is changed.
        """
        flags = {other: flag for other, flag in self._flags.items() if other != key}
        texts = {other: text for other, text in self._texts.items() if other != key}
        self._table.delete_flag(key, by=by, what=f"delete: {why}", at=self._now())
        self._serve(flags, texts, _data(self._data.version + 1, texts))

    def _serve(self, flags: dict[str, dict[str, Any]], texts: dict[str, str], data: FlagData) -> None:
        self._flags, self._texts, self._data = flags, texts, data
        self._on_change(data)


def data_of(flags: dict[str, dict[str, Any]]) -> FlagData:
    """Return what an instance that starts with these flags serves by."""
    return _data(1, _texts(flags))


def _texts(flags: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {key: _text(flag) for key, flag in flags.items()}


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _data(version: int, texts: dict[str, str]) -> FlagData:
    flags = ",".join(f"{_text(key)}:{texts[key]}" for key in sorted(texts))
    return FlagData(version=version, ready=version > 0, document=f'{{"flags":{{{flags}}},"segments":{{}}}}'.encode())
