"""The first start: whoever starts a proxy at a terminal where nothing ran before is shown, this once, how to sign in.

The token goes to the terminal and nowhere else. The log, which journals and containers keep, only says where the state
directory's own token is.
"""

import contextlib
import logging
import os
import shlex
import threading
from pathlib import Path

from strangler.control.auth import TOKEN_FILE
from strangler.control.journal import Journal
from strangler.control.operations import Role
from strangler.control.tokendesk import TokenDesk
from strangler.core.model import Address
from strangler.errors import StoreError

NAME = "first-start"
"""Of the token, as it is listed and revoked."""
GOOD_S = 24 * 3600.0
"""Because what a terminal showed may be kept, it must not open anything for long. Precedent: kubeadm's first token."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (told, never bound)

LOG = logging.getLogger(__name__)


def is_first(state_dir: Path, journal: Journal) -> bool:
    """Return whether nobody had a token here and nothing was done; to be asked before `auth.load_token` makes one.

    Raises StoreError.
    """
    return not (state_dir / TOKEN_FILE).exists() and not journal.page(limit=1).rows


def greet(tokens: TokenDesk, admin: Address, *, is_tls: bool, state_dir: Path, screen: int) -> None:
    """Log that this is the first start; if the descriptor `screen` is a terminal, show a new operator's token there."""
    url = f"{'https' if is_tls else 'http'}://{Address(host=_ANY.get(admin.host, admin.host), port=admin.port)}/"
    LOG.info("first_start", extra={"fields": {"dashboard": url, "token_file": str(state_dir / TOKEN_FILE)}})
    if not os.isatty(screen):
        return
    try:
        why = "shown once on the terminal of the first start"
        _, text = tokens.create(NAME, Role.OPERATOR, for_s=GOOD_S, who="first start", why=why)
    except StoreError as error:
        LOG.warning("first_token_failed", extra={"fields": {"why": str(error)}})
        return
    words = (
        f"\nFirst start. Sign in to the dashboard at {url} with this token:\n\n    {text}\n\n"
        f"It is an operator's, good for {GOOD_S / 3600:g} hours, and shown this once. To make another:\n\n"
        f"    strangler token create NAME --role operator --state-dir {shlex.quote(str(state_dir))}\n\n"
    )
    # Because a terminal may be held (Ctrl-S), and nothing else is to wait for it, not even the end of the process.
    threading.Thread(target=_write, args=(screen, words.encode()), name="first start", daemon=True).start()


def _write(screen: int, text: bytes) -> None:
    with contextlib.suppress(OSError):
        while text:
            text = text[os.write(screen, text) :]
