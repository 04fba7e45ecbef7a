"""Routes files to start from, and the faults of a text."""

from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, settings

from strangler.config.load import parse
from strangler.config.schema import json_schema
from strangler.core.model import Config
from strangler.errors import ConfigError

FILE = Path("/etc/strangler/routes.yaml")

SMALL = """\
version: 1
upstreams:
  monolith: {url: "http://127.0.0.1:8001", default: true}
  payments: {url: "http://127.0.0.1:8104"}
"""
"""Four lines, so what a test adds starts in line 5."""

ROUTE = """\
routes:
  - name: a
    match: {path: /a}
"""
"""Lines 5 to 7, after SMALL; what a test adds to the route starts in line 8."""

patiently = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Because reading YAML takes milliseconds, and more on a busy machine, no example is timed."""


def meaning(text: str) -> Config:
    """Return the Config of a text without faults."""
    return parse(text.encode(), path=FILE)


def faults(data: str | bytes) -> list[str]:
    """Return every fault of a text, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        parse(data if isinstance(data, bytes) else data.encode(), path=FILE)
    return [str(fault).removeprefix(f"{FILE}:") for fault in caught.value.faults]


def validator() -> jsonschema.Draft202012Validator:
    """Return what an editor has."""
    return jsonschema.Draft202012Validator(json_schema())
