"""What a route says of shadowing: what is written is meant, and what cannot be meant is a fault with its line."""

from dataclasses import replace

import pytest
import yaml

from strangler.core.shadowing import Credentials, PathRule, Record, Replacement, RuleKind, Shadow, ShadowMode
from tests.config.texts import SMALL, faults, meaning, validator

SPLIT = f"{SMALL}routes:\n- name: a\n  match: {{path: /a}}\n  extracted: payments\n"
"""Eight lines, so what a test adds starts in line 9."""

WHOLE = """\
  shadow:
    mode: both
    sample: 12.5%
    noise: 0%
    max_body: 8MiB
    timeout: 60s
    credentials: remove
    headers: [Location, ETag]
    redact: [$.card, $..iban]
    record: {keep: 20, bytes: 64KiB, for: 12h}
    rules:
      - ignore: $.generated_at
      - unordered: $.items
        by: id
      - unordered: $.tags
      - round: $.rate
        decimals: 4
      - numeric: $.amount
      - within: $.updated_at
        tolerance: 2s
      - uuid: $['the id']
      - lower: $.currency
      - map: $.state
        values: {A: active, B: 7, C: null, "1": 1.50}
      - map: $.kind
        values: [[1, one], [true, "NO"]]
"""
MEANT = Shadow(
    mode=ShadowMode.BOTH,
    sample=1_250,
    noise=0,
    max_body_bytes=8_388_608,
    timeout_s=60.0,
    credentials=Credentials.REMOVE,
    headers=("location", "etag"),
    redact=("$.card", "$..iban"),
    record=Record(keep=20, most_bytes=65_536, for_s=43_200.0),
    rules=(
        PathRule(kind=RuleKind.IGNORE, path="$.generated_at"),
        PathRule(kind=RuleKind.UNORDERED, path="$.items", by="id"),
        PathRule(kind=RuleKind.UNORDERED, path="$.tags"),
        PathRule(kind=RuleKind.ROUND, path="$.rate", digits=4),
        PathRule(kind=RuleKind.NUMERIC, path="$.amount"),
        PathRule(kind=RuleKind.WITHIN, path="$.updated_at", seconds=2.0),
        PathRule(kind=RuleKind.UUID, path="$['the id']"),
        PathRule(kind=RuleKind.LOWER, path="$.currency"),
        PathRule(
            kind=RuleKind.MAP,
            path="$.state",
            pairs=(('"A"', '"active"'), ('"B"', "7"), ('"C"', "null"), ('"1"', "1.50")),
        ),
        PathRule(kind=RuleKind.MAP, path="$.kind", pairs=(("1", '"one"'), ("true", '"NO"'))),
    ),
)


def shadow(text: str) -> Shadow | None:
    """Return what the first route means."""
    return meaning(text).routes[0].shadow


def with_defaults(section: str) -> str:
    """Return a file with `defaults.shadow` in line 5; what is added stands in line 10."""
    return SPLIT.replace("routes:", f"defaults: {{shadow: {section}}}\nroutes:")


def test_every_key_means_what_it_says() -> None:
    assert shadow(SPLIT + WHOLE) == MEANT
    validator().validate(yaml.safe_load(SPLIT + WHOLE))


def test_a_route_shadows_only_if_it_says_so() -> None:
    assert shadow(SPLIT) is None
    assert shadow(with_defaults("{sample: 5%, mode: both}")) is None


@pytest.mark.parametrize("mode", ShadowMode)
@pytest.mark.parametrize("form", ["{}", "{{mode: {}}}"])
def test_a_mode_alone_is_enough(mode: ShadowMode, form: str) -> None:
    text = f"{SPLIT}  flag: move\n  shadow: {form.format(mode)}\n"

    assert shadow(text) == Shadow(mode=mode)
    validator().validate(yaml.safe_load(text))


@pytest.mark.parametrize("text", ["off", "{mode: off, sample: 5%}", "'off'"])
def test_off_shadows_nothing_whatever_the_defaults_say(text: str) -> None:
    whole = f"{with_defaults('{mode: both}')}  shadow: {text}\n"

    assert shadow(whole) == Shadow(mode=ShadowMode.OFF)
    validator().validate(yaml.safe_load(whole))


def test_what_a_route_leaves_out_is_as_in_the_defaults() -> None:
    text = with_defaults(
        "{mode: reverse, sample: 5%, noise: 1%, max_body: 2KiB, timeout: 1s, credentials: remove, headers: [etag]}"
    )
    usual = Shadow(
        mode=ShadowMode.REVERSE,
        sample=500,
        noise=100,
        max_body_bytes=2_048,
        timeout_s=1.0,
        credentials=Credentials.REMOVE,
        headers=("etag",),
    )

    assert shadow(f"{text}  shadow: {{}}\n") == usual
    assert shadow(f"{text}  shadow: both\n") == replace(usual, mode=ShadowMode.BOTH)
    assert shadow(f"{text}  shadow: {{headers: [], sample: 6%}}\n") == replace(usual, headers=(), sample=600)


