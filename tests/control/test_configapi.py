"""The routes file as the admin API shows it, tries another one, and writes it."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from strangler.config import load
from strangler.config.document import MAX_BYTES
from strangler.control import api
from strangler.control.journal import Deed
from strangler.control.operations import Role
from strangler.core.audit import Action
from strangler.errors import ConfigError
from tests.support.samples import body_of, path_of
from tests.support.shown import ROUTES_TEXT
from tests.support.surface import Client, served

HOOK = "webhooks:\n- {name: pager, url: https://hooks.example/s3cret/one}\n"


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


async def propose(client: Client, text: str) -> dict[str, object]:
    code, answer = await client.ask("POST", "/api/v1/config/proposals", {"text": text})
    assert code == 200
    return dict(answer)


async def test_the_file_is_shown_as_it_is_on_the_disk() -> None:
    async with served() as client:
        code, shown = await client.ask("GET", "/api/v1/config")

    assert (code, shown["text"], shown["digest"]) == (200, ROUTES_TEXT, digest_of(ROUTES_TEXT))


async def test_a_viewer_is_shown_the_file_without_its_secrets_and_an_operator_the_whole() -> None:
    async with served() as client:
        client.file.write_text(ROUTES_TEXT + HOOK)
        _, token = client.tokens.create("reader", Role.VIEWER, for_s=None, who="test", why="test")
        code, masked = await client.ask("GET", "/api/v1/config", Authorization=f"Bearer {token}")
        _, whole = await client.ask("GET", "/api/v1/config")

    assert (code, masked["is_masked"], whole["is_masked"]) == (200, True, False)
    assert masked["text"] == ROUTES_TEXT + HOOK.replace("s3cret/one", "[masked 1]")
    assert whole["text"] == ROUTES_TEXT + HOOK
    assert masked["digest"] == whole["digest"] == digest_of(ROUTES_TEXT + HOOK)


async def test_the_record_of_a_change_shows_that_a_secret_changed_and_not_the_secret() -> None:
    async with served() as client:
        client.file.write_text(ROUTES_TEXT + HOOK)
        text = ROUTES_TEXT + HOOK.replace("s3cret/one", "s3cret/two")
        body = {"text": text, "digest": digest_of(ROUTES_TEXT + HOOK), "reason": "rotated"}
        _, written = await client.ask("PUT", "/api/v1/config", body)
        (row,) = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]
        stored = client.store.journal.page().rows

    shown = json.loads(row["evidence"])["diff"].splitlines()
    assert "+- {name: pager, url: https://hooks.example/[masked 2]}" in shown
    assert "-- {name: pager, url: https://hooks.example/[masked 1]}" in shown
    assert "s3cret" not in str(stored)
    assert any("s3cret/two" in line for line in written["diff"])


OLD_DIFF = (
    "--- routes.yaml\n+++ routes.yaml\n@@ -9,2 +9,4 @@\n   extracted: pay\n-  url: hooks.example/OLDS3CRET\n"
    "+  url: https://hooks.example/[masked 1]\n+      X-Tenant: NEWS3CRET"
)
MASKED_DIFF = OLD_DIFF.replace("hooks.example/OLDS3CRET", "[masked 2]").replace("NEWS3CRET", "[masked 3]")


async def test_rows_from_before_secrets_were_masked_are_masked_for_viewers_when_they_are_read() -> None:
    async with served() as client:
        for kept in ({"evidence": json.dumps({"diff": OLD_DIFF})}, {"after": json.dumps(OLD_DIFF)}):
            deed = Deed(at=2.0, who="ann", what=Action.CONFIG, subject="routes", why="test", **kept)
            client.store.journal.record(deed)
        _, token = client.tokens.create("reader", Role.VIEWER, for_s=None, who="test", why="test")
        _, shown = await client.ask("GET", "/api/v1/audit?what=config", Authorization=f"Bearer {token}")
        _, whole = await client.ask("GET", "/api/v1/audit?what=config")

    written, changed = shown["rows"]
    assert json.loads(changed["evidence"]) == {"diff": MASKED_DIFF}
    assert json.loads(written["after"]) == MASKED_DIFF
    assert json.loads(whole["rows"][1]["evidence"]) == {"diff": OLD_DIFF}
    assert [row["hash"] for row in shown["rows"]] == [row["hash"] for row in whole["rows"]]


SECRETIVE = (
    ROUTES_TEXT
    + """\
webhooks:
- {name: pager, url: hooks.example/S3CRETA}
- name: mail
  url: htps://hooks.example/S3CRETB
