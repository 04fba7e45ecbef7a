"""Rollback rules side by side in a simulation: how often each cries wolf, and how fast it sees a regression."""
