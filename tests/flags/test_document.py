"""What a flag file says, in JSON and in YAML, and where it is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from strangler.errors import FlagError
from strangler.flags.document import read_document
from tests.support.flags import percent_flag

JSON, YAML = Path("flags.json"), Path("flags.yaml")


def read(text: str, path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(read_document(text.encode(), path))
    return document


def test_json_and_yaml_say_the_same() -> None:
    file = {"flags": {"f": percent_flag("f", 2_500)}, "segments": {}}

    as_json, as_yaml = read(json.dumps(file), JSON), read(yaml.safe_dump(file), YAML)

    assert as_json == as_yaml == file


def test_in_yaml_on_and_off_are_words_and_not_booleans() -> None:
    text = """
flags:
  payments:
    on: true
    variations: [off, live]
    offVariation: 0
    fallthrough: {variation: 1}
"""

    flag = read(text, YAML)["flags"]["payments"]

    assert flag == {
        "key": "payments",
        "version": 1,
        "on": True,
        "variations": ["off", "live"],
        "offVariation": 0,
        "fallthrough": {"variation": 1},
    }


def test_flag_values_are_flags_that_say_the_same_to_everybody() -> None:
    found = read('{"flagValues": {"kill": true}}', JSON)

    flag = {"key": "kill", "version": 1, "on": True, "variations": [True], "fallthrough": {"variation": 0}}
    assert found == {"flags": {"kill": flag}, "segments": {}}


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", YAML, 'flags.yaml: must be an object with "flags"'),
        ("", JSON, "flags.json:1: not valid JSON"),
        ("{}", JSON, 'flags.json: must be an object with "flags"'),
        ('{"flags": []}', JSON, "flags.json:1: flags: must be an object"),
        ('{"flags": {"f": 1}}', JSON, "flags.json:1: flags.f: must be an object"),
        ('{"flags": {}, "segments": {"s": {"rules": 1}}}', JSON, "flags.json:1: segments.s: LaunchDarkly's SDK"),
        ('{"flags": {}, "segments": {"s": {"key": "t"}}}', JSON, "flags.json:1: segments.s: its key is 't'"),
        ('{"flags": {\n"f": }}', JSON, "flags.json:2: not valid JSON"),
        ('{"flags": {}, "flags": {}}', JSON, "flags.json: the key 'flags' stands twice"),
        ('{"flags": {}, "flagValues": {"f": NaN}}', JSON, "NaN is no JSON value"),
        ("[" * 100_000, JSON, "not usable JSON"),
        ("[" * 5_000, YAML, "not usable YAML"),
        ("flags: {}\nflags: {}", YAML, "flags.yaml:2: not valid YAML: the key 'flags' stands twice"),
        ("flags: &a {}\nsegments: *a", YAML, "flags.yaml:2: not valid YAML: aliases are not supported"),
        ("flags:\n  1: {}", YAML, "flags.yaml:2: not valid YAML: a key must be text"),
        ("flags: {}\n---\nflags: {}", YAML, "flags.yaml:2: not valid YAML"),
        ("flags: !!python/object:os.system {}", YAML, "flags.yaml:1: not valid YAML"),
        ("flagValues: {f: .inf}", YAML, "infinite"),
        (
            '{"flags": {"f": {"on": false, "variations": ["off", "live"],\n"migration": {\n"checkRatio": -1}}}}',
            JSON,
            "flags.json:3: flags.f.migration.checkRatio: must be a whole number of at least 0, not -1",
        ),
        (
            "flags:\n  f:\n    on: false\n    variations: [off, live]\n    migration:\n      checkRatio: 2.5\n",
            YAML,
            "flags.yaml:6: flags.f.migration.checkRatio: must be a whole number of at least 0, not 2.5",
        ),
        (
            "flagValues: {f: 1}\nflags:\n  f: {variations: [1], 'on': false}",
            YAML,
            "flags.yaml:1: flagValues.f: the flag",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_place(text: str, path: Path, message: str) -> None:
    with pytest.raises(FlagError) as caught:
        read(text, path)

    assert message in str(caught.value)


def test_every_fault_has_its_line() -> None:
    text = """flags:
  one:
    on: yes
    variations: [false, true]
    fallthrough:
      rollout:
        variations:
        - {variation: 0, weight: 10000}
        - {variation: 1, weight: 10000}
  two:
    on: true
    variations: [false, true]
    offVariation: 9
    fallthrough: {variation: 0}
