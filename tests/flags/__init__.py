"""Tests of the flag sources, the evaluator and the edits."""
