"""The run file."""

import os
import subprocess
import sys
from pathlib import Path

from strangler.runtime import runfile
from strangler.runtime.runfile import ProcessId, Run


def own() -> ProcessId:
    found = runfile.identify(os.getpid())
    assert found is not None
    return found


def test_what_was_written_is_read_until_it_is_removed(tmp_path: Path) -> None:
    run = Run(control=own(), listen="127.0.0.1:1", admin="127.0.0.1:2", workers=(own(),))

    runfile.write(tmp_path, run)
    found = runfile.read(tmp_path)
    runfile.remove(tmp_path)

    assert found == run
    assert runfile.read(tmp_path) is None


def test_a_damaged_run_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"control": {"pid": "x"')

    assert runfile.read(tmp_path) is None


def test_a_process_is_alive_only_with_its_own_start_time() -> None:
    assert runfile.is_alive(own())
    assert not runfile.is_alive(ProcessId(pid=os.getpid(), started="an/other"))


def test_a_process_that_ended_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = runfile.identify(child.pid)
    assert found is not None

    assert not runfile.is_alive(found)
