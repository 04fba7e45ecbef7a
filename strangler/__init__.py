"""strangler: a routing proxy that replaces a monolith endpoint by endpoint.

The layers, outermost first: cli, runtime (processes), control and proxy (planes), flags, config, core (decisions).
docs/architecture.md says which does what.
"""

__version__ = "0.1.0"
