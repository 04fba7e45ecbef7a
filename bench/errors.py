"""Errors: why there are no figures."""


class BenchError(Exception):
    """A run cannot be made, or what it measured means nothing."""


class NoHistoryError(BenchError):
    """The proxy as it was at part 1 cannot be had here."""


class MissingToolError(BenchError):
    """A program that the benchmark needs is not installed."""
