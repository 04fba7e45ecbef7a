"""Errors: what keeps the demo from running, said to the person who started it."""


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""

    exit_code = 1


class UsageError(DemoError):
    """The command line, the routes file or a port is at fault."""

    exit_code = 2
