"""The run file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from strangler.runtime import handover, runfile
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


def test_a_process_that_has_ended_and_was_not_waited_for_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    found = runfile.identify(child.pid)

    child.wait()
    assert found is None


def test_two_processes_of_one_boot_differ_in_more_than_their_ids() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        own, other = runfile.identify(os.getpid()), runfile.identify(child.pid)
        child.communicate()

    assert own is not None
    assert other is not None
    assert own.started != other.started


@pytest.mark.parametrize("pid", [0, -1])
def test_a_run_file_with_an_id_that_no_process_has_counts_as_none(tmp_path: Path, pid: int) -> None:
    nobody = f'{{"pid": {pid}, "started": "x"}}'
    text = f'{{"control": {nobody}, "listen": "127.0.0.1:1", "admin": "127.0.0.1:2", "workers": [{nobody}]}}'
    (tmp_path / "run.json").write_text(text)

    assert runfile.read(tmp_path) is None
    assert handover.find_orphans(tmp_path) == ()
