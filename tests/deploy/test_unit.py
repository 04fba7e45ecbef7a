"""The systemd unit starts what there is."""

import shlex
from pathlib import Path

from strangler.core.model import Config
from strangler.runtime.supervisor import GRACE_S

_UNIT = Path(__file__).parents[2] / "deploy" / "strangler.service"


def _settings() -> dict[str, str]:
    lines = [line for line in _UNIT.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_unit_keeps_state_where_it_tells_the_proxy_to() -> None:
    settings = _settings()
    words = shlex.split(settings["ExecStart"])

    assert words[1] == "serve"
    assert words[words.index("--state-dir") + 1] == f"/var/lib/{settings['StateDirectory']}"


def test_the_unit_waits_longer_than_a_drain_may_take() -> None:
    assert float(_settings()["TimeoutStopSec"]) > Config(upstreams=(), default_upstream="").drain_s + GRACE_S


def test_the_unit_leaves_workers_alone_when_control_dies_and_starts_the_next_one() -> None:
    settings = _settings()

    # systemd.kill(5): `mixed` and `control-group` end whatever is left in the control group.
    assert settings["KillMode"] == "process"
    assert settings["Restart"] == "on-failure"


def test_what_is_installed_for_the_unit_comes_from_the_locks_alone() -> None:
    page = (_UNIT.parent / "README.md").read_text()
    installs = [line for line in page.splitlines() if "/bin/pip install" in line]

    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation" in line for line in installs)
    assert "sed -n '/^setuptools==/,/[^\\\\]$/p' requirements.lock" in page
