"""Loading from a disk: links, swaps, and files that are not there."""

from pathlib import Path

import pytest

from strangler.config.load import load
from strangler.errors import ConfigError
from tests.config.texts import SMALL

REPOSITORY = Path(__file__).parents[2]


def test_the_file_of_the_demo_has_no_fault() -> None:
    config = load(REPOSITORY / "routes.yaml")

    assert {route.name: (route.flag, route.share, route.cohort) for route in config.routes} == {
        "status.read": (None, 10_000, ""),
        "notifications.list": ("notifications", 0, "notifications"),
        "notifications.send": ("notifications", 0, "notifications"),
        "notifications.stream": ("notifications", 0, "notifications"),
        "users.read": ("users", 0, "users"),
        "users.update": ("users", 0, "users"),
        "users.kyc": ("users", 0, "users"),
        "payments.create": ("payments", 0, "payments"),
        "payments.read": ("payments", 0, "payments"),
        "payments.transactions": ("payments", 0, "payments"),
    }


def test_a_file_that_is_not_there_is_a_fault_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert str(caught.value) == (
        f"{path}:1:1: document: the file cannot be read: No such file or directory. Name a file that is there with -c"
    )


def test_a_folder_is_a_fault_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_a_relative_path_gives_an_absolute_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "routes.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)

    config = load(Path("routes.yaml"))

    assert config.state_dir == str(tmp_path / ".strangler")


def test_a_swapped_link_changes_the_routes_but_not_the_state_folder(tmp_path: Path) -> None:
    for revision, workers in (("..one", 1), ("..two", 2)):
        (tmp_path / revision).mkdir()
        (tmp_path / revision / "routes.yaml").write_text(f"{SMALL}workers: {workers}\n")
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "routes.yaml").symlink_to("..data/routes.yaml")
    before = load(tmp_path / "routes.yaml")
    (tmp_path / "..next").symlink_to("..two")

    (tmp_path / "..next").rename(tmp_path / "..data")
    after = load(tmp_path / "routes.yaml")

    assert (before.workers, after.workers) == (1, 2)
    assert before.state_dir == after.state_dir == str(tmp_path / ".strangler")
    assert before.digest != after.digest
