"""A file is replaced as a whole, or not at all."""

import os
import stat
from pathlib import Path

import pytest

from strangler.config.replacing import check_replaceable, replace_file
from strangler.errors import EditError

OLD, NEW = b"old\n", b"new, and longer\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_bytes(OLD)
    return path


def test_the_new_file_has_the_former_ones_mode_and_nothing_else_is_left(file: Path) -> None:
    file.chmod(0o640)
    inode = file.stat().st_ino

    replace_file(file, before=OLD, after=NEW)

    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (NEW, 0o640)
    # Because whoever has the former file open must not see it change under them.
    assert file.stat().st_ino != inode
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_only_looked_at_stays_and_nothing_is_left_beside_it(file: Path) -> None:
    inode = file.stat().st_ino

    check_replaceable(file)

    assert (file.read_bytes(), file.stat().st_ino, list(file.parent.iterdir())) == (OLD, inode, [file])


@pytest.mark.parametrize("name", ["none", "folder"])
def test_what_cannot_be_replaced_is_refused_beforehand_in_the_same_words(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / name

    with pytest.raises(EditError) as real:
        replace_file(path, before=OLD, after=NEW)
    with pytest.raises(EditError) as before:
        check_replaceable(path)

    assert str(before.value) == str(real.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="Because only root gives files away.")
def test_the_new_file_has_the_former_ones_owner(file: Path) -> None:
    os.chown(file, 12_345, 54_321)
    file.chmod(0o640)

    replace_file(file, before=OLD, after=NEW)

    now = file.stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (12_345, 54_321, 0o640)


def test_the_new_file_does_not_look_as_old_as_the_former(file: Path) -> None:
    os.utime(file, (1, 1))

    replace_file(file, before=OLD, after=NEW)

    assert file.stat().st_mtime > 1


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    link = folder / "routes.yaml"
    link.symlink_to("../routes.yaml")

    replace_file(link, before=OLD, after=NEW)

    assert (link.is_symlink(), str(link.readlink())) == (True, "../routes.yaml")
    assert (file.read_bytes(), list(folder.iterdir())) == (NEW, [link])


def test_a_file_that_was_changed_meanwhile_is_left_as_it_is(file: Path) -> None:
    file.write_bytes(b"somebody else's\n")

    with pytest.raises(EditError, match="was changed by somebody else meanwhile"):
        replace_file(file, before=OLD, after=NEW)

    assert file.read_bytes() == b"somebody else's\n"
    assert list(file.parent.iterdir()) == [file]


def test_what_is_no_regular_file_is_left_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(EditError, match="is no regular file"):
        replace_file(tmp_path / "pipe", before=OLD, after=NEW)

    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_file_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(EditError, match=r"cannot be replaced \(No such file or directory\)"):
        replace_file(tmp_path / "routes.yaml", before=OLD, after=NEW)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_file_leaves_it_as_it_is() -> None:
    # Because root may write into any folder but those of the kernel.
    path = Path("/proc/self/cmdline")

    with pytest.raises(EditError, match=r"cannot be replaced .* Make its folder writable"):
        replace_file(path, before=path.read_bytes(), after=NEW)
