"""Secrets are told by their names, by their form and by their check digits."""

import pytest

from strangler.core.secrets import is_card, is_credential, is_iban, is_secret_header, is_secret_name


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("password", True), ("userPassword", True), ("PIN", True), ("cardPin", True), ("spinning", False),
        ("pan", True), ("company", False), ("span", False), ("authToken", True), ("author", False), ("auth", True),
        ("name", False), ("id", False), ("api_key", True), ("key", False), ("sessionId", True), ("CVV2", True),
    ],
)  # fmt: skip
def test_names_are_told_by_their_words(name: str, is_secret: bool) -> None:
    assert is_secret_name(name) is is_secret


def test_headers_that_name_the_client_are_secret() -> None:
    names = ["X-Real-IP", "Forwarded", "X-API-Key", "Accept", "Content-Type"]

    assert [name for name in names if is_secret_header(name)] == names[:3]


@pytest.mark.parametrize(
    ("number", "valid"),
    [("4111111111111111", True), ("4111111111111112", False), ("378282246310005", True), ("1764000000000", False),
     ("411", False), ("6011000990139424", True), ("2223003122003222", True), ("4.111E+2012345", False),
     ("4¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹", False), ("٤١١١١١١١١١١١١١١١", False)],
)  # fmt: skip
def test_cards_are_told_by_their_check_digit(number: str, valid: bool) -> None:
    assert is_card(number) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [("DE89370400440532013000", True), ("de89370400440532013000", True), ("DE88370400440532013000", False),
     ("GB82WEST12345698765432", True), ("DE89", False), ("DE8937040044053201300é", False)],
)  # fmt: skip
def test_ibans_are_told_by_their_check_digits(text: str, valid: bool) -> None:
    assert is_iban(text) is valid


def test_a_clients_address_is_secret_and_no_credential() -> None:
    names = ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-CSRF-Token", "X-Amz-Security-Token"]
    others = ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Accept", "X-User-Id", "X-Forwarded-Host"]

    assert [name for name in (*names, *others) if is_credential(name)] == names