def test_the_rules_and_secrets_of_the_defaults_hold_as_well_and_come_first() -> None:
    text = with_defaults("{redact: [$.card], rules: [{ignore: $.a}, {round: $.b, decimals: 1}]}")

    own = shadow(f"{text}  shadow: {{redact: [$.iban, $.card], rules: [{{lower: $.c}}]}}\n")

    assert own is not None
    assert [rule.path for rule in own.rules] == ["$.a", "$.b", "$.c"]
    assert own.redact == ("$.card", "$.iban")


FAULTS = {
    "sample: 0%": "nothing would be asked. Write more than `0%`, or `mode: off`",
    "sample: 5": "`5` has no unit. Write `5%`",
    "noise: 101%": "`101%` is more than everything",
    "mode: sahdow": "`sahdow` is no mode of shadowing. Did you mean `shadow`?",
    "max_body: 0": "no body would be compared. Write `1B` to `8MiB`",
    "max_body: 9MiB": "no such body is kept. Write `1B` to `8MiB`",
    "timeout: 61s": "the wait would keep others from asking. Write at most `60s`",
    "credentials: hide": "`hide` is not known here. Known: keep, remove",
    "credentials: {header: Authorization}": "`header` and `env` belong together. Write `{header:",
    "credentials: {header: Host, env: SHADOW_A}": "`host` is no header of credentials. Write one such as `Auth",
    "credentials: {header: Cookie, env: HOME}": "`HOME` is not a variable of shadowing. Write a name such as",
    "credentials: {header: Cookie, value: hush}": "only `header` and `env` stand here. Remove it",
    "credentials: [keep]": "a list stands where a mapping is expected",
    "headers: ['a b']": "`a b` cannot be the name of a header",
    "headers: [etag, ETag]": "this stands twice in the list",
    "redact: []": "the list is empty",
    "redact: [card]": "a path starts with `$`. Write `$.card`",
    'redact: ["$.a[?@.b]"]': "is not a step. Write `[0]`, `[*]` or `['name']`",
    "redact: [7]": "YAML reads `7` as a whole number, and text is expected",
    "record: on": "`on` stands where a mapping is expected",
    "record: {keep: 0}": "0 is out of range. Write 1 to 1000",
    "record: {bytes: 1023}": "hardly anything would be kept. Write `1KiB` to `64MiB`",
    "record: {bytes: 65MiB}": "that is too much. Write `1KiB` to `64MiB`",
    "record: {for: 31d}": "`31d` is out of range. Write at most `30d`",
    "record: {for: 7}": "`7` is no time to keep something. Write a whole number and m, h or d",
    "record: {for: 0d}": "is no time to keep something",
    "rules: {ignore: $.a}": "a mapping stands where a list is expected",
    "rules: [$.a]": "`$.a` stands where a mapping is expected",
    "rules: [{}]": "this rule is of no kind. Write one of `ignore: PATH`, `unordered: PATH`",
    "rules: [{by: id}]": "this rule is of no kind",
    "rules: [{ignroe: $.a}]": "`ignroe` is not a known key. Did you mean `ignore`?",
    "rules: [{ignore: $.a, lower: $.a}]": "one rule is `ignore` and `lower`. Write two rules",
    "rules: [{ignore: $a}]": "`a` at character 2 follows no dot. Write `.name` or `['name']`",
    "rules: [{ignore: a.b}]": "a path starts with `$`. Write `$.a.b`",
    "rules: [{ignore: $.}]": "there is no name at character 3. Write `.name`",
    "rules: [{ignore: ''}]": "is empty, too long, or has a control character in it",
    'rules: [{ignore: "$.\\n"}]': "is empty, too long, or has a control character in it",
    f"rules: [{{ignore: $.{'a' * 255}}}]": "Write 1 to 256 printable characters",
    f"rules: [{{ignore: ${'.a' * 33}}}]": "a path has at most 32 steps, this one has 33. Use `..name` to skip some",
    "rules: [{ignore: $.a, by: id}]": "`by` says nothing of `ignore`. Remove it",
    "rules: [{round: $.a, decimals: 2, tolerance: 2s}]": "`tolerance` says nothing of `round`. Remove it",
    "rules: [{round: $.a}]": "`round` needs `decimals`. Add `decimals: 2`",
    "rules: [{round: $.a, decimals: 16}]": "16 is out of range. Write 0 to 15",
    "rules: [{within: $.a}]": "`within` needs `tolerance`. Add `tolerance: 2s`",
    "rules: [{within: $.a, tolerance: 2}]": "`2` has no unit. Write `2s` or `2ms`",
    "rules: [{map: $.a}]": "`map` needs `values`. Add `values: {A: active}`",
    "rules: [{map: $.a, values: {}}]": "nothing is mapped. Write at least one, such as `{A: active}`",
    "rules: [{map: $.a, values: []}]": "the list is empty",
    "rules: [{unordered: $.a, by: $.id}]": "`$.id` is a path, and a member's name is wanted. Write `id`",
    "rules: [{map: $.a, values: A}]": "`A` stands where a list is expected",
    "rules: [{map: $.a, values: [[1]]}]": "this is no pair. Write the two values that mean the same",
    "rules: [{map: $.a, values: [[1, a], [1, b]]}]": "a value is mapped twice. Map each value once",
    "rules: [{map: $.a, values: {A: B, B: C}}]": "mapped to and mapped again. Map each straight",
    "rules: [{map: $.a, values: {1: x}}]": 'YAML reads the key `1` as a whole number. Quote it: "1"',
    "rules: [{map: $.a, values: {A: [1]}}]": "a list stands where one value is expected",
    "rules: [{map: $.a, values: {A: }}]": "no value stands here. Write one, or `null`",
    "rules: [{map: $.a, values: {A: no}}]": "YAML reads `no` as a boolean, and JSON does not write one so",
    "rules: [{map: $.a, values: {A: 0x1F}}]": 'Write it as JSON does, or quote it: "0x1F"',
    "rules: [{map: $.a, values: {A: .inf}}]": 'Write it as JSON does, or quote it: ".inf"',
    f"rules: [{{map: $.a, values: {{A: {'b' * 257}}}}}]": "a mapped value is too long",
    f"rules: [{{map: $.a, values: [{', '.join(f'[{n}, x]' for n in range(65))}]}}]": "65 values are mapped",
    f"rules: [{', '.join(['{ignore: $.a}'] * 201)}]": "201 rules stand in one list. Write at most 200",
    f"redact: [{', '.join(f'$.a{n}' for n in range(65))}]": "65 stand in the list. Write at most 64",
}


