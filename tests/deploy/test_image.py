"""The image: what is installed is pinned, and its health check works; tests/test_packaging.py has the rest."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from strangler.core.model import Address
from tests.support.proxy import end, routes_text, running

ROOT = Path(__file__).parents[2]
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"
_PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==(\S+)((?: ; .*?)?)((?: --hash=sha256:[0-9a-f]{64})+)$")


def _instructions(name: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(f"{name} ")]


def _pins(text: str) -> dict[str, str]:
    """Return the packages of a lock with all that is pinned of each; fail at a line without hashes."""
    lines = re.sub(r" \\\n +", " ", text).splitlines()
    found = [_PIN.match(line) for line in lines if line and not line.startswith("#")]
    assert all(found), lines
    return {match[1]: match[0] for match in found if match}


def test_the_image_installs_the_very_files_that_were_tested() -> None:
    tested = _pins((ROOT / "requirements.lock").read_text())
    shipped = _pins((ROOT / "requirements-runtime.lock").read_text())

    assert shipped
    assert shipped.items() <= tested.items()
    assert "--require-hashes -r requirements-runtime.lock" in " ".join(_instructions("RUN"))


def test_the_build_backend_is_taken_from_the_lock_with_its_hashes() -> None:
    (script,) = re.findall(r"sed -n ('[^']+') requirements\.lock", " ".join(_instructions("RUN")))

    found = subprocess.run(
        ["sed", "-n", script.strip("'"), str(ROOT / "requirements.lock")], capture_output=True, text=True, check=True
    )

    assert list(_pins(found.stdout)) == ["setuptools"]


def test_the_image_is_not_root_and_exposes_the_port_that_it_listens_on() -> None:
    (command,) = _instructions("CMD")
    listen = json.loads(command)[json.loads(command).index("--listen") + 1]

    assert _instructions("USER") == ["10001:10001"]
    assert _instructions("EXPOSE") == [listen.rpartition(":")[2]]


def test_the_command_and_the_health_check_mean_the_same_state_directory() -> None:
    (command,) = _instructions("CMD")
    arguments = json.loads(command)
    check = next(line for line in _instructions("HEALTHCHECK")).partition("CMD ")[2]

    state_dir = arguments[arguments.index("--state-dir") + 1]

    assert json.loads(check)[-1] == state_dir
    assert _instructions("VOLUME") == [state_dir]


async def _check(state_dir: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(HEALTHCHECK), str(state_dir), stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, err.decode()


async def test_the_health_check_follows_the_instance(tmp_path: Path) -> None:
    before = await _check(tmp_path / "state")
    async with running(tmp_path, routes_text(monolith=1, workers=1)) as proxy:
        while_it_runs = await _check(proxy.state_dir)
        await end(proxy)
        after = await _check(proxy.state_dir)

    assert while_it_runs == (0, "")
    assert (before[0], after[0]) == (1, 1)
    assert "FileNotFoundError" in before[1]


async def test_the_health_check_says_no_to_a_control_process_that_was_killed(tmp_path: Path) -> None:
    async with running(tmp_path, routes_text(monolith=1, workers=0)) as proxy:
        proxy.process.kill()
        await proxy.process.wait()

        code, reason = await _check(proxy.state_dir)

    assert code == 1
    assert "ConnectionRefusedError" in reason


@pytest.mark.parametrize("address", [Address(host="127.0.0.1", port=1), Address(host="::1", port=1)])
async def test_the_health_check_reads_every_form_of_address(tmp_path: Path, address: Address) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"admin": str(address)}))

    code, reason = await _check(tmp_path)

    assert code == 1
    assert "ConnectionRefusedError" in reason
