"""YAML's traps: what is not plain, bounded YAML is a fault with a place, and never an exception."""

import pytest

from strangler.config.document import MAX_BYTES, MAX_DEPTH, MAX_NODES
from strangler.config.reading import MAX_FAULTS
from tests.config.texts import SMALL, faults, meaning

START = "Start with `version: 1`"

TRAPS = {
    "empty": ("", f"1:1: document: the file is empty. {START}"),
    "comments only": ("# nothing yet\n", f"1:1: document: the file is empty. {START}"),
    "empty document": ("---\n", f"1:1: document: the file is empty. {START}"),
    "tab": (
        "version: 1\nupstreams:\n\tmonolith: 1\n",
        "3:1: document: a tab stands where YAML takes only spaces. Indent with spaces",
    ),
    "two documents": (
        f"{SMALL}---\nversion: 1\n",
        "5:1: document: a second document starts here. Keep one, without `---` between",
    ),
    "duplicate key": (
        f"{SMALL}workers: 1\nworkers: 2\n",
        "6:1: workers: the key `workers` stands twice; the first is in line 5. Remove one of them",
    ),
    "number as key": (
        f"{SMALL}8080: 1\n",
        '5:1: document: YAML reads the key `8080` as a whole number. Quote it: "8080"',
    ),
    "boolean as key": (
        'version: 1\nupstreams:\n  monolith: {url: "http://a", default: true}\n  on: {url: "http://b"}\n',
        '4:3: upstreams: YAML reads the key `on` as a boolean. Quote it: "on"',
    ),
    "list as key": (
        f"{SMALL}? [a]\n: 1\n",
        "5:3: document: a mapping or a list stands as a key. Write a plain name",
    ),
    "merge key": (
        f"{SMALL}<<: {{workers: 1}}\n",
        "5:1: document: the merge key `<<` is not supported. Write the keys out, or use `defaults`",
    ),
    "tag": (
        f"{SMALL}state_dir: !!python/name:os.system x\n",
        "5:12: state_dir: the tag `!!python/name:os.system` has no meaning here. "
        "Remove it, or quote the value if it begins with `!`",
    ),
    "unknown alias": (
        f"{SMALL}workers: *n\n",
        "5:10: document: the alias names no anchor that is complete before it. "
        "Define the anchor above, outside of what uses it",
    ),
    "alias of itself": (
        f"{SMALL}routes: &r [*r]\n",
        "5:13: document: the alias names no anchor that is complete before it. "
        "Define the anchor above, outside of what uses it",
    ),
    "too deep": (
        SMALL + "routes: " + "[" * 40,
        f"5:33: document: values are nested more than {MAX_DEPTH} deep. Flatten them",
    ),
    "second colon": (
        f"{SMALL}listen: a: b\n",
        "5:10: document: a second `: ` in one value, or a line indented too far. Quote the value, or align the line",
    ),
    "open quote": (
        f'{SMALL}listen: "a\n',
        "6:1: document: not valid YAML while scanning a quoted scalar: found unexpected end of stream. "
        "Mend the line, or the one above it",
    ),
    "control character": (
        f"{SMALL}state_dir: a\x07b\n",
        "5:13: document: the character U+0007 is not allowed in YAML. Remove it",
    ),
    "huge escape": (
        f'{SMALL}state_dir: "\\UFFFFFFFF"\n',
        "5:10: document: a number is too large for YAML. Write the character itself",
    ),
    "half a character": (
        f'{SMALL}state_dir: {{"\\uD800": 1}}\n',
        "5:13: state_dir: the text has half a character in it. Write the whole character",
    ),
    "a list": (
        "- version: 1\n",
        "1:1: document: a list stands where a mapping is expected. Write `key: value` pairs",
    ),
}


@pytest.mark.parametrize(("text", "fault"), TRAPS.values(), ids=TRAPS.keys())
def test_a_trap_of_yaml_is_a_fault_with_its_place(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_bytes_that_are_not_utf8_are_told_with_their_place() -> None:
    messages = faults(SMALL.encode() + b"state_dir: caf\xe9\n")

    assert messages == ["5:15: document: the byte 0xE9 at offset 137 is not UTF-8. Save the file as UTF-8"]


def test_a_byte_order_mark_is_no_fault_and_moves_no_column() -> None:
    assert meaning("\ufeff" + SMALL).default_upstream == "monolith"
    assert faults("\ufeff" + SMALL.replace(": 1", ": 2", 1)) == ["1:10: version: 2 is out of range. Write 1"]


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    messages = faults(b"\xff" * (MAX_BYTES + 1))

    assert messages == ["1:1: document: the file is larger than 1,048,576 bytes. Split it over proxies"]


def test_aliases_that_multiply_are_bounded() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    messages = faults(SMALL + "\n".join(levels))

    assert messages == [
        f"10:10: document: with its aliases written out the file has more than {MAX_NODES:,} values. "
        "Use fewer aliases or fewer routes"
    ]


def test_an_alias_means_what_its_anchor_means() -> None:
    config = meaning(f"{SMALL}timeouts: &t {{idle: 5s}}\ndefaults: {{timeouts: *t}}\nroutes: []\n")

    assert config.timeouts.idle_s == 5.0


def test_the_number_of_faults_shown_is_bounded() -> None:
    many = "".join(f"x{n}: 1\n" for n in range(MAX_FAULTS + 7))

    messages = faults(SMALL + many)

    assert len(messages) == MAX_FAULTS + 1
    assert messages[-1].endswith("document: 7 more faults are not shown. Mend these first")


def test_what_a_message_repeats_stays_on_one_line() -> None:
    messages = faults(f'{SMALL}"a\\nb\\e[31m": 1\n')

    assert messages[0].startswith('5:1: ["a\\nb\\x1b[31m"]: `a\\nb\\x1b[31m` is not a known key.')
