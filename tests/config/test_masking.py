"""What a viewer sees of a routes file: everything but its secrets, however they are written."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strangler.config.masking import MARK, Masker

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
        ("url: https:\\/\\/h.example\\/hush", "url: https:\\/\\/h.example/[masked 1]"),
        ('url: "https:\\x2f\\x2fh.example\\x2fhush"', 'url: "[masked 1]"'),
        ('url: "https://h.example/\\\n  hush"', 'url: "[masked 1]"'),
        ("url: 'https://h.example/hush''hush'", 'url: "[masked 1]"'),
        ("a: [x # Authorization: Bearer hush-hush", "a: [x # Authorization: [masked 1]"),
        ("- [", "- ["),
    ],
)
def test_a_secret_is_masked_however_it_is_written(written: str, shown: str) -> None:
    assert Masker().mask(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("X-Api-Key: hush hush", "X-Api-Key: [masked 1]"),
        ("X-Api-Key:\n    hush", "X-Api-Key:\n    [masked 1]"),
        ("X-Api-Key: >-\n    hush\n  X-Other: b", "X-Api-Key: [masked 1]\n  X-Other: b"),
        ('X-Api-Key: "hush\n    hush"', "X-Api-Key: [masked 1]"),
        ('"X-Api-\\x4bey": hush', '"X-Api-\\x4bey": [masked 1]'),
        ("X-Other: [a]\n  X-Auth-Token: &a hush", "X-Other: [a]\n  X-Auth-Token: [masked 1]"),
        ("? X-Api-Key\n  : !!str hush", "? X-Api-Key\n  : [masked 1]"),
    ],
)
def test_a_secret_header_is_masked_however_it_is_written(written: str, shown: str) -> None:
    around = "headers:\n  {}\nversion: 1\n"

    assert Masker().mask(around.format(written)) == around.format(shown)


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
