"""Credentials of our own: what the other side is sent in place of the client's, read from the environment each time.

The values are in this process alone. They are in no configuration, and so in nothing that is stored or told.
"""

import os
from functools import lru_cache

from strangler.core.offer import Drop
from strangler.core.secrets import is_credential
from strangler.core.shadowing import Shadow, fault_of_value
from strangler.errors import ShadowError

_LONGEST_NAME = 64
"""Bytes of a name up to which it is remembered whether it is a credential."""


def own(rules: Shadow) -> tuple[tuple[str, str], ...]:
    """Return the headers that a rule has sent; raises ShadowError if a variable has no value that can be sent."""
    replacement = rules.replacement
    if replacement is None:
        return ()
    value = os.environ.get(replacement.variable)
    if fault := fault_of_value(value):
        raise ShadowError(Drop.NO_CREDENTIALS, f"{replacement.variable} {fault}")
    return ((replacement.header, value or ""),)


def known(rules: Shadow) -> tuple[tuple[str, str], ...]:
    """Return these headers as far as there are any, to look for them in what a side answers."""
    try:
        return own(rules)
    except ShadowError:
        return ()


def is_left_out(name: bytes) -> bool:
    """Return whether a header is one of the client's credentials."""
    return _is_short_one(name) if len(name) <= _LONGEST_NAME else is_credential(name.decode("latin-1"))


@lru_cache(maxsize=1_024)
def _is_short_one(name: bytes) -> bool:
    return is_credential(name.decode("latin-1"))
