"""TLS in a routes file: every pair is tried, and what is wrong with it stands beside its line."""

import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.config import pairs
from strangler.config.load import parse
from strangler.core.model import Config, KeyPair, ListenerTls, TlsVersion
from strangler.errors import CertificateError, ConfigError
from tests.config.texts import SMALL, faults, patiently
from tests.support.issuer import Issuer, past, replace


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    made = Issuer(tmp_path_factory.mktemp("tls"))
    made.pair("a", "a.example", "*.b.example")
    made.pair("b", "B.example")
    made.pair("old", "a.example", begins=past(2019), expires=past())
    made.pair("new", "a.example", begins=datetime(2999, 1, 1, tzinfo=UTC), expires=datetime(2999, 2, 1, tzinfo=UTC))
    made.trust()
    (made.folder / "text").write_text("no PEM at all\n")
    key = (made.folder / "a.key").read_text()
    (made.folder / "encrypted.key").write_text(key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))
    (made.folder / "half.crt").write_bytes((made.folder / "a.crt").read_bytes()[:300])
    (made.folder / "half.key").write_bytes((made.folder / "a.key").read_bytes()[:100])
    bad = (made.folder / "a.crt").read_text().replace("MII", "MIJ", 1)
    (made.folder / "bad.crt").write_text(bad)
    return made


def read(issuer: Issuer, tls: str) -> Config:
    return parse(f"{SMALL}tls: {tls}\n".encode(), path=issuer.folder / "routes.yaml")


def told(issuer: Issuer, tls: str) -> list[str]:
    """Return the faults, with the folder of the certificates left out."""
    with pytest.raises(ConfigError) as caught:
        read(issuer, tls)
    folder = f"{issuer.folder}/"
    return [f"{fault.where}:{fault.line}: {fault.message}".replace(folder, "") for fault in caught.value.faults]


def test_one_pair_is_read_from_the_folder_of_the_file(issuer: Issuer) -> None:
    config = read(issuer, "{cert: a.crt, key: a.key}")

    pair = KeyPair(cert=str(issuer.folder / "a.crt"), key=str(issuer.folder / "a.key"))
    assert config.tls == ListenerTls(pairs=(pair,), min_version=TlsVersion.TLS_1_2, client_ca="")


