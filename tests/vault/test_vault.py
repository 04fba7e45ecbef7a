"""What is sealed opens with its purpose, its name and its key, and with nothing else."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.errors import VaultError
from strangler.vault import keyfile
from strangler.vault.keyfile import KEY_FILE
from strangler.vault.vault import OVERHEAD, Purpose, Vault

RECORD = b'{"card": "4111 1111 1111 1111"}'
# Because the folder is only read once its key file is made, examples may share it.
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def sealed_by(vault: Vault, content: bytes = RECORD, name: str = "users.read/1") -> bytes:
    return vault.seal(content, purpose=Purpose.RECORDING, name=name)


def pieces_of(data: bytes) -> set[bytes]:
    return {data[at : at + 8] for at in range(len(data) - 7)}


def opened_by(vault: Vault, sealed: bytes, name: str = "users.read/1") -> bytes:
    return vault.open(sealed, purpose=Purpose.RECORDING, name=name)


@SHARED
@given(content=st.binary(max_size=300), purpose=st.sampled_from(Purpose), name=st.text(max_size=30))
def test_what_was_sealed_opens_as_it_was_also_after_a_restart(
    tmp_path: Path, content: bytes, purpose: Purpose, name: str
) -> None:
    sealed = Vault(tmp_path).seal(content, purpose=purpose, name=name)

    assert Vault(tmp_path).open(sealed, purpose=purpose, name=name) == content
    assert len(sealed) == len(content) + OVERHEAD


@SHARED
@given(content=st.binary(min_size=8, max_size=200))
def test_nothing_of_the_content_can_be_read_and_no_two_records_are_alike(tmp_path: Path, content: bytes) -> None:
    vault = Vault(tmp_path)
    one, other = sealed_by(vault, content), sealed_by(vault, content)

    assert content not in one
    assert one[5:] != other[5:]
    assert not pieces_of(one[5:]) & pieces_of(other[5:])


@SHARED
@given(data=st.data())
def test_a_record_that_was_altered_anywhere_or_cut_does_not_open(tmp_path: Path, data: st.DataObject) -> None:
    vault = Vault(tmp_path)
    sealed = sealed_by(vault)
    at = data.draw(st.integers(0, len(sealed) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    altered = sealed[:at] + bytes([sealed[at] ^ bit]) + sealed[at + 1 :]

    for damaged in (altered, sealed[:at], sealed + b"\0"):
        with pytest.raises(VaultError):
            opened_by(vault, damaged)


def test_a_record_does_not_open_under_another_name_or_for_another_purpose(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = sealed_by(vault)

    with pytest.raises(VaultError, match=r"it is not recording users\.read/2"):
        opened_by(vault, sealed, "users.read/2")
    with pytest.raises(VaultError, match=r"it is not divergence users\.read/1"):
        vault.open(sealed, purpose=Purpose.DIVERGENCE, name="users.read/1")


def test_opening_makes_no_key_file_and_says_which_key_is_missing_where(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sealed = sealed_by(Vault(tmp_path / "a"))

    with pytest.raises(
        VaultError, match=rf"key {sealed[1:5].hex()}, which .*/b/{KEY_FILE} has not. Put that key's line"
    ):
        opened_by(Vault(tmp_path / "b"), sealed)

    assert not (tmp_path / "b" / KEY_FILE).exists()


def test_a_key_that_was_lost_and_put_back_beside_a_newer_one_opens_what_it_sealed(tmp_path: Path) -> None:
    vault, path = Vault(tmp_path), tmp_path / KEY_FILE
    before = sealed_by(vault)
    saved = path.read_text()
    path.unlink()
    successor = Vault(tmp_path)
    after = sealed_by(successor)
    with pytest.raises(VaultError, match="Put that key's line into the file"):
        opened_by(successor, before)

    with path.open("a") as file:
        file.write(saved)

    assert (opened_by(successor, before), opened_by(successor, after)) == (RECORD, RECORD)
    assert sealed_by(successor)[1:5] == after[1:5]


def test_a_rotated_key_seals_what_is_new_and_what_was_sealed_before_still_opens(tmp_path: Path) -> None:
    vault, other = Vault(tmp_path), Vault(tmp_path)
    before = sealed_by(vault)
    key_id = other.rotate()

    after = sealed_by(vault)

    assert after[1:5].hex() == key_id != before[1:5].hex()
    assert (opened_by(vault, before), opened_by(vault, after)) == (RECORD, RECORD)


def test_nothing_is_sealed_with_a_key_that_stands_nowhere_any_more(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = sealed_by(vault)
    (tmp_path / KEY_FILE).unlink()

    with pytest.raises(VaultError, match="the key file is gone"):
        sealed_by(vault)

    assert opened_by(vault, sealed) == RECORD
    assert not (tmp_path / KEY_FILE).exists()


def test_what_is_derived_is_the_same_until_the_key_is_another_and_is_not_the_key(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    secrets = {vault.derive(purpose) for purpose in Purpose}
    assert secrets == {Vault(tmp_path).derive(purpose) for purpose in Purpose}
    assert len(secrets) == len(Purpose)

    (key,) = keyfile.read(tmp_path / KEY_FILE)
    vault.rotate()

    assert key.secret not in secrets
    assert vault.derive(Purpose.RECORDING) not in secrets
