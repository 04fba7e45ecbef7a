"""What a viewer sees of a routes file: everything but its secrets, however they are written."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from strangler.config import load
from strangler.config.masking import MARK, Masker
from strangler.errors import ConfigError

FILE = """\
version: 1
upstreams:
  monolith: {url: "http://127.0.0.1:8001", default: true}
  s: {url: http://s.example:8104/}
admin_access:
  tls: {cert: a.crt, key: /etc/strangler/a.key}
webhooks:
# ask ops@example.com; the old one was https://hooks.example/services/OLD.
- {name: pager, url: https://hooks.example/services/T0/NEW, secret_env: PAGER_SECRET}
defaults: {shadow: {credentials: keep}}
routes:
- name: pay
  match: {headers: {X-Api-Key: abc123}}
"""


def test_what_is_secret_is_masked_and_all_else_is_as_it_was() -> None:
    expected = (
        FILE.replace("abc123", "[masked 1]")
        .replace("services/OLD", "[masked 2]")
        .replace("services/T0/NEW", "[masked 3]")
    )

    assert Masker().mask(FILE) == expected


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("url: https://me:hush@h.example", "url: https://[masked 1]@h.example"),
        ("url: https://h.example?hush", "url: https://h.example/[masked 1]"),
        ("url: https:\\/\\/h.example\\/hush", "url: [masked 1]"),
        ('url: "https:\\x2f\\x2fh.example\\x2fhush"', 'url: "[masked 1]"'),
        ('url: "https://h.example/\\\n  hush"', 'url: "[masked 1]"'),
        ("url: 'https://h.example/hush''hush'", 'url: "[masked 1]"'),
        ("a: [x # Authorization: Bearer hush-hush", "a: [masked 1] # Authorization: [masked 2]"),
        ("- [", "- ["),
    ],
)
def test_a_secret_is_masked_however_it_is_written(written: str, shown: str) -> None:
    assert Masker().mask(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("X-Tenant: hush hush", "X-Tenant: [masked 1]"),
        ("X-Tenant:\n        hush", "X-Tenant:\n        [masked 1]"),
        ("X-Tenant: >-\n        hush\n      Accept: b", "X-Tenant: [masked 1]\n      Accept: b"),
        ('X-Tenant: "hush\n        hush"', "X-Tenant: [masked 1]"),
        ('"X-\\x54enant": hush', '"X-\\x54enant": [masked 1]'),
        ("X-Other: [hush]\n      X-Auth-Token: &a hush", "X-Other: [[masked 1]]\n      X-Auth-Token: [masked 1]"),
        ("? X-Tenant\n      : !!str hush", "? X-Tenant\n      : [masked 1]"),
        ("X-Tenant: true\n      accept: text/html", "X-Tenant: true\n      accept: text/html"),
        ('X-Tenant: "true"', "X-Tenant: [masked 1]"),
        ("X-Tenant:hush: true", "[masked 1]: true"),
        ("X-Tenant: &hush", "X-Tenant: [masked 1]"),
        ("X-Tenant: https://hush.example/", "X-Tenant: [masked 1]"),
    ],
)
def test_the_value_of_a_header_is_masked_however_it_is_written_unless_its_name_is_harmless(
    written: str, shown: str
) -> None:
    around = "routes:\n- match:\n    headers:\n      {}\nversion: 1\n"

    assert Masker().mask(around.format(written)) == around.format(shown)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("webhooks: [{url: hooks.example/hush}]", "webhooks: [{url: [masked 1]}]"),
        ("webhooks: [{url: htps://hooks.example/hush}]", "webhooks: [{url: [masked 1]}]"),
        ("webhooks: [{urll: hooks.example/hush}]", "webhooks: [{urll: [masked 1]}]"),
        ("webhooks: hush", "webhooks: [masked 1]"),
        ("webhook: {url: hush}", "webhook: {url: [masked 1]}"),
        ("upstreams: {b: {url: 'me:hush@b'}}", "upstreams: {b: {url: [masked 1]}}"),
        ("routes: [{match: {header: {X-A: hush}}}]", "routes: [{match: {header: {X-A: [masked 1]}}}]"),
        (
            "routes: [{name: &a hush, match: {headers: {X-A: *a}}}]",
            "routes: [{name: [masked 1], match: {headers: {X-A: *a}}}]",
        ),
        ("routes: [{rollback: off, shadow: reverse}]", "routes: [{rollback: off, shadow: reverse}]"),
        ("a: 1 # headers: {X-A: hush}", "a: [masked 1] # headers: [masked 2]"),
        ("# - {name: pager, url: hooks.example/hush}", "# - {name: pager, url: [masked 1]"),
    ],
)
def test_what_stands_where_a_secret_may_is_masked_whatever_it_looks_like(written: str, shown: str) -> None:
    assert Masker().mask(written) == shown


BROKEN = """\
version: 1
webhooks:
- {name: pager, url: hooks.example/hush}
- name: mail
  url: hooks.example/hush
routes:
- name: pay
  match:
    path: /pay
    headers:
      X-Tenant: hush
      path: hush
  extracted: "pay
  share: 5%
"""


def test_of_a_text_that_is_no_yaml_only_what_no_place_makes_secret_is_shown() -> None:
    assert (
        Masker().mask(BROKEN)
        == """\
version: 1
webhooks:
- [masked 1]
- name: mail
  url: [masked 2]
routes:
- name: pay
  match:
    path: /pay
    headers:
      X-Tenant: [masked 3]
      path: [masked 3]
  extracted: [masked 4]
  share: 5%
"""
    )


def test_a_difference_is_masked_as_fragments_and_goes_on_counting() -> None:
    diff = (
        "--- routes.yaml\n+++ routes.yaml\n@@ -7,4 +7,4 @@\n   name: pay\n-  url: https://h.example/[masked 1]\n"
        "+  url: hooks.example/hush\n     X-Tenant: hush"
    )

    shown = Masker(begin=2).mask_difference(diff)

    assert shown == diff.replace("hooks.example/hush", "[masked 2]").replace("hush", "[masked 3]")


def test_equal_secrets_have_equal_marks_over_two_texts() -> None:
    masker = Masker()

    first, second = masker.mask("a: https://h/one\nb: https://h/two"), masker.mask("b: https://h/two")

    assert (first, second) == ("a: https://h/[masked 1]\nb: https://h/[masked 2]", "b: https://h/[masked 2]")


PATHS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)


@given(PATHS)
@example("a'b\"c,d]e}f\\g")
def test_no_path_of_a_url_is_shown_in_any_quotes(path: str) -> None:
    url = f"https://h.example/S3CRET{path}S3CRET"
    quoted = json.dumps(url)
    single = url.replace("'", "''")

    for text in (f"url: {quoted}", f"url: '{single}'", f"{{url: {quoted}, name: x}}", f"# {url}", f"- {url}\n- ["):
        shown = Masker().mask(text)
        assert "S3CRET" not in shown
        assert MARK.search(shown)


TOKENS = ["T0P" + letter * 9 for letter in "ABCDEFGH"]
WHOLE = f"""\
version: 1
listen: 127.0.0.1:8080
upstreams:
  monolith: {{url: "http://127.0.0.1:8001", default: true}}
  pay: {{url: "http://pay.example:80/{TOKENS[0]}"}}
webhooks:
- name: pager
  url: https://hooks.example/{TOKENS[1]}/x
- {{name: mail, url: hooks.example/{TOKENS[2]}}}
defaults:
  shadow: {{credentials: keep, sample: 5%}}
routes:
- name: pay.create
  match:
    methods: [POST]
    path: /api/pay
    headers: {{X-Tenant: {TOKENS[3]}, X-Customer-Ref: "{TOKENS[4]}"}}
  extracted: pay
- name: pay.read
  match:
    path: /api/pay/{{id}}
    headers:
      X-Tenant: {TOKENS[5]}
      X-Customer-Ref: '{TOKENS[6]}'
      X-Unit: {TOKENS[7]}
  extracted: pay
  share: 5%
"""


@given(st.integers(0, len(WHOLE) - 1), st.sampled_from(["", *"\t\n ,:-[]{}&*!|>%@`x"]), st.integers(0, 3))
@example(WHOLE.index("webhooks"), "", 0)
@example(WHOLE.index("defaults") - 1, ":", 0)
def test_no_slip_of_a_key_shows_a_secret_to_viewers_or_in_faults(at: int, put: str, taken: int) -> None:
    # Because what follows a host without a slash is a part of the host.
    assume("/" not in WHOLE[at : at + taken])
    text = WHOLE[:at] + put + WHOLE[at + taken :]

    shown = Masker().mask(text)
    with pytest.raises(ConfigError) as caught:
        load.parse(text.encode(), path=Path("routes.yaml"))

    told = "\n".join(map(str, caught.value.faults))
    # Because two letters of a token may be taken out, half of it tells as much.
    for token in TOKENS:
        assert token[3:8] not in shown
        assert token[3:8] not in told


@given(st.lists(st.sampled_from(WHOLE.split("\n")), min_size=1, max_size=30), st.sampled_from(['"', "'", "\t", "- ["]))
def test_no_order_of_lines_and_no_quote_shows_a_secret(lines: list[str], end: str) -> None:
    text = "\n".join(lines)

    for shown in (Masker().mask(text), Masker().mask(text + "\n" + end), Masker().mask_lines(text)):
        for token in TOKENS:
            assert token not in shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{header: Authorization, env: SHADOW_TOKEN}", "{header: Authorization, env: SHADOW_TOKEN}"),
        ("{header: Authorization, value: hush hush}", "{header: Authorization, value: [masked 1]}"),
    ],
)
def test_what_is_sent_in_place_of_credentials_is_shown_by_its_names(written: str, shown: str) -> None:
    around = "defaults: {{shadow: {{credentials: {}}}}}\n"

    assert Masker().mask(around.format(written)) == around.format(shown)
