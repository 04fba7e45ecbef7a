"""The heap of a worker: what a large answer needed is there for the next one."""

import platform
import subprocess
import sys

import pytest

READS = """
import resource, sys
from strangler.runtime.heap import keep_freed
if sys.argv[1] == "kept":
    keep_freed()
for _ in range(20):
    kept = [bytes(200_000) for _ in range(4)]
    del kept
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    kept = [bytearray(200_000) for _ in range(4)]
    del kept
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", READS, how], check=True, capture_output=True, timeout=60).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_that_was_freed_is_used_again_and_not_had_from_the_system_each_time() -> None:
    assert faults("kept") < 500 < faults("as ever")
