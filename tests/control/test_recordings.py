"""Recordings in the state store: sealed, bounded in time, deleted when asked to, and shown without their content."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.control.journal import Deed
from strangler.control.recordingbook import RecordingBook, RecordingEntry, unseal
from strangler.control.recordingtable import read_recordings
from strangler.control.store import Store
from strangler.core.audit import Action
from strangler.core.offer import Answer
from strangler.core.recording import Recording
from strangler.core.selection import Kept
from strangler.core.shadowing import Record
from strangler.errors import VaultError
from strangler.vault.keyfile import KEY_FILE
from strangler.vault.vault import Vault
from tests.support.recordings import TYPED, entries
from tests.support.surface import served

DEED = Deed(at=5.0, who="test", what=Action.FORGET, subject="users", why="over")


@contextmanager
def keeping(folder: Path) -> Iterator[RecordingBook]:
    with closing(Store(folder)) as store:
        book = RecordingBook(store.recordings, Vault(folder))
        book.start()
        yield book


def ids(book: RecordingBook) -> list[str]:
    return [row.kept.id for row in book.kept("users")]


def contents(folder: Path) -> list[Recording]:
    return [unseal(Vault(folder), row) for row in read_recordings(folder, "users")]


def test_what_is_stored_is_there_after_a_restart_and_opens_as_it_was(tmp_path: Path) -> None:
    wanted = entries(1, 2, 3)
    with keeping(tmp_path) as book:
        assert book.write(wanted, ())
        stored = ids(book)

    with keeping(tmp_path) as book:
        assert ids(book) == stored
        beside = contents(tmp_path)
    assert sorted(beside, key=lambda one: one.target) == [entry.recording for entry in wanted]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=8, max_size=24), min_size=6, max_size=6))
def test_nothing_of_a_read_or_its_answer_is_in_the_store_file_in_the_clear(
    tmp_path_factory: pytest.TempPathFactory, secrets: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("state")
    path, query, header, name, body, request = (secret.encode() for secret in secrets)
    asked: dict[str, Any] = {
        "target": b"/users/" + path + b"?q=" + query,
        "headers": ((b"X-User-Id", header), (b"Authorization", b"Bearer " + header)),
        "answer": Answer(status=200, headers=(*TYPED, (b"X-Name", name)), body=b'{"a":"' + body + b'"}'),
        "request_id": request,
    }

    with keeping(folder) as book:
        assert book.write(entries(1, **asked), ())
        whole = b"".join(one.read_bytes() for one in folder.iterdir() if one.name.startswith("state.db"))
        (there,) = contents(folder)

    assert body in there.answer.body
    assert [secret for secret in secrets if secret.encode() in whole] == []


def test_a_recording_that_was_moved_to_another_row_does_not_open(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        book = RecordingBook(store.recordings, Vault(tmp_path))
        book.write(entries(1, 2), ())
        one, other = read_recordings(tmp_path, "users")

    with pytest.raises(VaultError, match="it was altered, or it is not recording users/"):
        unseal(Vault(tmp_path), type(one)(route="users", kept=one.kept, keep_until=1.0, sealed=other.sealed))


def test_a_recording_is_deleted_when_its_time_is_over_by_what_the_file_says_now_or_said_then(tmp_path: Path) -> None:
    with keeping(tmp_path) as book:
        book.write(entries(1, at=1.0, for_s=100.0), ())
        book.write(entries(2, at=50.0, for_s=100.0), ())

        assert book.expire(100.9, {}) == ()
        assert book.expire(101.0, {"users": Record(for_s=1_000.0)}) == ("users",)
        assert [one.target for one in contents(tmp_path)] == [b"/users/2"]
        assert book.expire(90.0, {"users": Record(for_s=40.0)}) == ("users",)

    assert contents(tmp_path) == []


def test_forgetting_deletes_all_of_a_route_and_is_on_record(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        book = RecordingBook(store.recordings, Vault(tmp_path))
        book.write(entries(1, 2), ())

        book.forget("users", DEED)

        (row,) = store.journal.page().rows
        assert (row.entry.what, row.entry.subject, row.entry.why) == (Action.FORGET, "users", "over")
        assert (ids(book), book.epoch("users"), contents(tmp_path)) == ([], 1, [])


def test_what_takes_the_place_of_another_deletes_it_in_the_same_breath(tmp_path: Path) -> None:
    with keeping(tmp_path) as book:
        book.write(entries(1), ())
        (former,) = ids(book)

        book.write(entries(2), [("users", former)])

        assert [one.target for one in contents(tmp_path)] == [b"/users/2"]


def test_without_a_key_that_can_be_used_nothing_is_stored_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with keeping(tmp_path) as book:
        book.write(entries(1), ())
        (tmp_path / KEY_FILE).chmod(0o644)

        assert [book.write(entries(2), ()), book.write(entries(3), ())] == [False, False]
        assert "Run: chmod 600" in book.fault
        assert book.salt() is None
        assert len(ids(book)) == 1

        (tmp_path / KEY_FILE).chmod(0o600)
        assert book.write(entries(2), ())
        assert book.fault == ""

    assert [record.message for record in caplog.records] == ["recordings_not_stored", "recordings_stored_again"]


def test_opening_what_a_lost_key_sealed_says_so_and_deletes_nothing(tmp_path: Path) -> None:
    with keeping(tmp_path) as book:
        book.write(entries(1), ())
    (tmp_path / KEY_FILE).unlink()

    with pytest.raises(VaultError, match="Put that key's line into the file"):
        contents(tmp_path)

    assert len(read_recordings(tmp_path, "users")) == 1


async def test_the_admin_port_shows_how_much_is_kept_and_never_what() -> None:
    async with served() as client:
        wanted = entries(1, 2)
        client.recorded.write(
            [RecordingEntry(route="pay", kept=one.kept, recording=one.recording, for_s=9.0) for one in wanted], ()
        )
        client.recorded.skip("pay", {"secret": 3})
        code, shown = await client.ask("GET", "/api/v1/recordings")
        one = await client.ask("GET", "/api/v1/recordings/pay")
        async with client.session.get(f"http://{client.address}/metrics") as answer:
            metrics = await answer.text()

    assert code == 200
    assert shown["fault"] == ""
    assert shown["routes"] == [
        {
            "route": "pay",
            "keep": None,
            "for_s": None,
            "most_bytes": None,
            "count": 2,
            "bytes": sum(entry.kept.size for entry in wanted),
            "kinds": 1,
            "first": 1.0,
            "last": 1.0,
            "not_recorded": {"secret": 3},
        }
    ]
    assert one == (200, shown["routes"][0])
    assert 'strangler_shadow_recordings{route="pay"} 2.0' in metrics
    assert 'strangler_shadow_not_recorded_total{reason="secret",route="pay"} 3.0' in metrics


async def test_forgetting_wants_a_reason_and_a_route_that_has_something() -> None:
    async with served() as client:
        kept = Kept(id="0" * 16, shape="s", size=1, at=1.0)
        recording = entries(1)[0].recording
        client.recorded.write([RecordingEntry(route="pay", kept=kept, recording=recording, for_s=9.0)], ())

        missing = await client.ask("POST", "/api/v1/recordings/nobody/forget", {"reason": "x"})
        unreasoned = await client.ask("POST", "/api/v1/recordings/pay/forget", {"reason": " "})
        done = await client.ask("POST", "/api/v1/recordings/pay/forget", {"reason": "over"})
        again = await client.ask("POST", "/api/v1/recordings/pay/forget", {"reason": "over"})

    assert (missing[0], missing[1]["title"]) == (404, "recordings_missing")
    assert (unreasoned[0], unreasoned[1]["title"]) == (400, "bad_body")
    assert done == (200, {"forgotten": 1, "route": "pay"})
    assert again[0] == 404
