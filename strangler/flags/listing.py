"""Listing: flags of one data set at a glance, broken ones included."""

import json

from strangler.flags.data import FlagData
from strangler.flags.summary import FlagKind, FlagSummary, summarise
from strangler.flags.validate import faults


def summaries(data: FlagData) -> tuple[FlagSummary, ...]:
    """Return a summary of each flag, by key; one that cannot be served is listed as invalid."""
    flags = json.loads(data.document)["flags"]
    return tuple(summary_of(key, flags[key]) for key in sorted(flags))


def summary_of(key: str, flag: object) -> FlagSummary:
    """Return the summary of one flag; one that cannot be served is invalid."""
    if isinstance(flag, dict) and not faults(key, flag):
        return summarise(flag)
    return FlagSummary(
        key=key,
        kind=FlagKind.INVALID,
        version=0,
        on=False,
        share_bp=None,
        served_bp=None,
        off_bp=None,
        stage=None,
        stages={},
        check_ratio=None,
        rules=0,
        targets=0,
    )
