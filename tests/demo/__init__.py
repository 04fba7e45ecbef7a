"""Tests of the demo, as a process like any user's."""