@pytest.mark.parametrize("key", FAULTS)
@pytest.mark.parametrize("place", ["route", "defaults"])
def test_what_cannot_be_meant_is_one_fault_with_its_line(place: str, key: str) -> None:
    where = f"{SPLIT}  shadow:\n    {key}\n" if place == "route" else f"{SMALL}defaults:\n  shadow:\n\n\n\n    {key}\n"

    (found,) = faults(where)

    assert FAULTS[key] in found
    assert found.startswith("10:")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("on", "`on` is no mode of shadowing. Known: shadow, reverse, both, stage, off"),
        ("mirror", "`mirror` is no mode of shadowing"),
        ("[shadow]", "a list stands where a mapping is expected"),
        ("~", "the key has no value"),
    ],
)
def test_a_word_that_is_no_mode_is_a_fault(word: str, message: str) -> None:
    (found,) = faults(f"{SPLIT}  shadow: {word}\n")

    assert found.startswith("9:11: routes[0].shadow: ")
    assert message in found


def test_the_defaults_switch_nothing_on() -> None:
    (word,) = faults(f"{SMALL}defaults:\n  shadow: shadow\n")

    assert "`shadow` stands where a mapping is expected" in word
    assert shadow(with_defaults("{mode: both}")) is None


def test_a_route_that_says_nothing_leaves_it_to_the_stage_of_its_flag_by_the_defaults() -> None:
    usual = meaning(f"{with_defaults('{mode: both, sample: 5%, rules: [{ignore: $.a}]}')}  flag: move\n")
    forbidden = meaning(f"{with_defaults('{mode: off, sample: 5%}')}  flag: move\n")

    rules = (PathRule(kind=RuleKind.IGNORE, path="$.a"),)
    assert meaning(SPLIT).shadow == Shadow(mode=ShadowMode.STAGE)
    assert usual.shadow == Shadow(mode=ShadowMode.STAGE, sample=500, rules=rules)
    assert forbidden.shadow == Shadow(mode=ShadowMode.OFF)
    assert [config.routes[0].shadow for config in (usual, forbidden)] == [None, None]


def test_who_waits_for_a_stage_names_a_flag() -> None:
    (found,) = faults(f"{SPLIT}  shadow: stage\n")

    assert found.startswith("9:11: routes[0].shadow: this waits for the stage of a migration flag, and the route names")
    assert "Add `flag: KEY`, or write `both`" in found


def test_a_sample_of_nothing_asks_for_writes_alone() -> None:
    assert shadow(f"{SPLIT}  shadow: {{sample: 0%, writes: true}}\n") == Shadow(sample=0, writes=True)


