"""`strangler vault rotate`: a new key seals, beside a proxy that runs or without one."""

from pathlib import Path

import pytest

from strangler.cli import main
from strangler.vault import keyfile
from strangler.vault.keyfile import KEY_FILE
from strangler.vault.vault import Purpose, Vault


def test_a_vault_in_use_seals_with_the_new_key_and_opens_what_the_former_sealed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_use = Vault(tmp_path)
    before = in_use.seal(b"record", purpose=Purpose.RECORDING, name="1")

    assert main(["vault", "rotate", "--state-dir", str(tmp_path)]) == 0

    after = in_use.seal(b"record", purpose=Purpose.RECORDING, name="1")
    first, *_ = keyfile.read(tmp_path / KEY_FILE)
    assert capsys.readouterr().out.startswith(f"{tmp_path / KEY_FILE}: {first.id} seals from now on.")
    assert after[1:5].hex() == first.id != before[1:5].hex()
    assert in_use.open(before, purpose=Purpose.RECORDING, name="1") == b"record"


def test_a_state_directory_that_is_not_there_is_an_error_that_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vault", "rotate", "--state-dir", str(tmp_path / "no")]) == 1

    assert f"{tmp_path / 'no' / KEY_FILE}: the key file cannot be written" in capsys.readouterr().err
