"""Listening sockets that change hands."""

import asyncio
import os
from pathlib import Path

import pytest

from strangler.core.model import Address
from strangler.runtime import handover, runfile, sockets
from strangler.runtime.handover import Offer, Orphan
from strangler.runtime.runfile import ProcessId, Run


def this_process() -> Orphan:
    process = runfile.identify(os.getpid())
    assert process is not None
    return Orphan(process=process, pidfd=-1)


async def test_an_offered_listener_is_taken_over_with_the_connections_that_wait_in_it(tmp_path: Path) -> None:
    with sockets.bind(Address(host="127.0.0.1", port=0), "listen") as listener:
        address = sockets.bound(listener)
        _, client = await asyncio.open_connection(address.host, address.port)
        offer = Offer(tmp_path, (listener,))
        (taken,) = await asyncio.to_thread(handover.take_listeners, tmp_path, this_process())
        offer.close()

    with taken:
        accepted, peer = taken.accept()

        assert sockets.bound(taken) == address
        assert peer == client.get_extra_info("sockname")
        accepted.close()
    client.close()


async def test_a_state_directory_with_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()

    with sockets.bind(Address(host="127.0.0.1", port=0), "listen") as listener:
        offer = Offer(folder, (listener,))
        taken = await asyncio.to_thread(handover.take_listeners, folder, this_process())
        offer.close()

    assert len(taken) == 1
    taken[0].close()


def test_an_orphan_that_offers_nothing_is_not_waited_for_longer_than_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "OFFER_WAIT_S", 0.0)

    assert handover.take_listeners(tmp_path, this_process()) == ()


def test_a_process_that_only_has_the_id_of_a_worker_is_no_orphan(tmp_path: Path) -> None:
    impostor = ProcessId(pid=os.getpid(), started="another/start")
    runfile.write(tmp_path, Run(control=impostor, listen="127.0.0.1:1", admin="127.0.0.1:2", workers=(impostor,)))

    assert handover.find_orphans(tmp_path) == ()


async def test_nobody_but_the_owner_can_reach_an_offer(tmp_path: Path) -> None:
    with sockets.bind(Address(host="127.0.0.1", port=0), "listen") as listener:
        offer = Offer(tmp_path, (listener,))
        modes = [path.stat().st_mode & 0o777 for path in sockets_in(tmp_path)]
        offer.close()

    assert modes == [0o600]
    assert sockets_in(tmp_path) == []


def sockets_in(folder: Path) -> list[Path]:
    return list(folder.glob("*.sock"))
