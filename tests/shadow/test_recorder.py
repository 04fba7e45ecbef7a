"""The recorder: it picks as its limits say, holds no more than it may, and begins anew when it is told so."""

import gzip

from strangler.core.offer import Answer
from strangler.core.recording import Recording
from strangler.core.selection import Kept
from strangler.core.shadowing import Record
from strangler.shadow import recorder as module
from strangler.shadow.recorder import Picked, Recorder
from tests.support.recordings import TYPED, offered, recording_route


def recording(record: Record | None = None, **more: object) -> Recorder:
    made = Recorder()
    made.begin(b"salt")
    made.apply([recording_route(record or Record(), **more)], now=0.0)
    return made


def kept_of(news: tuple[Picked, ...]) -> list[Recording]:
    return [one.recording for one in news if one.recording is not None]


def skipped_of(news: tuple[Picked, ...]) -> dict[str, int]:
    (skipped,) = [one.skipped for one in news if one.skipped]
    return skipped


def test_a_read_is_picked_once_with_what_it_takes_to_ask_it_again() -> None:
    made = recording()

    made.take(offered(), "equal", now=1.0)
    made.take(offered(), "equal", now=2.0)
    news = made.news()

    (one,) = kept_of(news)
    assert (one.target, one.result, one.at, one.answer) == (b"/users/7", "equal", 1.0, offered().answer)
    assert (made.news(), made.held) == ((), 0)


def test_nothing_is_picked_of_a_route_that_does_not_record_of_a_write_or_before_there_is_a_salt() -> None:
    made, unsalted, off = recording(), Recorder(), Recorder()
    unsalted.apply([recording_route(Record())], now=0.0)
    off.begin(b"salt")
    off.apply([recording_route(None)], now=0.0)

    for one in (made, unsalted, off):
        one.take(offered(method=b"POST"), "equal", now=1.0)
    for one in (unsalted, off):
        one.take(offered(), "equal", now=1.0)
    made.take(offered(route="others"), "equal", now=1.0)

    assert [one.news() for one in (made, unsalted, off)] == [(), (), ()]


def test_what_takes_the_place_of_another_says_so_and_no_more_are_kept_than_the_route_wants() -> None:
    made = recording(Record(keep=5))

    for number in range(100):
        made.take(offered(number), "equal", now=1.0)
    there: set[str] = set()
    for news in made.news():
        there -= set(news.gone)
        if news.kept is not None:
            there.add(news.kept.id)

    assert len(there) == 5


def test_what_control_has_not_taken_is_bounded_and_what_found_no_room_is_counted() -> None:
    made = recording(Record(most_bytes=64 * 1_048_576))
    body = b'"' + b"x" * 1_000_000 + b'"'

    for number in range(20):
        made.take(offered(number, body), "equal", now=1.0)

    assert made.held <= module.MOST_WAITING_BYTES
    first = made.news()
    assert len(kept_of(first)) <= 2
    assert skipped_of(first) == {"busy": 12}
    while news := made.news():
        first += news
    assert len(kept_of(first)) == 8
    assert made.held == 0


def test_what_may_not_be_recorded_is_counted_by_why_and_takes_no_place() -> None:
    made = recording(Record(keep=1, most_bytes=1_024), redact=("$.card",))
    made.take(offered(1), "equal", now=1.0)

    made.take(offered(2, target=b"/users/2?token=abc"), "different", now=1.0)
    made.take(offered(3, b"{"), "different", now=1.0)
    made.take(offered(4, b"[" + b"1," * 1_000 + b"1]"), "different", now=1.0)
    news = made.news()

    assert skipped_of(news) == {"secret": 1, "unreadable": 1, "too_large": 1}
    assert [one.target for one in kept_of(news)] == [b"/users/1"]


def test_stricter_limits_and_time_let_go_of_what_there_is() -> None:
    made = recording(Record(keep=3, for_s=100.0))
    for number in range(3):
        made.take(offered(number), "equal", now=1.0)
    ids = {one.kept.id for one in made.news() if one.kept is not None}

    made.apply([recording_route(Record(keep=2, for_s=100.0))], now=2.0)
    (thinned,) = made.news()
    made.take(offered(9), "equal", now=102.0)
    (old,) = made.news()

    assert thinned.kept is None
    assert len(thinned.gone) == 1
    assert set(old.gone) == ids - set(thinned.gone)
    assert old.kept is not None


def test_a_route_that_was_forgotten_begins_anew_and_what_waited_is_not_told() -> None:
    made = recording()
    made.take(offered(), "equal", now=1.0)

    made.recall("users", 1, (), now=1.0)
    assert (made.news(), made.held) == ((), 0)
    made.take(offered(), "equal", now=1.0)

    (picked,) = made.news()
    assert picked.epoch == 1
    assert picked.recording is not None


def test_what_was_kept_before_a_restart_is_not_picked_again() -> None:
    first = recording()
    first.take(offered(), "equal", now=1.0)
    kept = tuple(one.kept for one in first.news() if one.kept is not None)
    later = recording()

    later.recall("users", 0, (*kept, Kept(id="0" * 16, shape="s", size=1, at=-1e9)), now=2.0)
    later.take(offered(), "equal", now=2.0)

    (old,) = later.news()
    assert (old.gone, old.kept) == (("0" * 16,), None)


def test_what_is_taken_out_of_packed_answers_counts_as_large_as_it_is_stored() -> None:
    made = recording(Record(keep=1_000, most_bytes=1_048_576), redact=("$.card",))
    packed = gzip.compress(b'{"a":"' + b"x" * 200_000 + b'"}')
    typed = (*TYPED, (b"Content-Encoding", b"gzip"))

    there: dict[str, Recording] = {}
    for number in range(100):
        made.take(offered(number, answer=Answer(status=200, headers=typed, body=packed)), "equal", now=1.0)
        assert made.held <= module.MOST_WAITING_BYTES
        for news in made.news():
            for gone in news.gone:
                there.pop(gone)
            if news.kept is not None and news.recording is not None:
                assert news.kept.size == news.recording.size
                there[news.kept.id] = news.recording

    assert len(there) == 5
    assert sum(one.size for one in there.values()) <= 1_048_576
