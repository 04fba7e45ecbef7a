"""Binding."""

import pytest

from strangler.core.model import Address
from strangler.errors import UsageError
from strangler.runtime import listening, sockets


def test_a_port_in_use_is_refused_by_number_and_setting() -> None:
    with sockets.bind(Address(host="127.0.0.1", port=0), "listen") as holder:
        taken = sockets.bound(holder)

        with pytest.raises(UsageError) as raised:
            sockets.bind(taken, "admin")

    assert str(raised.value) == (
        f"admin: port {taken.port} is in use on 127.0.0.1. "
        "Set `admin` in the routes file or --admin to another address."
    )


def test_port_0_picks_one_and_tells_which() -> None:
    with sockets.bind(Address(host="localhost", port=0), "listen") as listener:
        assert sockets.bound(listener).port > 0


def test_an_unknown_host_is_refused_by_setting() -> None:
    with pytest.raises(UsageError, match=r"^listen: the host 'no\.such\.host\.invalid' is not an address"):
        sockets.bind(Address(host="no.such.host.invalid", port=0), "listen")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_admin_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match=r"^admin: .* can be reached from other machines"):
        listening.open_admin(Address(host=host, port=0))


def test_it_is_taken_where_the_file_says_how_it_is_guarded() -> None:
    with listening.open_admin(Address(host="0.0.0.0", port=0), may_be_reached=True) as admin:
        assert sockets.bound(admin).host == "0.0.0.0"
