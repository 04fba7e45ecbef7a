"""Reading one mapping by its table of keys: the known ones are handed out, all others told."""

from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import TypeVar

from strangler.config.forms import Section
from strangler.config.keys import MATCH, ROUTE, SECRETS
from strangler.config.kind import Kind
from strangler.config.nodes import Entry, Mapping, Reading, Scalar
from strangler.config.reading import MAX_SHOWN, At, nearest, show_key

_QUOTE = "Remove it, or quote the value before it if it has a comma in it"

T = TypeVar("T")
D = TypeVar("D")


class Found:
    """The known keys of one mapping of the file."""

    def __init__(self, at: At, section: Section) -> None:
        self.at = at
        self._section = section
        self._values: dict[str, At] = {}
        known = section.by_name
        unknown: list[str] = []
        for entry, value in at.entries():
            if entry.key in known:
                self._values[entry.key] = value
            elif _is_rest(entry):
                # Because it may be the rest of a secret, behind a comma that parted them, it is not repeated.
                at.report.add(entry.place, at.where or "document", "a key without a value is not known here", _QUOTE)
            else:
                at.report.add(entry.place, value.where, *_refusal(entry, section))
                unknown.append(entry.key)
        for key in section.required if self.is_mapping else ():
            # A required key that is only misspelt is told once.
            if key.name not in self._values and not any(_likest(word, known) == key.name for word in unknown):
                at.fault(f"`{key.name}` is missing", f"Add `{key.required}`")

    @property
    def is_mapping(self) -> bool:
        """Whether there were keys to read at all; if not, that is noted already."""
        return isinstance(self.at.node, Mapping)

    def get(self, name: str) -> At | None:
        """Return the value of a key that the section has, if the file gives it."""
        return self._values.get(self._section.key(name).name)

    def take(self, name: str, kind: Kind[T], otherwise: D) -> T | D:
        """Return the meaning of a key; `otherwise` if it is not there, or wrong, which is then noted."""
        if self._section.key(name).takes is not kind:
            raise AssertionError(f"{name} is read as another kind than the table says")
        at = self._values.get(name)
        value = None if at is None else kind.read(at)
        return otherwise if value is None else value


def _is_rest(entry: Entry) -> bool:
    return isinstance(entry.value, Scalar) and entry.value.reading is Reading.NULL and not entry.value.text


def _likest(word: str, known: Collection[str]) -> str:
    return next(iter(get_close_matches(word[:MAX_SHOWN], known, n=1)), "")


def _refusal(entry: Entry, section: Section) -> tuple[str, str | Callable[[], str]]:
    """Return message and remedy for a key that the section has not."""
    known = tuple(section.by_name)
    shown = show_key(entry.key)
    if entry.key in SECRETS:
        return (
            f"{shown} would put a secret in a file",
            "Set LAUNCHDARKLY_SDK_KEY in the environment and remove it",
        )
    if section is ROUTE and entry.key in {key.name for key in MATCH.keys}:
        return f"{shown} is not a key of a route", "Put it under `match`"
    return f"{shown} is not a known key", lambda: nearest(entry.key, known)
