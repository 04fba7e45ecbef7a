"""One table of keys, and nobody who strays from it: reader, JSON Schema and manual."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from strangler.config.forms import Key, Many, OrOff, Section
from strangler.config.keys import DEFAULTS, FLAGS, MATCH, ROOT, ROUTE
from strangler.config.keys_admin import ADMIN_ACCESS, IDENTITY
from strangler.config.keys_listener import LIMITS, PAIR, TLS
from strangler.config.keys_rollback import (
    CONNECT_FAILURES,
    COOLDOWN,
    ERROR_RATE,
    IDEMPOTENCY,
    LATENCY,
    MISMATCH_RATE,
    ROLLBACK,
    SEQUENTIAL,
    WEBHOOK,
)
from strangler.config.keys_shadow import RECORD, RULE, SHADOW
from strangler.config.keys_upstreams import EJECTION, HEALTH, TIMEOUTS, UPSTREAM, UPSTREAM_TLS
from strangler.config.schema import json_schema
from tests.config.texts import ROUTE as ROUTE_TEXT
from tests.config.texts import SMALL, faults, meaning, validator

REPOSITORY = Path(__file__).parents[2]
MANUAL = (REPOSITORY / "docs" / "routes-yaml.md").read_text()

SPLIT = f"{SMALL}{ROUTE_TEXT}    extracted: payments\n"

PLACES: dict[str, tuple[Section, str, str]] = {
    "The file": (ROOT, "", ""),
    "admin_access": (ADMIN_ACCESS, f"{SMALL}admin_access:\n  ", "admin_access."),
    "identity of an operator": (IDENTITY, f"{SMALL}admin_access:\n  identity:\n    ", "admin_access.identity."),
    "upstreams": (UPSTREAM, f"{SMALL}  b:\n    ", "upstreams.b."),
    "health": (HEALTH, f"{SMALL}  b:\n    health:\n      ", "upstreams.b.health."),
    "ejection": (EJECTION, f"{SMALL}  b:\n    ejection:\n      ", "upstreams.b.ejection."),
    "tls of an upstream": (UPSTREAM_TLS, f"{SMALL}  b:\n    tls:\n      ", "upstreams.b.tls."),
    "defaults": (DEFAULTS, f"{SMALL}defaults:\n  ", "defaults."),
    "routes": (ROUTE, f"{SMALL}routes:\n  - ", "routes[0]."),
    "match": (MATCH, f"{SMALL}routes:\n- name: a\n  match:\n    ", "routes[0].match."),
    "timeouts": (TIMEOUTS, f"{SMALL}timeouts:\n  ", "timeouts."),
    "limits": (LIMITS, f"{SMALL}limits:\n  ", "limits."),
    "tls": (TLS, f"{SMALL}tls:\n  ", "tls."),
    "certs": (PAIR, f"{SMALL}tls:\n  certs:\n  - ", "tls.certs[0]."),
    "flags": (FLAGS, f"{SMALL}flags:\n  ", "flags."),
    "rollback": (ROLLBACK, f"{SMALL}defaults:\n  rollback:\n    ", "defaults.rollback."),
    **{
        section.name.removeprefix("rollback."): (
            section,
            f"{SMALL}defaults:\n  rollback:\n    {section.name.removeprefix('rollback.')}:\n      ",
            f"defaults.{section.name}.",
        )
        for section in (ERROR_RATE, CONNECT_FAILURES, LATENCY, SEQUENTIAL, MISMATCH_RATE, COOLDOWN)
    },
    "shadow": (SHADOW, f"{SMALL}defaults:\n  shadow:\n    ", "defaults.shadow."),
    "record of a shadow": (RECORD, f"{SMALL}defaults:\n  shadow:\n    record:\n      ", "defaults.shadow.record."),
    "rules of a shadow": (RULE, f"{SMALL}defaults:\n  shadow:\n    rules:\n    - ", "defaults.shadow.rules[0]."),
    "idempotency": (IDEMPOTENCY, f"{SMALL}routes:\n  - idempotency:\n      ", "routes[0].idempotency."),
    "webhooks": (WEBHOOK, f"{SMALL}webhooks:\n  - ", "webhooks[0]."),
}
"""By heading of the manual: a section, a text that a key of it can follow, and the path there."""


def keys() -> Iterator[tuple[str, Key]]:
    """Yield every key there is, with its heading."""
    for heading, (section, _, _) in PLACES.items():
        for key in section.keys:
            yield heading, key


def sections(section: Section) -> Iterator[Section]:
    """Yield a section and all inside it, each once."""
    yield section
    for key in section.keys:
        inside = key.takes.section if isinstance(key.takes, Many | OrOff) else key.takes
        if isinstance(inside, Section):
            yield from sections(inside)


def rows(heading: str) -> dict[str, str]:
    """Return the defaults in the manual's table under a heading, by key."""
    (part,) = re.findall(rf"^##+ {heading}\n(.*?)(?=^## |\Z)", MANUAL, re.DOTALL | re.MULTILINE)
    table = part[part.index("| key | takes | default | meaning |") :].split("\n\n")[0]
    return {
        cells[1].strip().strip("`"): cells[3].strip().strip("`")
        for line in table.splitlines()[2:]
        if (cells := re.split(r"(?<!\\)\|", line))
    }


