"""The key book, with processes that share it, die in it and stop in it."""

import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.core.idempotency import digest
from strangler.core.model import Side
from strangler.errors import KeyBookBusyError, StoreError
from strangler.proxy import keybook
from strangler.proxy.keybook import KeyBook

DAY_S = 86_400
CHILD = """
import sys
from pathlib import Path
from strangler.core.idempotency import digest
from strangler.core.model import Side
from strangler.errors import KeyBookBusyError
from strangler.proxy.keybook import KeyBook
book = KeyBook(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    key = digest("route", "tenant", str(number).encode())
    while True:
        try:
            print(book.claim(key, Side(sys.argv[2]), now_s=1000, lifetime_s=86400)[0].value)
            break
        except KeyBookBusyError:
            # Because a process that holds the lock may get no processor for a while, this one is asked again.
            pass
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / keybook.FILE
    keybook.make(made, 10_000)
    return made


@pytest.fixture
def book(path: Path) -> Iterator[KeyBook]:
    opened = KeyBook(path)
    yield opened
    opened.close()


def claim(book: KeyBook, digest: bytes, side: Side, *, now_s: int, lifetime_s: int = DAY_S) -> Side:
    return book.claim(digest, side, now_s=now_s, lifetime_s=lifetime_s)[0]


def key(number: int) -> bytes:
    return digest("route", "tenant", str(number).encode())


def test_a_key_keeps_the_side_that_it_went_to_first(book: KeyBook) -> None:
    first = claim(book, key(1), Side.EXTRACTED, now_s=1_000)
    again = claim(book, key(1), Side.LEGACY, now_s=1_000 + DAY_S - 1)

    assert (first, again) == (Side.EXTRACTED, Side.EXTRACTED)


def test_after_its_lifetime_a_key_is_new(book: KeyBook) -> None:
    claim(book, key(1), Side.EXTRACTED, now_s=1_000)

    assert claim(book, key(1), Side.LEGACY, now_s=1_000 + DAY_S) is Side.LEGACY
    assert claim(book, key(1), Side.EXTRACTED, now_s=1_001 + DAY_S) is Side.LEGACY


def test_a_key_of_which_nothing_was_sent_may_move(book: KeyBook) -> None:
    claim(book, key(1), Side.EXTRACTED, now_s=1_000)
    book.move(key(1), Side.LEGACY, now_s=1_000)
    book.move(key(2), Side.LEGACY, now_s=1_000)

    assert claim(book, key(1), Side.EXTRACTED, now_s=1_001) is Side.LEGACY
    assert claim(book, key(2), Side.EXTRACTED, now_s=1_001) is Side.EXTRACTED


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(Side)), max_size=200))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_book_is_a_dictionary_of_first_sides(book: KeyBook, claims: list[tuple[int, Side]]) -> None:
    book_of = len(claims).to_bytes(2, "big") + os.urandom(4)
    first: dict[int, Side] = {}

    for number, side in claims:
        named = digest("route", "tenant", book_of + number.to_bytes(2, "big"))
        found = claim(book, named, side, now_s=1_000)
        assert found is first.setdefault(number, side)


def test_two_books_on_one_file_agree_whoever_came_first(path: Path) -> None:
    """Four processes claim the same keys at the same time, two for each side."""
    sides = [Side.LEGACY, Side.EXTRACTED] * 2
    command = [sys.executable, "-c", CHILD, str(path)]
    children = [
        subprocess.Popen([*command, side, "3000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for side in sides
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate()[0].split() for child in children]

    assert [child.returncode for child in children] == [0] * 4
    assert len(answers[0]) == 3_000
    assert answers[0] == answers[1] == answers[2] == answers[3]


def test_what_a_killed_process_entered_is_kept(path: Path) -> None:
    command = [sys.executable, "-c", CHILD + "\nimport os, signal; sys.stdout.flush(); os.kill(os.getpid(), 9)"]
    done = subprocess.run([*command, str(path), "extracted", "50"], input="go\n", text=True, check=False)

    reader = KeyBook(path)
    kept = [claim(reader, key(number), Side.LEGACY, now_s=1_001) for number in range(50)]
    reader.close()

    assert done.returncode == -signal.SIGKILL
    assert kept == [Side.EXTRACTED] * 50


def test_a_worker_that_stopped_in_the_middle_stops_nobody_else(path: Path, book: KeyBook) -> None:
    holder = (
        "import fcntl, os, sys\nf = os.open(sys.argv[1], os.O_RDWR)\nfcntl.lockf(f, fcntl.LOCK_EX)\nprint('held')\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", f"{holder}sys.stdout.flush()\nsys.stdin.readline()", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"

    with pytest.raises(KeyBookBusyError):
        claim(book, key(1), Side.LEGACY, now_s=1_000)
    child.communicate("\n")

    assert claim(book, key(1), Side.LEGACY, now_s=1_000) is Side.LEGACY


def test_a_full_book_lets_the_oldest_go_and_counts_them(tmp_path: Path) -> None:
    path = tmp_path / keybook.FILE
    keybook.make(path, 4)
    book = KeyBook(path)

    for number in range(9):
        claim(book, key(number), Side.EXTRACTED, now_s=1_000 + number)

    assert book.evicted == 1
    assert claim(book, key(8), Side.LEGACY, now_s=1_009) is Side.EXTRACTED
    assert claim(book, key(0), Side.LEGACY, now_s=1_010) is Side.LEGACY
    book.close()


def test_few_keys_are_crowded_out_of_a_book_of_their_number(tmp_path: Path) -> None:
    path = tmp_path / keybook.FILE
    keybook.make(path, 20_000)
    book = KeyBook(path)

    for number in range(20_000):
        claim(book, key(number), Side.LEGACY, now_s=1_000)

    assert book.evicted < 20_000 * 0.01
    book.close()


def test_a_book_is_made_once_and_one_of_another_size_knows_the_same_keys(path: Path) -> None:
    book = KeyBook(path)
    claim(book, key(1), Side.EXTRACTED, now_s=1_000)
    book.close()

    keybook.make(path, 10_000)
    same = KeyBook(path)
    kept = claim(same, key(1), Side.LEGACY, now_s=1_001)
    same.close()
    carried = []
    for size in (20_000, 4_000):
        keybook.make(path, size)
        other = KeyBook(path)
        carried.append(claim(other, key(1), Side.LEGACY, now_s=1_001))
        other.close()

    assert (kept, carried) == (Side.EXTRACTED, [Side.EXTRACTED] * 2)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"strangler keys 1\xff\xff\x00\x00" + bytes(9_000), bytes(9_000)])
def test_a_damaged_book_is_told_and_not_served_from(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / keybook.FILE
    path.write_bytes(content)

    with pytest.raises(StoreError, match="damaged"):
        KeyBook(path)
    with pytest.raises(StoreError, match="damaged"):
        keybook.make(path, 10_000)
    assert path.read_bytes() == content


def test_a_key_that_was_sent_again_does_not_move(book: KeyBook) -> None:
    """Its repetition may have left for the first side, while the first try could not be sent."""
    claim(book, key(1), Side.EXTRACTED, now_s=1_000)
    claim(book, key(1), Side.LEGACY, now_s=1_001)

    assert not book.move(key(1), Side.LEGACY, now_s=1_002)
    assert claim(book, key(1), Side.LEGACY, now_s=1_003) is Side.EXTRACTED
    assert claim(book, key(1), Side.LEGACY, now_s=1_000 + DAY_S) is Side.LEGACY


def test_a_key_that_is_not_known_any_more_does_not_move(book: KeyBook) -> None:
    assert not book.move(key(1), Side.LEGACY, now_s=1_000)


def test_a_book_that_is_cut_off_under_a_worker_is_told_and_kills_nobody(path: Path, book: KeyBook) -> None:
    os.truncate(path, 100)

    with pytest.raises(StoreError, match="cut off"):
        claim(book, key(1), Side.LEGACY, now_s=1_000)


def test_a_book_that_is_taken_away_or_replaced_is_not_asked_any_more(path: Path, book: KeyBook) -> None:
    path.rename(path.with_suffix(".old"))

    with pytest.raises(StoreError, match="taken away"):
        claim(book, key(1), Side.LEGACY, now_s=1_000)
    keybook.make(path, 10_000)
    with pytest.raises(StoreError, match="replaced"):
        claim(book, key(1), Side.LEGACY, now_s=1_000)


def test_a_book_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"keys\.book"):
        KeyBook(tmp_path / keybook.FILE)


def test_a_book_that_does_not_fit_is_refused_when_it_is_made(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreError, match="room"):
            keybook.make(tmp_path / keybook.FILE, 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)

    assert not (tmp_path / keybook.FILE).exists()


def test_a_lock_that_the_system_refuses_is_told(path: Path, book: KeyBook) -> None:
    # Because the descriptor is closed under the book, as a fault of ours would, the lock fails for good.
    os.close(book._file)

    with pytest.raises(StoreError, match="locked"):
        claim(book, key(1), Side.LEGACY, now_s=1_000)

    book._file = os.open(path, os.O_RDWR)
    fcntl.lockf(book._file, fcntl.LOCK_UN)
