"""The vault: seals a record for one purpose and one name, and opens it for these alone.

AES-256-GCM with a random nonce. What a record is bound to is authenticated and not part of it: a record that was moved
to another row, altered or cut does not open, and neither does one of another kind.

    1 byte    format, 1
    4 bytes   id of the key
    12 bytes  nonce
    the rest  what is sealed, and 16 bytes that authenticate all of it
"""

import os
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strangler.errors import VaultError
from strangler.vault import keyfile
from strangler.vault.keyfile import ID_BYTES, KEY_FILE, Key

_FORMAT = b"\x01"
_NONCE_BYTES = 12
"""96 bits, random: NIST SP 800-38D section 8.3 allows 2**32 records under one key then. Ten a second for a year are a
tenth of that."""
_TAG_BYTES = 16
OVERHEAD = len(_FORMAT) + ID_BYTES + _NONCE_BYTES + _TAG_BYTES
"""Bytes that a sealed record is larger than what is in it."""


class Purpose(StrEnum):
    """What a record is for; it opens for no other."""

    RECORDING = "recording"
    """A read and its answer, to be asked again."""
    STREAM = "stream"
    """The key of a file of its own (vault.stream)."""
    DIVERGENCE = "divergence"
    """A write that one side took and the other did not, to be repaired."""


class Vault:
    """Seals and opens the records of one state directory. The first seal makes the key file; opening never does."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / KEY_FILE
        self._keys: dict[str, Key] = {}
        """By id, the sealing one first."""
        self._seen: tuple[int, ...] = ()
        """What told the file from another the last time that it was read."""

    def seal(self, content: bytes, *, purpose: Purpose, name: str) -> bytes:
        """Return a record that opens with this purpose and name; raises VaultError if there is no key to seal with."""
        key = self._sealing_key()
        head = _FORMAT + bytes.fromhex(key.id)
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + AESGCM(key.secret).encrypt(nonce, content, _bound(head, purpose, name))

    def open(self, sealed: bytes, *, purpose: Purpose, name: str) -> bytes:
        """Return what was sealed with this purpose and name.

        Raises VaultError, which names the key file and the remedy, if its key is not there, or if it is another record
        or was altered.
        """
        head, rest = sealed[: 1 + ID_BYTES], sealed[1 + ID_BYTES :]
        if len(sealed) < OVERHEAD or head[:1] != _FORMAT:
            raise VaultError(f"a record of {len(sealed)} bytes was not sealed by this release, or it is damaged")
        key_id = head[1:].hex()
        key = (self._read() or self._keys).get(key_id)
        if key is None:
            raise VaultError(
                f"a record was sealed with the key {key_id}, which {self.path} has not. Put that key's line into the "
                "file, from a copy of it; the record stays as it is meanwhile"
            )
        try:
            return AESGCM(key.secret).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(head, purpose, name))
        except InvalidTag as error:
            raise VaultError(
                f"a record sealed with the key {key_id} does not open: it was altered, or it is not {purpose} {name}"
            ) from error

    def rotate(self) -> str:
        """Seal with a new key from now on, and return its id; what the former ones sealed still opens."""
        return self._add_key(tuple(self._read().values()))

    def check_rotation(self) -> tuple[str, ...]:
        """Return the ids of the keys that there are, the sealing one first; raises VaultError as `rotate`, as far as it
        can be known before."""
        former = tuple(self._read())
        keyfile.check_room(self.path, len(former) + 1)
        return former

    def derive(self, purpose: Purpose) -> bytes:
        """Return a secret of 32 bytes that is the same as long as the sealing key is; raises VaultError as `seal`."""
        key = self._sealing_key().secret
        return blake2b(purpose.value.encode(), key=key, digest_size=32, person=b"strangler derive").digest()

    def _sealing_key(self) -> Key:
        keys = self._read()
        if not keys:
            if self._keys:
                # Because what is sealed with a key that stands nowhere is lost with this process.
                raise VaultError(
                    f"{self.path}: the key file is gone. Put back a copy of it, or restart to begin with a new key; "
                    "what was sealed before opens once its line is in the file again"
                )
            # Because several processes may be the first at once.
            keyfile.create(self.path, keyfile.new_key())
            keys = self._read()
        return next(iter(keys.values()))

    def _add_key(self, former: tuple[Key, ...]) -> str:
        key = keyfile.new_key()
        keyfile.write(self.path, (key, *former))
        return key.id

    def _read(self) -> dict[str, Key]:
        """Return the keys of the file as it is now; none if it is not there."""
        try:
            now = self.path.stat()
        except FileNotFoundError:
            self._seen = ()
            return {}
        except OSError as error:
            raise VaultError(f"{self.path}: the key file cannot be read ({error.strerror})") from error
        seen = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_mode)
        if seen != self._seen:
            self._keys = {key.id: key for key in keyfile.read(self.path)}
            self._seen = seen
        return self._keys


def _bound(head: bytes, purpose: Purpose, name: str) -> bytes:
    """Return what a record is bound to. Because the purpose's length stands before it, no two pairs are the same."""
    word = purpose.value.encode()
    return head + len(word).to_bytes(2) + word + name.encode("utf-8", "surrogatepass")
