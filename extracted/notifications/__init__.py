"""Notifications: kept, listed and streamed."""
