"""The log writer, over real pipes: whoever reads slowly, or not at all, stops nobody."""

import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from strangler.runtime import logwriter
from strangler.runtime.logs import JsonFormatter
from strangler.runtime.logwriter import LogWriter


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def made(descriptor: int) -> LogWriter:
    writer = LogWriter(descriptor)
    writer.setFormatter(JsonFormatter())
    return writer


def record(event: str, **fields: object) -> logging.LogRecord:
    found = logging.LogRecord("strangler.test", logging.WARNING, __file__, 1, event, None, None)
    found.__dict__["fields"] = fields
    return found


def ended(writer: LogWriter) -> None:
    writer.close()
    writer._thread.join(10)
    assert not writer._thread.is_alive()


def test_lines_are_written_whole_and_in_order(pipe: tuple[int, int]) -> None:
    writer = made(pipe[1])

    for number in range(100):
        writer.emit(record("said", number=number))
    writer.flush()

    lines = os.read(pipe[0], 65_536).decode().splitlines()
    ended(writer)
    assert [json.loads(line)["number"] for line in lines] == list(range(100))


def test_a_reader_that_does_not_read_stops_nobody_and_what_is_lost_is_counted(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logwriter, "MAX_LINES", 50)
    monkeypatch.setattr(logwriter, "LAST_LINES_S", 0.0)
    writer = made(pipe[1])
    logwriter.LOG.addHandler(writer)

    # Because the pipe holds 64 KiB, far fewer of these find room; the loop ends all the same.
    for number in range(500):
        writer.emit(record("said", number=number, filler="x" * 4_000))
    writer.flush()
    found: list[bytes] = []
    drain = threading.Thread(target=lambda: found.extend(iter(lambda: os.read(pipe[0], 65_536), b"")))
    drain.start()
    ended(writer)
    logwriter.LOG.removeHandler(writer)
    os.close(pipe[1])
    drain.join(10)

    lines = [json.loads(line) for line in b"".join(found).splitlines()]
    said = [line["number"] for line in lines if line["event"] == "said"]
    dropped = sum(line["count"] for line in lines if line["event"] == "log_lines_dropped")
    assert said == sorted(said)
    assert len(said) < 500
    assert len(said) + dropped == 500


def test_a_reader_that_went_away_stops_nobody(pipe: tuple[int, int]) -> None:
    writer = made(pipe[1])
    os.close(pipe[0])

    for _ in range(10):
        writer.emit(record("said"))
    writer.flush()

    ended(writer)


def test_a_descriptor_that_does_not_wait_loses_no_line(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    writer = made(pipe[1])
    found: list[bytes] = []

    for number in range(60):
        writer.emit(record("said", number=number, filler="x" * 4_000))
    drain = threading.Thread(target=lambda: found.extend(iter(lambda: os.read(pipe[0], 65_536), b"")))
    drain.start()
    ended(writer)
    os.close(pipe[1])
    drain.join(10)

    assert [json.loads(line)["number"] for line in b"".join(found).splitlines()] == list(range(60))