"""

    with pytest.raises(FlagError) as caught:
        read(text, YAML)

    assert str(caught.value).splitlines() == [
        "flags.yaml:3: flags.one.on: must be true or false, not 'yes'",
        "flags.yaml:7: flags.one.fallthrough.rollout.variations: the weights add up to 20000; "
        "make it 100000 (1 % is 1000)",
        "flags.yaml:13: flags.two.offVariation: is 9, but the variations are numbered 0 to 1",
    ]


def test_bytes_that_are_no_utf8_are_named_with_their_line() -> None:
    with pytest.raises(FlagError, match=r"flags\.yaml:2: the byte 0xff is not UTF-8"):
        read_document(b"flags: {}\nx: \xff", YAML)


def test_a_file_beyond_the_bound_is_refused() -> None:
    with pytest.raises(FlagError, match="the limit is 1,048,576"):
        read_document(b"#" * 1_048_577, YAML)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from([JSON, YAML, Path("flags")]))
def test_any_bytes_are_a_document_or_a_flag_error(data: bytes, path: Path) -> None:
    try:
        document = json.loads(read_document(data, path))
    except FlagError:
        return

    assert document.keys() == {"flags", "segments"}


def test_the_documented_file_is_a_file() -> None:
    page = (Path(__file__).parents[2] / "docs" / "flags.md").read_text()
    example = page.split("```json\n")[1].split("```")[0]

    document = read(example, JSON)

    assert document["flags"].keys() == {"payments", "invoices"}


def test_a_line_in_json_is_found_without_reading_it_as_yaml() -> None:
    # Because reading 1 MB as YAML takes 5 s, and 16 MB minutes; a tab before a key is sound in JSON and not in YAML.
    text = json.dumps({"flags": {"f": percent_flag("f", 100), "g": percent_flag("g", 1, offVariation=9)}}, indent="\t")

    with pytest.raises(FlagError) as raised:
        read(text, JSON)

    line = next(at for at, line in enumerate(text.splitlines(), 1) if '"offVariation": 9' in line)
    assert str(raised.value).startswith(f"flags.json:{line}: flags.g.offVariation: ")


@pytest.mark.parametrize("levels", [65, 900, 985, 5_000])
@pytest.mark.parametrize("path", [JSON, YAML])
def test_nesting_without_end_is_refused_and_never_reaches_a_worker(levels: int, path: Path) -> None:
    variations = "[" * levels + "]" * levels
    text = f'{{"flags": {{"f": {{"on": true, "variations": {variations}, "fallthrough": {{"variation": 0}}}}}}}}'

    with pytest.raises(FlagError, match=r"nested|recursion"):
        read(text, path)


def test_half_a_surrogate_pair_is_refused_because_no_answer_of_the_api_could_carry_it() -> None:
    with pytest.raises(FlagError, match="surrogate"):
        read('{"flagValues": {"f": "\\ud800"}}', JSON)


def test_a_fault_never_drives_the_terminal_that_it_is_printed_on() -> None:
    with pytest.raises(FlagError) as raised:
        read('{"flags": {"a\\u001b[31m": {"on": 1, "\\u0007": 1}}}', JSON)

    assert "\x1b" not in str(raised.value)
    assert "flags['a\\x1b[31m'].on" in str(raised.value)


def test_in_yaml_a_date_is_text() -> None:
    text = "flags: {f: {on: true, salt: 2026-11-24, variations: [false, true], fallthrough: {variation: 0}}}"

    assert read(text, YAML)["flags"]["f"]["salt"] == "2026-11-24"
