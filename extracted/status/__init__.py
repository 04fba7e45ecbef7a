"""Status: how the platform fares."""
