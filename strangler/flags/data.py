"""Flag data: one version of all flags and segments, as it crosses from control to the workers."""

from dataclasses import dataclass

EMPTY_DOCUMENT = b'{"flags":{},"segments":{}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagData:
    """A whole data set: it replaces the one before, so a flag that is not in it is gone."""

    version: int
    """Grows by one with each change that a source tells; 0 before there is any data."""
    ready: bool
    """Whether the source was ever reached; until then every flag leaves its routes on the monolith."""
    document: bytes
    """JSON `{"flags": {key: flag}, "segments": {key: segment}}` in LaunchDarkly's format."""


NOT_READY = FlagData(version=0, ready=False, document=EMPTY_DOCUMENT)
