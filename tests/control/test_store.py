"""The state store: kept, recorded, locked, and left alone when it is damaged."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from strangler.control.migrations import STEPS
from strangler.control.store import CACHES_KEPT, Store
from strangler.core.audit import Action, Entry
from strangler.errors import StoreError, UsageError

FIRST = {"key": "f", "version": 1, "on": True}
SECOND = {"key": "f", "version": 2, "on": False}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_flag_that_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_flag(FIRST, by="ann", what="set on", at=1.0)
    store.write_flag(SECOND, by="bob", what="set off", at=2.0)
    store.close()

    store = Store(tmp_path)
    found = store.flags()
    store.close()

    assert found == {"f": SECOND}


def test_a_flag_that_was_written_survives_a_killed_process(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from strangler.control.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "store.write_flag({'key': 'f', 'version': 1}, by='ann', what='set on', at=1.0)\n"
        "os._exit(1)"
    )

    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    store = Store(tmp_path)
    found = store.flags()
    store.close()
    assert found == {"f": {"key": "f", "version": 1}}


def test_every_change_is_recorded_with_before_and_after(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = '{"key":"f","version":1,"on":true}', '{"key":"f","version":2,"on":false}'

    store.write_flag(FIRST, by="ann", what="set on", at=1.0)
    store.write_flag(SECOND, by="bob", what="set off", at=2.0)

    rows = store.journal.page().rows
    store.close()
    assert [row.entry for row in rows] == [
        Entry(
            seq=2, at=2.0, who="bob", what=Action.FLAG, subject="f", why="set off",
            before=first, after=second, evidence=None,
        ),
        Entry(
            seq=1, at=1.0, who="ann", what=Action.FLAG, subject="f", why="set on",
            before=None, after=first, evidence=None,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET who = 'nobody'"])
def test_the_audit_log_only_grows(tmp_path: Path, statement: str) -> None:
    store = Store(tmp_path)
    store.write_flag(FIRST, by="ann", what="set on", at=1.0)
    store.close()

    db = sqlite3.connect(tmp_path / "state.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)

    db.close()


def test_a_cached_document_belongs_to_its_fingerprint(tmp_path: Path) -> None:
    store = Store(tmp_path)

    store.cache("one", b"first", at=1.0)
    store.cache("one", b"second", at=2.0)

    found = [store.cached(fingerprint) for fingerprint in ("one", "other")]
    store.close()
    assert found == [b"second", None]


def test_nobody_but_the_owner_can_read_the_state(tmp_path: Path) -> None:
    state_dir = tmp_path / "deep" / "state"
    before = os.umask(0)
    try:
        store = Store(state_dir)
        store.write_flag(FIRST, by="ann", what="set on", at=1.0)
        modes = {path.name: mode_of(path) for path in state_dir.iterdir()}
        store.close()
    finally:
        os.umask(before)

    assert mode_of(state_dir) == 0o700
    assert modes == {
        "lock": 0o600,
        "audit.anchor": 0o600,
        "state.db": 0o600,
        "state.db-shm": 0o600,
        "state.db-wal": 0o600,
    }


def test_two_controls_cannot_share_a_state_directory(tmp_path: Path) -> None:
    store = Store(tmp_path)

    with pytest.raises(UsageError) as caught:
        Store(tmp_path)

    store.close()
    assert str(tmp_path) in str(caught.value)
    assert f"process {os.getpid()}." in str(caught.value)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from strangler.control.store import Store\n"
        "store = Store(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(UsageError, match=f"process {process.pid}"):
            Store(tmp_path)

        process.kill()
        process.wait()

    Store(tmp_path).close()


def test_a_directory_that_cannot_be_made_is_named_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError) as caught:
        Store(tmp_path / "file" / "state")

    assert str(tmp_path / "file" / "state") in str(caught.value)
    assert "--state-dir" in str(caught.value)


@pytest.mark.parametrize("damage", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_damaged_file_is_an_error_and_is_left_as_it_is(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "state.db").write_bytes(damage)

    with pytest.raises(StoreError) as caught:
        Store(tmp_path)

    assert str(tmp_path / "state.db") in str(caught.value)
    assert "restore a backup" in str(caught.value)
    assert (tmp_path / "state.db").read_bytes() == damage


def test_a_damaged_page_is_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(500):
        store.write_flag({"key": f"f{number}", "version": 1}, by="ann", what="set on", at=1.0)
    store.close()
    content = bytearray((tmp_path / "state.db").read_bytes())
    content[4_096 * 3 : 4_096 * 6] = b"\xff" * 4_096 * 3
    (tmp_path / "state.db").write_bytes(content)

    with pytest.raises(StoreError, match="restore a backup"):
        Store(tmp_path)

    assert (tmp_path / "state.db").read_bytes() == content


def test_an_error_on_opening_gives_the_lock_back(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"damaged" * 1_000)
    with pytest.raises(StoreError):
        Store(tmp_path)

    (tmp_path / "state.db").unlink()

    Store(tmp_path).close()


def test_a_store_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    db = sqlite3.connect(tmp_path / "state.db")
    db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    db.close()

    with pytest.raises(StoreError, match=f"has schema {len(STEPS) + 1}; this release knows up to {len(STEPS)}"):
        Store(tmp_path)


def test_each_write_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    store = Store(tmp_path)

    found = [
        store._database.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]

    store.close()
    assert found == ["wal", 2]


def test_a_full_disk_is_a_store_error_that_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pages = store._database.connection.execute("PRAGMA page_count").fetchone()[0]
    store._database.connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreError, match="disk has room"):
        store.write_flag({"key": "f", "version": 1, "note": "x" * 100_000}, by="ann", what="replace", at=1.0)

    found = store.flags()
    store.close()
    assert found == {}


def test_flag_documents_of_keys_that_were_rotated_away_are_bounded_whatever_the_clock_says(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        for number in range(20):
            store.cache(f"key-{number}", b"{}", at=1_000.0 - number)

        kept = [number for number in range(20) if store.cached(f"key-{number}") is not None]

    assert kept[-1] == 19
    assert len(kept) == CACHES_KEPT + 1
