"""The key file: for its owner alone, whole or not there, and never shown."""

import os
from pathlib import Path

import pytest

from strangler.errors import VaultError
from strangler.vault import keyfile
from strangler.vault.keyfile import KEY_FILE, MOST_KEYS, Key
from strangler.vault.vault import Purpose, Vault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a key file as the first seal makes it."""
    Vault(tmp_path).seal(b"record", purpose=Purpose.RECORDING, name="1")
    return tmp_path / KEY_FILE


def test_the_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Vault(tmp_path).seal(b"record", purpose=Purpose.RECORDING, name="1")
    finally:
        os.umask(before)

    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602])
def test_a_file_that_others_may_touch_is_refused_with_the_command_that_mends_it(path: Path, mode: int) -> None:
    path.chmod(mode)

    with pytest.raises(VaultError, match=f"Run: chmod 600 {path}"):
        keyfile.read(path)


def test_what_others_may_read_is_noticed_while_it_is_in_use(path: Path) -> None:
    vault = Vault(path.parent)
    vault.seal(b"record", purpose=Purpose.RECORDING, name="1")
    path.chmod(0o644)

    with pytest.raises(VaultError, match="chmod 600"):
        vault.seal(b"record", purpose=Purpose.RECORDING, name="2")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    os.chown(path, 12_345, -1)

    with pytest.raises(VaultError, match="belongs to another user"):
        keyfile.read(path)


def test_a_line_that_was_damaged_is_named_and_neither_used_nor_shown_nor_replaced(path: Path) -> None:
    text = path.read_text()
    key = text.split()[-1]
    swapped = "B" if key[5] == "A" else "A"
    damaged = text.replace(key, key[:5] + swapped + key[6:])
    path.write_text(damaged)

    with pytest.raises(VaultError, match=r"line 3 is damaged\. Put back a copy") as raised:
        Vault(path.parent).seal(b"record", purpose=Purpose.RECORDING, name="1")

    assert key[6:] not in str(raised.value)
    assert path.read_text() == damaged


@pytest.mark.parametrize("content", [b"", b"# a comment\n", b"\xff" * 60, b"x" * 20_000])
def test_whatever_stands_in_the_file_is_answered_with_a_remedy(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(VaultError, match=f"{path}: .*Put back a copy"):
        keyfile.read(path)


def test_a_path_that_is_no_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()

    with pytest.raises(VaultError, match=f"{tmp_path / KEY_FILE}: the key file cannot be read"):
        keyfile.read(tmp_path / KEY_FILE)


def test_what_a_crash_left_half_written_is_not_taken_for_a_key(path: Path) -> None:
    draft = path.with_name(f"{KEY_FILE}.new")
    draft.touch(mode=0o644)
    (former,) = keyfile.read(path)

    Vault(path.parent).rotate()

    assert keyfile.read(path)[1:] == (former,)
    assert not draft.exists()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_full_stays_as_it_was(path: Path) -> None:
    keyfile.write(path, tuple(keyfile.new_key() for _ in range(MOST_KEYS)))
    before = path.read_bytes()

    with pytest.raises(VaultError, match="the oldest"):
        Vault(path.parent).check_rotation()
    with pytest.raises(VaultError, match="the oldest"):
        Vault(path.parent).rotate()

    assert len(keyfile.read(path)) == MOST_KEYS
    assert path.read_bytes() == before


def test_a_key_does_not_show_itself() -> None:
    key = Key(b"\x07" * 32)

    assert repr(key) == f"Key({key.id})"
    assert key.secret.hex() not in repr(key)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_key_that_root_rotates_stays_the_proxys_users(tmp_path: Path, is_there: bool) -> None:
    path = tmp_path / keyfile.KEY_FILE
    os.chown(tmp_path, 12_345, 23_456)
    if is_there:
        keyfile.write(path, (keyfile.new_key(),))

    Vault(tmp_path).rotate()

    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12_345, 23_456, 0o600)
    assert len(keyfile.read(path)) == 1 + is_there