def test_several_pairs_keep_their_order(issuer: Issuer) -> None:
    config = read(
        issuer, "{certs: [{cert: b.crt, key: b.key}, {cert: a.crt, key: a.key}], min_version: 1.3, client_ca: ca.pem}"
    )

    assert config.tls is not None
    assert [Path(pair.cert).name for pair in config.tls.pairs] == ["b.crt", "a.crt"]
    assert (config.tls.min_version, Path(config.tls.client_ca).name) == (TlsVersion.TLS_1_3, "ca.pem")


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ("{}", ["tls:5: `cert` is missing", "tls:5: `key` is missing"]),
        ("{cert: a.crt}", ["tls:5: `key` is missing"]),
        ("{certs: []}", ["tls.certs:5: the list is empty"]),
        ("{certs: [{cert: a.crt}]}", ["tls.certs[0]:5: `key` is missing"]),
        ("{cert: a.crt, key: a.key, certs: [{cert: b.crt, key: b.key}]}", ["tls.cert:5: `cert` stands beside `certs`",
         "tls.key:5: `key` stands beside `certs`"]),
        ("{cert: no.crt, key: a.key}", ["tls.cert:5: no.crt cannot be read (No such file or directory)"]),
        ("{cert: a.crt, key: no.key}", ["tls.key:5: no.key cannot be read (No such file or directory)"]),
        ("{cert: ., key: a.key}", ["tls.cert:5: FOLDER cannot be read (Is a directory)"]),
        ("{cert: text, key: a.key}", ["tls.cert:5: text holds no certificate in PEM"]),
        ("{cert: a.crt, key: text}", ["tls.key:5: text holds no private key in PEM"]),
        ("{cert: a.key, key: a.crt}", ["tls.cert:5: a.key holds no certificate in PEM"]),
        ("{cert: half.crt, key: a.key}", ["tls.cert:5: half.crt holds no certificate in PEM"]),
        ("{cert: a.crt, key: b.key}", ["tls.key:5: b.key is not the key of a.crt"]),
        ("{cert: a.crt, key: encrypted.key}",
         ["tls.key:5: encrypted.key is encrypted, and nobody is there to type the password"]),
        ("{certs: [{cert: a.crt, key: a.key}, {cert: b.crt, key: a.key}]}",
         ["tls.certs[1].key:5: a.key is not the key of b.crt"]),
        ("{cert: a.crt, key: a.key, client_ca: text}", ["tls.client_ca:5: text holds no certificates in PEM"]),
        ("{cert: a.crt, key: a.key, client_ca: no.pem}",
         ["tls.client_ca:5: no.pem cannot be read (No such file or directory)"]),
        ('{cert: a.crt, key: a.key, min_version: "1.1"}',
         ["tls.min_version:5: `1.1` is not a version of TLS that is spoken here"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_pair_stands_beside_its_line(issuer: Issuer, tls: str, expected: list[str]) -> None:
    folder = f"{issuer.folder} "

    assert [fault.replace(folder, "FOLDER ") for fault in told(issuer, tls)] == expected


@pytest.mark.parametrize("tls", ["{cert: bad.crt, key: a.key}", "{cert: a.crt, key: half.key}"])
def test_a_pair_that_openssl_cannot_use_is_one_fault(issuer: Issuer, tls: str) -> None:
    assert len(told(issuer, tls)) == 1


def test_the_files_that_were_tried_are_told_with_the_faults(issuer: Issuer) -> None:
    with pytest.raises(ConfigError) as caught:
        read(issuer, "{cert: a.crt, key: b.key}")

    assert [Path(file).name for file in caught.value.files] == ["a.crt", "b.key"]


def test_no_message_repeats_what_a_key_file_holds(issuer: Issuer) -> None:
    secret = (issuer.folder / "a.key").read_text().splitlines()[1]

    messages = told(issuer, "{cert: bad.crt, key: a.key}") + told(issuer, "{cert: a.crt, key: half.key}")

    assert not any(secret[start : start + 12] in m for m in messages for start in range(len(secret) - 12))


def test_a_certificates_names_and_times_are_known(issuer: Issuer) -> None:
    _, certificate = pairs.open_pair(KeyPair(cert=str(issuer.folder / "old.crt"), key=str(issuer.folder / "old.key")))

    assert certificate == pairs.Certificate(
        names=("a.example",), not_before=past(2019).timestamp(), not_after=past().timestamp()
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("old", "the certificate expired on 2020-01-01 00:00 UTC"),
        ("new", "the certificate is not valid before 2999-01-01 00:00 UTC"),
        ("a", ""),
    ],
)
def test_a_certificate_out_of_its_time_is_a_warning_and_no_fault(issuer: Issuer, name: str, complaint: str) -> None:
    config = read(issuer, f"{{cert: {name}.crt, key: {name}.key}}")

    assert config.tls is not None
    folder = f"{issuer.folder}/"
    assert [text.replace(folder, "") for text in pairs.warnings(config.tls, time.time())] == (
        [f"{name}.crt: {complaint}"] if complaint else []
    )


def test_a_certificate_that_expires_within_a_day_is_a_warning() -> None:
    certificate = pairs.Certificate(names=(), not_before=0.0, not_after=86_400.0 * 20_000)

    assert pairs.validity(certificate, 86_400.0 * 19_999 + 1) == (
        "the certificate expires within a day, on 2024-10-04 00:00 UTC"
    )


def test_a_key_that_everybody_may_read_is_a_warning(issuer: Issuer, tmp_path: Path) -> None:
    pair = Issuer(tmp_path).pair("open")
    Path(pair.key).chmod(stat.S_IRUSR | stat.S_IROTH)

    (warning,) = pairs.warnings(ListenerTls(pairs=(pair,)), time.time())

    assert "every user of this machine may read the private key" in warning


def test_proxy_headers_from_nobody_are_a_fault() -> None:
    assert faults(f"{SMALL}proxy_protocol: true\n") == [
        "5:17: proxy_protocol: nobody is trusted to send a PROXY header, so every connection would be refused. "
        "List the load balancers under `trusted_proxies`"
    ]


@patiently
@given(st.binary(max_size=300), st.binary(max_size=300))
@example(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", b"-----BEGIN PRIVATE KEY-----\n")
@example(b"-----END CERTIFICATE----------BEGIN CERTIFICATE-----", b"PRIVATE KEY-----")
def test_any_bytes_are_a_pair_or_a_certificate_error(
    tmp_path_factory: pytest.TempPathFactory, cert: bytes, key: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    replace(folder / "any.crt", cert)
    replace(folder / "any.key", key)

    with pytest.raises(CertificateError):
        pairs.open_pair(KeyPair(cert=str(folder / "any.crt"), key=str(folder / "any.key")))


def test_a_pair_with_any_byte_changed_is_served_or_refused_but_never_a_crash(tmp_path: Path) -> None:
    pair = Issuer(tmp_path).pair("a")
    whole = Path(pair.cert).read_bytes()

    for position in range(0, len(whole), 97):
        replace(Path(pair.cert), whole[:position] + b"A" + whole[position + 1 :])
        try:
            pairs.open_pair(pair)
        except CertificateError:
            pass
