"""Users: their data, their identity checks, and logging in."""
