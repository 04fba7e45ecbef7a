"""What a text means is worked out once for all that look at it, and anew when anything of it is another."""

from pathlib import Path

import pytest

from strangler.config.remembering import Remembering
from strangler.errors import ConfigError
from tests.config.texts import FILE, ROUTE, SMALL
from tests.support.issuer import Issuer

TEXT = (SMALL + ROUTE).encode()


def test_the_text_that_was_looked_at_last_is_not_read_again() -> None:
    read = Remembering()

    assert read.parse(TEXT, path=FILE) is read.parse(TEXT, path=FILE)


def test_another_text_is_read_and_so_is_the_same_one_in_another_folder() -> None:
    read = Remembering()
    first = read.parse(TEXT, path=FILE)

    assert read.parse(TEXT.replace(b"/a", b"/b"), path=FILE).routes[0].match.path == "/b"
    assert read.parse(TEXT, path=Path("/srv/routes.yaml")).state_dir != first.state_dir


def test_a_text_with_faults_has_them_each_time_and_does_not_take_the_place_of_a_sound_one() -> None:
    read = Remembering()
    sound = read.parse(TEXT, path=FILE)

    for _ in range(2):
        with pytest.raises(ConfigError):
            read.parse(TEXT + b"x: 1\n", path=FILE)
    assert read.parse(TEXT, path=FILE) is sound


def test_a_text_is_read_again_once_a_file_that_it_names_is_another(tmp_path: Path) -> None:
    Issuer(tmp_path).pair("a", "a.example")
    text, path = (SMALL + "tls: {cert: a.crt, key: a.key}\n").encode(), tmp_path / "routes.yaml"
    read = Remembering()
    # Because a file that has just been written is not relied on yet.
    while read.parse(text, path=path) is not read.parse(text, path=path):
        pass

    (tmp_path / "a.key").write_text("no key\n")

    with pytest.raises(ConfigError, match="key"):
        read.parse(text, path=path)
