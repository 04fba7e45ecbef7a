"""A request of each operation that is whole and right, so that nothing but who asks is left to be refused."""

import re
from typing import Any

from strangler.control.operations import Operation

PARTS = {"route": "pay", "key": "payments", "name": "ci", "id": "d1"}
BODIES: dict[str, Any] = {
    "putFlag": {"set": "25%", "reason": "test"},
    "kill": {"is_on": True, "reason": "test"},
    "explain": {"method": "GET", "target": "/"},
    "createToken": {"name": "ci", "role": "viewer", "reason": "test"},
    "proposeConfig": {"text": "version: 1"},
    "putConfig": {"text": "version: 1", "digest": "0" * 64, "reason": "test"},
    "acceptDifference": {"path": "$.a", "reason": "test"},
    "signIn": {"token": "a-token-of-the-test"},
}
"""By name; a change that is not here takes a reason and nothing else."""


def path_of(operation: Operation) -> str:
    """Return the operation's path with something in the place of its names."""
    return re.sub(r"\{(\w+)\}", lambda found: PARTS[found[1]], operation.path)


def body_of(operation: Operation) -> Any:
    """Return what the operation takes."""
    if operation.body is None:
        return None
    return BODIES.get(operation.name, {"reason": "test"})