webhook: S3CRETC
trusted_proxies: &a
- match: {header: {X-Tenant: S3CRETD}, headers: {X-Tenant:S3CRETE: true, X-Ref: 7.0, X-B: *S3CRETF}}
"""
)


@pytest.mark.parametrize("text", [SECRETIVE.replace("*S", "S"), SECRETIVE, SECRETIVE + "  - {"])
async def test_nothing_that_a_viewer_may_call_shows_a_secret_of_a_file_that_was_refused(text: str) -> None:
    async with served() as client:
        client.file.write_text(text)
        diff = "\n".join(f"+{line}" for line in text.splitlines())
        deed = Deed(at=2.0, who="ann", what=Action.CONFIG, subject="routes", why="test")
        client.store.journal.record(replace(deed, evidence=json.dumps({"diff": diff})))
        _, token = client.tokens.create("reader", Role.VIEWER, for_s=None, who="test", why="test")
        asked = [one for one in api.operations(client.surface) if one.role <= Role.VIEWER and one.name != "stream"]
        answers = {}
        for one in asked:
            path = path_of(one) + ("?method=GET&template=/x" if one.name == "proposeStub" else "")
            headers = {"Authorization": f"Bearer {token}", "X-Strangler-Request": "1"}
            async with client.session.request(
                one.method, f"http://{client.address}{path}", json=body_of(one), headers=headers
            ) as answer:
                is_stream = answer.content_type == "text/event-stream"
                answers[one.name] = "" if is_stream else await answer.text()
        with pytest.raises(ConfigError) as caught:
            load.load(client.file)

    assert {"getConfig", "listAudit", "getStatus", "proposeStub", "explain"} <= set(answers)
    assert [name for name, said in answers.items() if "S3CRET" in said] == []
    assert "S3CRET" not in str(caught.value.faults)


async def test_a_text_with_masks_is_not_written_over_the_secrets() -> None:
    text = ROUTES_TEXT + HOOK.replace("s3cret/one", "[masked 1]")

    async with served() as client:
        body = {"text": text, "digest": digest_of(ROUTES_TEXT), "reason": "test"}
        code, answer = await client.ask("PUT", "/api/v1/config", body)
        kept = client.file.read_text()

    assert (code, kept) == (409, ROUTES_TEXT)
    assert answer["detail"].startswith("`[masked 1]` in line 13 stands for a secret")


async def test_a_proposal_tells_what_would_mean_something_else_and_applies_nothing() -> None:
    text = ROUTES_TEXT.replace("10%", "25%").replace("# what", "# other words about what") + (
        "- {name: new, match: {path: /new}, extracted: s}\n"
    )

    async with served() as client:
        answer = await propose(client, text)
        kept = client.file.read_text()

    assert (answer["is_valid"], answer["faults"], kept) == (True, [], ROUTES_TEXT)
    assert [(one["what"], one["name"], one["kind"]) for one in answer["changes"]] == [  # type: ignore[attr-defined]
        ("route", "pay", "changed"),
        ("route", "new", "added"),
    ]
    assert answer["changes"][0]["fields"] == [{"name": "share", "before": "10%", "after": "25%"}]  # type: ignore[index]
    assert "+  share: 25%" in answer["diff"]  # type: ignore[operator]


async def test_other_words_for_the_same_are_no_change() -> None:
    async with served() as client:
        answer = await propose(client, ROUTES_TEXT.replace("# what people pay with", "# something else\n"))

    assert (answer["is_valid"], answer["changes"]) == (True, [])


async def test_a_proposal_with_faults_tells_all_of_them_with_their_lines() -> None:
    text = ROUTES_TEXT.replace("extracted: s", "extracted: z").replace("share: 10%", "share: 10")

    async with served() as client:
        answer = await propose(client, text)

    faults = [(one["line"], one["where"]) for one in answer["faults"]]  # type: ignore[attr-defined]
    assert (answer["is_valid"], answer["changes"]) == (False, [])
    assert faults == [(9, "routes[0].extracted"), (10, "routes[0].share")]


async def test_a_file_is_written_taken_over_and_recorded_with_what_differs() -> None:
    text = ROUTES_TEXT.replace("10%", "25%")
    body = {"text": text, "digest": digest_of(ROUTES_TEXT), "reason": "more"}

    async with served() as client:
        code, written = await client.ask("PUT", "/api/v1/config", body)
        again = await client.ask("PUT", "/api/v1/config", {**body, "digest": digest_of(text)})
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]
        kept = client.file.read_text()

    assert (code, written["digest"], kept) == (200, digest_of(text), text)
    assert (again[0], again[1]["diff"]) == (200, [])
    assert [(row["what"], row["who"], row["why"]) for row in rows] == [("config", "admin-token", "more")]
    assert "+  share: 25%" in json.loads(rows[0]["evidence"])["diff"]


async def test_a_file_that_somebody_else_changed_since_is_not_overwritten() -> None:
    theirs = ROUTES_TEXT.replace("10%", "1%")

    async with served() as client:
        client.file.write_text(theirs)
        body = {"text": ROUTES_TEXT.replace("10%", "25%"), "digest": digest_of(ROUTES_TEXT), "reason": "more"}
        code, answer = await client.ask("PUT", "/api/v1/config", body)
        rows = (await client.ask("GET", "/api/v1/audit"))[1]["rows"]
        kept = client.file.read_text()

    assert (code, answer["given"], answer["current"]) == (412, digest_of(ROUTES_TEXT), digest_of(theirs))
    assert (kept, rows) == (theirs, [])


async def test_a_file_whose_change_cannot_be_recorded_is_as_it_was() -> None:
    text = ROUTES_TEXT.replace("10%", "25%")

    async with served() as client:
        with client.store.journal._database.reading() as db:
            db.execute("PRAGMA query_only = ON")
        code, _ = await client.ask(
            "PUT", "/api/v1/config", {"text": text, "digest": digest_of(ROUTES_TEXT), "reason": "test"}
        )
        kept = client.file.read_text()

    assert (code, kept) == (503, ROUTES_TEXT)


async def test_a_file_with_faults_is_not_written_and_all_of_them_are_told() -> None:
    body = {"text": "version: 1\nrutes: []\n", "digest": digest_of(ROUTES_TEXT), "reason": "more"}

    async with served() as client:
        code, answer = await client.ask("PUT", "/api/v1/config", body)
        kept = client.file.read_text()

    assert (code, answer["title"], len(answer["faults"])) == (422, "bad_routes", 2)
    assert kept == ROUTES_TEXT


async def test_a_file_beyond_the_limit_is_refused_with_413_or_as_a_fault() -> None:
    async with served() as client:
        large = await propose(client, "#" * (MAX_BYTES + 1))
        code, _ = await client.ask("POST", "/api/v1/config/proposals", {"text": "#" * (3 * MAX_BYTES)})

    assert large["is_valid"] is False
    assert code == 413


@pytest.mark.parametrize("text", ["", "\x00", "[" * 5_000, "\ud800", "&a [*a]", "a: !!python/object:os.system {}"])
async def test_whatever_is_proposed_is_answered_with_faults(text: str) -> None:
    async with served() as client:
        data = json.dumps({"text": text}).encode()
        code, answer = await client.ask("POST", "/api/v1/config/proposals", data=data)

    assert code == 400 or (code, answer["is_valid"]) == (200, False)


async def test_a_difference_that_is_meant_becomes_a_rule_and_no_other_byte_changes() -> None:
    async with served() as client:
        code, answer = await client.ask("POST", "/api/v1/shadow/pay/accept", {"path": "$.served_by", "reason": "meant"})
        again = await client.ask("POST", "/api/v1/shadow/pay/accept", {"path": "$.served_by", "reason": "meant"})
        kept = client.file.read_text()

    removed = [line for line in answer["diff"] if line.startswith("-") and not line.startswith("---")]
    assert (code, len(removed)) == (200, 1)
    assert "ignore" in kept and "# what people pay with" in kept
    assert (again[0], again[1]["diff"]) == (200, [])


@pytest.mark.parametrize(
    ("route", "path", "status"),
    [("pya", "$.a", 404), ("pay", "status", 409), ("pay", "header x", 409), ("pay", "$[", 409)],
)
async def test_what_cannot_be_accepted_changes_nothing(route: str, path: str, status: int) -> None:
    async with served() as client:
        code, _ = await client.ask("POST", f"/api/v1/shadow/{route}/accept", {"path": path, "reason": "x"})
        kept = client.file.read_text()

    assert (code, kept) == (status, ROUTES_TEXT)


async def test_routes_are_listed_one_is_shown_and_another_name_is_told_the_nearest() -> None:
    async with served() as client:
        listed = (await client.ask("GET", "/api/v1/routes"))[1]["routes"]
        shown = (await client.ask("GET", "/api/v1/routes/pay"))[1]
        code, missing = await client.ask("GET", "/api/v1/routes/payy")

    assert listed == [shown]
    assert (code, missing["nearest"]) == (404, ["pay"])


async def test_a_file_that_is_not_utf_8_is_shown_with_where_and_not_written_with_what_stands_for_its_bytes() -> None:
    latin = f"{ROUTES_TEXT}# caf\u00e9\n".encode("latin-1")

    async with served() as client:
        client.file.write_bytes(latin)
        _, shown = await client.ask("GET", "/api/v1/config")
        body = {"text": shown["text"], "digest": shown["digest"], "reason": "test"}
        code, answer = await client.ask("PUT", "/api/v1/config", body)
        kept = client.file.read_bytes()
        mended = {**body, "text": shown["text"].replace("\ufffd", "\u00e9")}
        again, _ = await client.ask("PUT", "/api/v1/config", mended)
        whole = client.file.read_text("utf-8")

    line, offset = ROUTES_TEXT.count("\n") + 1, latin.index(b"\xe9")
    fault = f"The routes file is not UTF-8: the byte 0xE9 in line {line}, at offset {offset}."
    assert (shown["fault"].startswith(fault), shown["text"][-2:]) == (True, "\ufffd\n")
    assert (code, answer["detail"].startswith(fault), kept) == (409, True, latin)
    assert (again, whole) == (200, mended["text"])


async def test_a_text_may_have_the_sign_that_stands_for_other_bytes() -> None:
    text = f"{ROUTES_TEXT}# \ufffd\n"

    async with served() as client:
        client.file.write_text(text)
        _, shown = await client.ask("GET", "/api/v1/config")
        body = {"text": f"{text}# more\n", "digest": shown["digest"], "reason": "test"}
        code, _ = await client.ask("PUT", "/api/v1/config", body)

    assert (shown["fault"], code) == ("", 200)
