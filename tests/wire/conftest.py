"""Each test of the data plane runs with its bytes whole, one at a time, and cut at random."""

from tests.support.segments import pytest_generate_tests, segments

__all__ = ["pytest_generate_tests", "segments"]
