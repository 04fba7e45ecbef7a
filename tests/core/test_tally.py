"""Tallies: plain, frozen values, so that what a worker told cannot change on its way."""

from dataclasses import FrozenInstanceError, fields

import pytest

from strangler.core.model import Side
from strangler.core.outcome import Outcome
from strangler.core.tally import Tally


def test_a_tally_cannot_change_once_it_is_told() -> None:
    tally = Tally(route="r", side=Side.LEGACY, outcomes=((Outcome.OK_2XX, 1),), latency=((3, 1),), seconds=0.1)

    for field in fields(tally):
        with pytest.raises(FrozenInstanceError):
            setattr(tally, field.name, None)
    assert tally == Tally(route="r", side=Side.LEGACY, outcomes=((Outcome.OK_2XX, 1),), latency=((3, 1),), seconds=0.1)
