"""What a redirection says of a write: 303 that it was carried out, 304, 307, 308 that it was not."""

from pathlib import Path

import pytest

from strangler.core.divergence import Why
from strangler.core.model import Fallback, Side
from strangler.core.shadowing import Redirects
from strangler.core.writelog import Doubted, Event
from tests.proxy.test_writing import POST, declared, ends, moved, noted, noting, post
from tests.support.backend import Conversation, Received, backend, says
from tests.support.waiting import until

REDIRECTION = b"HTTP/1.1 %b Elsewhere\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"


async def test_see_other_is_the_answer_to_a_write_that_was_carried_out(tmp_path: Path) -> None:
    async with backend(says(REDIRECTION % b"303")) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert (write.answered.status, write.answered.held) == (303, None)


@pytest.mark.parametrize("redirects", Redirects)
@pytest.mark.parametrize("status", [b"304", b"307", b"308"])
async def test_what_was_sent_elsewhere_or_not_at_all_is_void(
    tmp_path: Path, status: bytes, redirects: Redirects
) -> None:
    answer = REDIRECTION % status
    async with (
        backend(says(answer)) as monolith,
        noting(tmp_path, monolith, declared(redirects=redirects)) as running,
    ):
        await post(running)
    assert [ends(write) for write in noted(tmp_path)] == [[Event.BEGUN, Event.VOID]]


@pytest.mark.parametrize("status", [b"300", b"301", b"302"])
@pytest.mark.parametrize("more", [b"", b"X-Strangler-Shadow: 1\r\n"])
async def test_a_redirection_that_may_be_the_way_to_a_sign_in_page_is_held(
    tmp_path: Path, status: bytes, more: bytes
) -> None:
    async with backend(says(REDIRECTION % status)) as monolith, noting(tmp_path, monolith, declared()) as running:
        await post(running, POST % more)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert (write.answered.status, write.answered.held, write.answered.has_body) == (int(status), Why.REDIRECTED, True)


async def test_a_route_may_say_that_its_redirections_follow_a_success(tmp_path: Path) -> None:
    telling = declared(redirects=Redirects.CARRIED_OUT)
    async with backend(says(REDIRECTION % b"302")) as monolith, noting(tmp_path, monolith, telling) as running:
        await post(running)
    (write,) = noted(tmp_path)
    assert write.answered is not None
    assert (write.answered.status, write.answered.held) == (302, None)


async def test_where_both_sides_were_asked_a_redirection_leaves_both_in_doubt(tmp_path: Path) -> None:
    async def leave(_: Received, _conversation: Conversation) -> None:
        return None

    async with (
        backend(says(REDIRECTION % b"302")) as monolith,
        backend(leave) as extracted,
        noting(tmp_path, monolith, moved(fallback=Fallback.DECLARED), extracted=extracted.port) as running,
    ):
        assert b"302" in await post(running)
    (write,) = noted(tmp_path)
    assert (write.begun.primary, write.doubted) == (Side.EXTRACTED, Doubted(has_body=True, is_of_both=True))


async def test_a_redirection_before_the_request_has_come_whole_and_then_an_end_leaves_a_doubt(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 9\r\n\r\nhalf"
    async with backend(says(answer), on_head=True) as monolith, noting(tmp_path, monolith, declared()) as running:
        wire = await running.connect()
        await wire.send((POST % b"")[:-2])
        await until(lambda: bool(monolith.received))
        await wire.head()
        wire.reset()
        await until(lambda: len(ends(noted(tmp_path)[0])) == 2)
    assert ends(noted(tmp_path)[0]) == [Event.BEGUN, Event.DOUBTED]
