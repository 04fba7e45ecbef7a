"""Streams: what one process appends another one reads, in order, sealed, and whole or not at all."""

import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.errors import VaultError
from strangler.vault.stream import StreamReader, StreamWriter
from strangler.vault.vault import Vault

SECRET = b"4111 1111 1111 1111"
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


@contextmanager
def both(folder: Path) -> Iterator[tuple[StreamWriter, StreamReader]]:
    path = folder / "a.log"
    path.unlink(missing_ok=True)
    with closing(StreamWriter(path, Vault(folder))) as writer, closing(StreamReader(path, Vault(folder))) as reader:
        yield writer, reader


def contents(reader: StreamReader, most_bytes: int = 1_000_000) -> list[tuple[int, bytes]]:
    return [(record.kind, record.content) for record in reader.read(most_bytes)]


@SHARED
@given(records=st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=8), most=st.integers(4, 400))
def test_what_is_appended_is_read_in_its_order_however_little_is_read_at_once(
    tmp_path: Path, records: list[tuple[int, bytes]], most: int
) -> None:
    with both(tmp_path) as (writer, reader):
        for kind, content in records:
            writer.append(kind, content)
        found: list[tuple[int, bytes]] = []
        while some := contents(reader, most):
            found += some
    assert found == records


def test_what_was_read_can_be_read_again(tmp_path: Path) -> None:
    with both(tmp_path) as (writer, reader):
        writer.append(1, b"one")
        writer.append(2, SECRET)
        _, second = reader.read(1_000)
        assert reader.again(second.offset, second.size) == SECRET


def test_nothing_of_it_can_be_read_in_the_file(tmp_path: Path) -> None:
    with both(tmp_path) as (writer, _):
        writer.append(1, SECRET)
        data = writer.path.read_bytes()
    assert SECRET not in data
    assert writer.path.stat().st_mode & 0o777 == 0o600


@SHARED
@given(data=st.data())
def test_a_record_that_is_cut_was_never_appended(tmp_path: Path, data: st.DataObject) -> None:
    with both(tmp_path) as (writer, reader):
        writer.append(1, b"one")
        before = writer.size
        writer.append(1, b"two")
        os.truncate(writer.path, data.draw(st.integers(before, writer.size - 1)))
        assert contents(reader) == [(1, b"one")]


@SHARED
@given(data=st.data())
def test_a_record_that_was_altered_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    with both(tmp_path) as (writer, reader):
        start = writer.size
        writer.append(1, b"one")
        at = data.draw(st.integers(start + 4, writer.size - 1))
        whole = bytearray(writer.path.read_bytes())
        whole[at] ^= 1 << data.draw(st.integers(0, 7))
        writer.path.write_bytes(whole)
        with pytest.raises(VaultError):
            contents(reader)


def test_records_of_two_streams_are_sealed_with_keys_of_their_own(tmp_path: Path) -> None:
    with both(tmp_path) as (writer, reader):
        writer.append(1, SECRET)
        (record,) = reader.read(1_000)
        raw = writer.path.read_bytes()[record.offset :]
    other = tmp_path / "b.log"
    with closing(StreamWriter(other, Vault(tmp_path))) as writer, other.open("ab") as file:
        file.write(raw)
        file.flush()
        with closing(StreamReader(other, Vault(tmp_path))) as reader, pytest.raises(VaultError):
            contents(reader)


def test_it_is_known_whether_the_writer_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    writer = StreamWriter(path, Vault(tmp_path))
    with closing(StreamReader(path, Vault(tmp_path))) as reader:
        assert not reader.is_abandoned()
        writer.close()
        assert reader.is_abandoned()


def test_what_finds_no_room_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    with both(tmp_path) as (writer, reader):
        writer.append(1, b"one")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (writer.size + 20, limits[1]))
        try:
            with pytest.raises(OSError):
                writer.append(1, b"x" * 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        writer.append(1, b"two")
        assert contents(reader) == [(1, b"one"), (1, b"two")]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"something else")
    with pytest.raises(VaultError, match="was not written by this release"):
        StreamReader(path, Vault(tmp_path))


def test_a_file_that_was_given_another_name_is_refused(tmp_path: Path) -> None:
    StreamWriter(tmp_path / "a.log", Vault(tmp_path)).close()
    (tmp_path / "a.log").rename(tmp_path / "b.log")
    with pytest.raises(VaultError):
        StreamReader(tmp_path / "b.log", Vault(tmp_path))


def test_two_processes_that_are_the_first_at_once_end_up_with_one_key(tmp_path: Path) -> None:
    children = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                StreamWriter(tmp_path / f"{number}.log", Vault(tmp_path)).close()
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    for number in range(4):
        StreamReader(tmp_path / f"{number}.log", Vault(tmp_path)).close()
    assert [path.name for path in tmp_path.glob("vault*")] == ["vault.keys"]