def test_a_route_with_one_side_cannot_shadow() -> None:
    text = SPLIT.replace("  extracted: payments\n", "")

    (found,) = faults(f"{text}  shadow: shadow\n")

    assert found.startswith("8:11: routes[0].shadow: `shadow` asks the other side of a route that has only one. Add")
    assert shadow(f"{text}  shadow: off\n") == Shadow(mode=ShadowMode.OFF)


def test_what_is_recorded_is_as_in_the_defaults_and_a_route_may_say_off() -> None:
    text = with_defaults("{record: {keep: 50, for: 2d, bytes: 1MiB}}")
    usual = Record(keep=50, for_s=172_800.0, most_bytes=1_048_576)

    told = [shadow(f"{text}  shadow: {word}\n") for word in ("shadow", "{record: {for: 90m}}", "{record: off}")]

    assert [one.record for one in told if one is not None] == [usual, replace(usual, for_s=5_400.0), None]
    assert shadow(f"{SPLIT}  shadow: {{record: {{}}}}\n") == Shadow(record=Record())


def test_all_routes_together_record_a_gibibyte_at_most() -> None:
    one = "- {name: %s, match: {path: /%s}, extracted: payments, shadow: {record: {bytes: 64MiB}}}\n"
    names = [f"r{number}" for number in range(17)]

    (found,) = faults(SPLIT + "".join(one % (name, name) for name in names))

    assert "the recordings of all routes together may be over 1 GiB. Lower `shadow.record.bytes`" in found
    assert len(meaning(SPLIT + "".join(one % (name, name) for name in names[:16])).routes) == 17


def test_an_upstream_that_is_misspelt_is_told_once() -> None:
    misspelt = SPLIT.replace("extracted: payments", "extracted: paymnts")

    (found,) = faults(f"{misspelt}  shadow: shadow\n")

    assert "there is no upstream `paymnts`" in found


def test_a_route_of_writes_alone_cannot_shadow() -> None:
    text = SPLIT.replace("{path: /a}", "{path: /a, methods: [POST, DELETE]}")

    (found,) = faults(f"{text}  shadow: shadow\n")

    assert found.startswith(
        "9:11: routes[0].shadow: only reads are asked twice, and this route has none: DELETE, POST."
    )
    assert "Remove `shadow`, or add `writes: true` to it if both sides may carry out each of them" in found


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_route_of_reads_and_writes_may_shadow_its_reads(method: str) -> None:
    text = SPLIT.replace("{path: /a}", f"{{path: /a, methods: [POST, {method}]}}")

    assert shadow(f"{text}  shadow: shadow\n") == Shadow()


def test_the_rules_of_all_routes_together_have_a_bound() -> None:
    rules = ", ".join(f"{{ignore: $.{'a' * 240}{index}}}" for index in range(200))
    route = "- {{name: r{0}, match: {{path: /{0}}}, extracted: payments, shadow: shadow}}\n"
    text = f"{SMALL}defaults: {{shadow: {{rules: [{rules}]}}}}\nroutes:\n"

    few = text + "".join(route.format(index) for index in range(100))
    many = text + "".join(route.format(index) for index in range(200))

    assert len(meaning(few).routes) == 100
    (found,) = faults(many)
    assert "are over 8 MiB. Write fewer or shorter rules in `defaults`, or shadow fewer routes" in found


@pytest.mark.parametrize(
    "section",
    [
        "mirror",
        "{sample: 5}",
        "{rules: [{}]}",
        "{rules: [{ignore: $.a, lower: $.a}]}",
        "{rules: [{round: $.a}]}",
        "{rules: [{ignore: $.a, by: id}]}",
        "{rules: [{ignore: a}]}",
        "{rules: [{map: $.a, values: [[1]]}]}",
        "{headers: [a, 7]}",
    ],
)
def test_an_editor_tells_what_needs_no_other_part_of_the_file(section: str) -> None:
    text = f"{SPLIT}  shadow: {section}\n"

    assert faults(text)
    assert list(validator().iter_errors(yaml.safe_load(text)))


def test_credentials_are_replaced_until_a_route_says_otherwise() -> None:
    text = with_defaults("{credentials: {header: Authorization, env: SHADOW_TOKEN}}")
    own = Replacement(header="authorization", variable="SHADOW_TOKEN")

    usual = shadow(f"{text}  shadow: {{}}\n")
    kept = shadow(f"{text}  shadow: {{credentials: keep}}\n")

    assert usual is not None and (usual.credentials, usual.replacement) == (Credentials.REMOVE, own)
    assert kept is not None and (kept.credentials, kept.replacement) == (Credentials.KEEP, None)
    validator().validate(yaml.safe_load(f"{text}  shadow: {{}}\n"))
