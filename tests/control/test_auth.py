"""The admin token and the Host check."""

from pathlib import Path

import pytest

from strangler.control import auth
from strangler.core.model import Address
from strangler.errors import UsageError

ADMIN = Address(host="127.0.0.1", port=9900)


def test_the_first_call_makes_a_token_for_its_owner_alone_and_later_ones_find_it(tmp_path: Path) -> None:
    made = auth.load_token(tmp_path)
    found = auth.load_token(tmp_path)

    assert made == found
    assert (tmp_path / auth.TOKEN_FILE).stat().st_mode & 0o777 == 0o600


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    auth.load_token(tmp_path)
    (tmp_path / auth.TOKEN_FILE).chmod(0o644)

    with pytest.raises(UsageError, match="chmod 600"):
        auth.load_token(tmp_path)


def test_a_damaged_token_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / auth.TOKEN_FILE).touch(mode=0o600)
    (tmp_path / auth.TOKEN_FILE).write_text("short-secret")

    with pytest.raises(UsageError) as raised:
        auth.load_token(tmp_path)

    assert "short-secret" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"\xff" * 43, b"with space " * 8, "ü".encode() * 40])
def test_whatever_stands_in_the_token_file_is_answered_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / auth.TOKEN_FILE).touch(mode=0o600)
    (tmp_path / auth.TOKEN_FILE).write_bytes(content)

    with pytest.raises(UsageError, match="Delete the file"):
        auth.load_token(tmp_path)


def test_a_token_file_that_cannot_be_used_is_an_error_of_the_operators(tmp_path: Path) -> None:
    (tmp_path / auth.TOKEN_FILE).mkdir()

    with pytest.raises(UsageError, match="cannot be read or kept"):
        auth.load_token(tmp_path)


def test_what_a_crash_left_half_written_is_not_taken_for_the_token(tmp_path: Path) -> None:
    draft = tmp_path / f"{auth.TOKEN_FILE}.new"
    draft.touch(mode=0o644)

    made = auth.load_token(tmp_path)

    assert auth.load_token(tmp_path) == made
    assert not draft.exists()
    assert (tmp_path / auth.TOKEN_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602])
def test_a_token_that_a_group_or_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    auth.load_token(tmp_path)
    (tmp_path / auth.TOKEN_FILE).chmod(mode)

    with pytest.raises(UsageError, match="chmod 600"):
        auth.load_token(tmp_path)


@pytest.mark.parametrize(
    ("header", "is_right"),
    [
        ("Bearer s3cret", True),
        ("bearer  s3cret", True),
        ("Bearer s3cre", False),
        ("Bearer s3cret\u00e9", False),
        ("Bearer \udcff", False),
        ("Bearer s", False),
        ("Basic s3cret", False),
        ("s3cret", False),
        ("Bearer", False),
        ("", False),
    ],
)
def test_only_the_whole_token_as_bearer_opens(header: str, *, is_right: bool) -> None:
    given = auth.bearer(header)

    assert (given is not None and auth.is_right(given, "s3cret")) is is_right


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1:9900", True),
        ("localhost:9900", True),
        ("LOCALHOST:9900", True),
        ("[::1]:9900", True),
        ("127.1.2.3:9900", True),
        ("127.0.0.1:9901", False),
        ("127.0.0.1", False),
        ("evil.example:9900", False),
        ("127.0.0.1.evil.example:9900", False),
        ("localhost.evil.example:9900", False),
        ("10.0.0.1:9900", False),
        ("[::1]", False),
        ("", False),
    ],
)
def test_a_name_that_is_not_this_machines_is_not_served(host: str, *, is_own: bool) -> None:
    assert auth.is_own_host(host, ADMIN) is is_own


@pytest.mark.parametrize(
    ("header", "given"),
    [("Bearer", ""), ("BEARER a", "a"), ("Basic a", None), ("Bearer2 a", None), ("a", None), ("", None)],
)
def test_only_a_bearer_token_is_looked_at(header: str, given: str | None) -> None:
    assert auth.bearer(header) == given


@pytest.mark.parametrize(("port", "is_secure"), [(80, False), (443, True)])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_host_without_a_port_means_the_schemes_own(host: str, port: int, *, is_secure: bool) -> None:
    admin = Address(host="127.0.0.1", port=port)

    assert auth.is_own_host(host, admin, is_secure=is_secure)
    assert not auth.is_own_host(host, admin, is_secure=not is_secure)


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("10.0.0.1:9900", True),
        ("[2001:db8::1]:9900", True),
        ("10.0.0.1", False),
        ("ops.example", True),
        ("OPS.example:443", True),
        ("ops.example.evil.example:9900", False),
        ("evil.example:9900", False),
    ],
)
def test_where_others_reach_it_numbers_and_the_names_of_the_file_are_served(host: str, *, is_own: bool) -> None:
    everywhere = Address(host="0.0.0.0", port=9900)

    assert auth.is_own_host(host, everywhere, ("ops.example",)) is is_own
