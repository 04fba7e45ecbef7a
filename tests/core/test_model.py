"""The meaning of a routes file: frozen values, and addresses as people write them."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from inspect import getmembers

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core import model
from strangler.core.model import Address


@given(st.ip_addresses().map(str) | st.from_regex(r"[a-z]{1,9}(\.[a-z]{2})?", fullmatch=True), st.integers(1, 65_535))
def test_an_address_is_written_so_that_host_and_port_can_be_told_apart(host: str, port: int) -> None:
    written = str(Address(host=host, port=port))

    before, _, after = written.rpartition(":")
    assert (before.strip("[]"), int(after)) == (host, port)
    assert before.startswith("[") == (":" in host)


def test_a_snapshots_values_cannot_change() -> None:
    address = Address(host="a", port=1)

    with pytest.raises(FrozenInstanceError):
        address.port = 2  # type: ignore[misc]  # as it is frozen


def test_every_value_of_the_model_is_frozen_and_holds_no_list_or_dictionary() -> None:
    values = [member for _, member in getmembers(model, is_dataclass)]

    assert len(values) > 10
    for value in values:
        assert vars(value)["__dataclass_params__"].frozen, value
        assert not [field.name for field in fields(value) if str(field.type).startswith(("list", "dict", "set"))]
