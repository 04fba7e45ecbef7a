"""True of all files: what is written is what is read, and nothing but a ConfigError comes of the rest."""

from dataclasses import replace

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.config import units
from strangler.config.document import read_plainly, read_quickly
from strangler.config.load import parse
from strangler.config.reading import Report
from strangler.config.written import written
from strangler.core.model import Config
from strangler.errors import ConfigError
from tests.config.configs import configs
from tests.config.test_ten_faults import TEN
from tests.config.texts import FILE, ROUTE, SMALL, patiently, validator


def parse_or_fault(data: bytes) -> Config | None:
    """Return the meaning, or None if the data are at fault."""
    try:
        return parse(data, path=FILE)
    except ConfigError as error:
        assert all(fault.line >= 1 and fault.column >= 1 and fault.remedy for fault in error.faults)
        assert len(str(error).splitlines()) == len(error.faults)
        return None


@patiently
@given(configs())
def test_a_config_written_as_a_file_is_read_as_it_was(config: Config) -> None:
    text = yaml.safe_dump(written(config), sort_keys=False, allow_unicode=True)

    read = parse(text.encode(), path=FILE)

    unplaced = tuple(replace(route, line=0) for route in read.routes)
    assert replace(read, routes=unplaced, digest="") == config


@patiently
@given(configs())
def test_the_schema_accepts_what_the_reader_accepts(config: Config) -> None:
    errors = list(validator().iter_errors(written(config)))

    assert errors == []


@patiently
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b'a: "\\UFFFFFFFF"')
@example(b'a: "\\ud800"')
@example(b"%YAML 1.1\n%YAML 1.1\n--- a")
@example(b"? \n: \n")
def test_any_bytes_are_a_config_or_a_config_error(data: bytes) -> None:
    parse_or_fault(data)


@patiently
@given(st.text(max_size=200))
def test_any_text_is_a_config_or_a_config_error(text: str) -> None:
    parse_or_fault(text.encode("utf-8", "surrogatepass"))


SEEDS = [TEN, f"{SMALL}{ROUTE}    extracted: payments\n    split: {{legacy: 1%, extracted: 99%}}\n"]
SOUND = """\
version: 1  # a comment
"upstreams":
  monolith: {url: 'http://127.0.0.1:8001', default: true}
routes:
- name: &n é.ü
  match: {path: "/a\\u00e9", headers: {X-A: true, 'X-B': "2"}}
- name: *n
  match:
    path: |
      /b
    methods: [GET,
      POST]
"""
PIECES = st.one_of(
    st.sampled_from(
        ["- ", ": ", "{", "}", "[", "]", "~", "&a ", "*a", "!!x ", "|\n", '"', "'", "\t", "\n  ", "0", "%"]
    ),
    st.sampled_from(["no", "null", "version", "routes:", "<<: ", "---\n", "#", "?", "\\x00", "…", "1e3", "-1"]),
    st.text(max_size=3),
)


DAMAGE = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 30), PIECES), max_size=6)


def damaged(text: str, damage: list[tuple[int, int, str]]) -> str:
    """Return the text with pieces in the place of others."""
    for place, length, piece in damage:
        text = text[:place] + piece + text[place + length :]
    return text


@patiently
@given(st.sampled_from(SEEDS), DAMAGE)
def test_a_damaged_file_is_a_config_or_a_config_error(text: str, damage: list[tuple[int, int, str]]) -> None:
    parse_or_fault(damaged(text, damage).encode("utf-8", "surrogatepass"))


@patiently
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "upstreams", "routes", "match", "flags", "limits", "identity", "a", "split", "url"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_a_config_or_a_config_error(value: object) -> None:
    parse_or_fault(yaml.safe_dump(value).encode())


@patiently
@given(st.sampled_from([SOUND, *SEEDS]), DAMAGE)
@example(SOUND, [])
@example("a: {b: }\n", [])
def test_where_both_ways_read_a_document_they_agree(text: str, damage: list[tuple[int, int, str]]) -> None:
    text = damaged(text, damage)

    quick = read_quickly(text)

    # Because libyaml takes a stray `?` in braces that PyYAML's own parser refuses, only what both take is compared.
    plain = read_plainly(text, Report(""))
    assert quick is None or plain is None or plain == quick


def test_a_sound_file_is_read_quickly() -> None:
    assert read_quickly(SOUND) is not None


@patiently
@given(st.integers(0, 10_000))
def test_a_share_is_read_as_it_was_written(points: int) -> None:
    assert units.share(units.percent(points)) == points


@patiently
@given(st.integers(1, 86_400_000))
def test_a_duration_is_exact_to_the_millisecond(milliseconds: int) -> None:
    assert units.duration(f"{milliseconds}ms") == milliseconds / 1000
