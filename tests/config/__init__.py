"""Tests of strangler.config."""