def check(text: str) -> None:
    """Raise if the schema refuses the text."""
    validator().validate(yaml.safe_load(text))


def test_every_section_is_in_the_tests_and_in_the_manual() -> None:
    tested = {id(section) for section, _, _ in PLACES.values()}

    assert {id(section) for section in sections(ROOT)} == tested


@pytest.mark.parametrize(("heading", "key"), list(keys()), ids=[f"{h}-{k.name}" for h, k in keys()])
def test_the_reader_reads_every_key_of_the_table(heading: str, key: Key) -> None:
    _, text, where = PLACES[heading]
    name = f"{where}{key.name}"

    messages = faults(f"{text}{key.name}: ~\n")

    assert any(f" {name}: the key has no value" in m or f" {name}: nothing stands" in m for m in messages)


@pytest.mark.parametrize("heading", PLACES)
def test_the_manual_names_every_key_and_its_default(heading: str) -> None:
    section, _, _ = PLACES[heading]

    documented = rows(heading)

    assert documented == {key.name: "required" if key.required else key.default for key in section.keys}


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL))
def test_the_examples_of_the_manual_are_files_without_faults(example: str) -> None:
    assert meaning(example).default_upstream == "monolith"
    check(example)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_accepts_the_file_of_the_demo() -> None:
    check((REPOSITORY / "routes.yaml").read_text())


@pytest.mark.parametrize("heading", PLACES)
def test_the_schema_knows_no_other_keys(heading: str) -> None:
    _, text, _ = PLACES[heading]

    errors = validator().iter_errors(yaml.safe_load(f"{text}nope: 1\n"))

    assert any("'nope' was unexpected" in error.message for error in errors)


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("version: 1\n", ""),
        f"{SMALL}workers: many\n",
        f"{SMALL}listen: 8080\n",
        f"{SMALL}timeouts: {{idle: 5}}\n",
        f"{SMALL}{ROUTE_TEXT}    flag: f\n",
        f"{SPLIT}    flag: f\n    share: 1%\n",
        f"{SPLIT}    share: 25\n",
        f"{SPLIT}    split: {{legacy: 100%}}\n",
        f"{SPLIT}    identity: []\n",
        f"{SMALL}  b: {{max_idle: 1}}\n",
    ],
)
def test_the_schema_tells_what_needs_no_other_part_of_the_file(text: str) -> None:
    assert faults(text)
    with pytest.raises(jsonschema.ValidationError):
        check(text)


def test_the_schema_explains_every_key() -> None:
    def explained(schema: dict[str, Any]) -> Iterator[bool]:
        for inner in schema.get("properties", {}).values():
            yield bool(inner.get("description"))
            yield from explained(inner)

    assert all(explained(json_schema()))


DEFAULT_TEXT = f"""\
{SMALL}listen: {ROOT.key("listen").default}
admin: {ROOT.key("admin").default}
workers: {ROOT.key("workers").default}
state_dir: {ROOT.key("state_dir").default}
drain_timeout: {ROOT.key("drain_timeout").default}
access_log: {ROOT.key("access_log").default}
decision_header: {ROOT.key("decision_header").default}
strict_paths: {ROOT.key("strict_paths").default}
flags: {{source: {FLAGS.key("source").default}}}
timeouts: {{{", ".join(f"{key.name}: {key.default}" for key in TIMEOUTS.keys)}}}
limits: {{{", ".join(f"{key.name}: {key.default}" for key in LIMITS.keys if key.default != "none")}}}
proxy_protocol: {ROOT.key("proxy_protocol").default}
defaults: {{identity: [{DEFAULTS.key("identity").default}], host: {DEFAULTS.key("host").default}}}
"""


def test_a_default_that_is_written_out_changes_nothing() -> None:
    upstream = ", ".join(f"{key.name}: {key.default}" for key in UPSTREAM.keys if key.default and key.name != "default")
    upstream += f", ejection: {{{', '.join(f'{key.name}: {key.default}' for key in EJECTION.keys)}}}"
    written = DEFAULT_TEXT.replace('8104"}', f'8104", default: false, {upstream}}}') + ROUTE_TEXT

    config, silent = meaning(written), meaning(SMALL + ROUTE_TEXT)

    assert [config.routes[0].identity, config.routes[0].host, config.timeouts, config.limits] == [
        silent.routes[0].identity,
        silent.routes[0].host,
        silent.timeouts,
        silent.limits,
    ]
    assert [config.upstreams, config.listen, config.admin, config.workers, config.state_dir] == [
        silent.upstreams,
        silent.listen,
        silent.admin,
        silent.workers,
        silent.state_dir,
    ]
    assert config.drain_s == silent.drain_s
    assert [config.flags, config.access_log, config.decision_header, config.strict_paths, config.proxy_protocol] == [
        silent.flags,
        silent.access_log,
        silent.decision_header,
        silent.strict_paths,
        silent.proxy_protocol,
    ]
