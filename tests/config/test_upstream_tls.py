"""Upstream TLS in the file: what its files must be, and what is warned about."""

from pathlib import Path

import pytest
import trustme

from strangler.config import tls
from strangler.config.load import load
from strangler.config.warnings import warnings_of
from strangler.core.model import Config
from strangler.errors import ConfigError

TEXT = """\
version: 1
upstreams:
  monolith:
    url: "https://a"
    default: true
    tls:
"""


def served(folder: Path, *lines: str) -> Config:
    path = folder / "routes.yaml"
    path.write_text(TEXT + "".join(f"      {line}\n" for line in lines))
    return load(path)


def faults(folder: Path, *lines: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        served(folder, *lines)
    return [str(fault).removeprefix(f"{folder / 'routes.yaml'}:") for fault in caught.value.faults]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an authority, a certificate, its key, and a key of somebody else."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    pair, other = ca.issue_cert("proxy"), ca.issue_cert("other")
    pair.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    pair.private_key_pem.write_to_path(tmp_path / "key.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "garbage.pem").write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    return tmp_path


def test_what_the_files_say_is_part_of_the_config(folder: Path) -> None:
    config = served(folder, "ca: ca.pem", "cert: cert.pem", "key: key.pem", "server_name: pay.example")

    settings = config.upstreams[0].tls
    assert settings is not None
    assert settings.ca == (folder / "ca.pem").read_bytes()
    assert settings.key == (folder / "key.pem").read_bytes()
    assert config.files == tuple(str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    assert config.upstreams[0].addresses[0].port == 443


def test_a_key_is_not_in_what_is_printed_of_a_config(folder: Path) -> None:
    config = served(folder, "cert: cert.pem", "key: key.pem")

    assert "PRIVATE" not in repr(config)
    assert "key=" not in repr(config.upstreams[0].tls)


def test_a_key_of_somebody_else_is_a_fault_at_its_line(folder: Path) -> None:
    assert faults(folder, "cert: cert.pem", "key: other.pem") == [
        "7:13: upstreams.monolith.tls.cert: certificate and key do not belong together. "
        "Name a PEM certificate and its unencrypted key"
    ]


@pytest.mark.parametrize("line", ["ca: garbage.pem", "ca: key.pem"])
def test_authorities_that_cannot_be_read_are_a_fault_at_their_line(folder: Path, line: str) -> None:
    (fault,) = faults(folder, line)

    assert fault.startswith("7:11: upstreams.monolith.tls.ca: the file has no certificate that can be read (")


def test_a_key_with_a_passphrase_is_a_fault_and_nobody_is_asked_for_it(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hush"),
        )
    )

    (fault,) = faults(folder, "cert: cert.pem", "key: key.pem")

    assert "the key is encrypted" in fault


def test_a_file_that_is_a_folder_is_a_fault(folder: Path) -> None:
    (fault,) = faults(folder, "ca: .")

    assert "the file cannot be read: Is a directory" in fault


def test_no_verification_is_warned_about_and_only_when_written_out(folder: Path) -> None:
    assert warnings_of(served(folder, "ca: ca.pem")) == ()
    (warning,) = warnings_of(served(folder, "verify: false"))
    assert warning.startswith("upstream monolith: `verify: false`")


def test_contexts_verify_name_and_chain_and_speak_at_least_tls_1_2(folder: Path) -> None:
    settings = served(folder, "ca: ca.pem").upstreams[0].tls
    assert settings is not None

    context = tls.client_context(settings)

    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert context.minimum_version.name == "TLSv1_2"
    assert len(context.get_ca_certs()) == 1
