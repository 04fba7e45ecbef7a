"""Divergences as control keeps them: bounded, sealed, on record, and mended by people."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from strangler.control.divergencedesk import DivergenceDesk
from strangler.control.divergencetable import KEEP_SETTLED_S, DivergenceTable
from strangler.control.store import Store
from strangler.core.divergence import Listed, Verdict, Why, Write
from strangler.core.model import Side
from strangler.core.shadowing import Shadow, ShadowMode
from strangler.vault.vault import Purpose
from tests.support.plane import config, route
from tests.support.surface import Client, served

BODY = b'{"card": "4111 1111 1111 1111", "amount": 5}'
LIST = "/api/v1/divergences"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path)) as opened:
        yield opened


def write(**more: Any) -> Write:
    given: dict[str, Any] = {
        "route": "pay",
        "primary": Side.LEGACY,
        "method": b"POST",
        "target": b"/pay/7?token=s3cret",
        "host": b"shop.example",
        "headers": ((b"X-User-Id", b"u"), (b"Content-Type", b"application/json")),
        "body": BODY,
        "has_body": True,
        "key": b"client-key",
        "other_key": b"strangler-extracted-1",
        "request_id": b"r",
        "trace": b"t",
        "status": 201,
        "at": 1.0,
        **more,
    }
    return Write(**given)


def listed(one: str, *, why: Why = Why.STATUS, status: int = 0, at: float = 1.0, sealed: bytes = b"sealed") -> Listed:
    return Listed(
        id=one,
        at=at,
        route="pay",
        primary=Side.LEGACY,
        why=why,
        status=status,
        primary_status=201,
        method="POST",
        path="/pay/7",
        request_id="r",
        sealed=sealed,
    )


def take(client: Client, folder: Path, one: str, *, why: Why = Why.STATUS, status: int = 0, **more: Any) -> None:
    """Have the desk keep one, sealed as the comparer seals it."""
    content = msgspec.msgpack.encode(write(**more))
    sealed = client.vault.seal(content, purpose=Purpose.DIVERGENCE, name=one)
    assert client.divergences.take([listed(one, why=why, status=status, sealed=sealed)]) == (one,)


def audit(client: Client) -> list[tuple[str, str, str]]:
    return [(row.entry.what.value, row.entry.subject, row.entry.why) for row in client.store.journal.page().rows]


def test_what_is_told_twice_is_listed_once_also_after_it_was_settled(store: Store) -> None:
    table = store.divergences
    assert len(table.add([listed("a"), listed("b")], now=1.0)) == 2

    assert table.add([listed("a")], now=2.0) == ()
    table._database.connection.execute("UPDATE divergences SET settled_at = 3.0 WHERE id = 'a'")
    assert table.add([listed("a")], now=4.0) == ()

    assert [one.listed.id for one in table.page(route=None, after=(0.0, ""), limit=9)] == ["b"]
    assert len(table.add([listed("a")], now=4.0 + KEEP_SETTLED_S)) == 1


def test_the_oldest_come_first_and_pages_join(store: Store) -> None:
    store.divergences.add([listed(f"{number}", at=float(9 - number // 2)) for number in range(9)], now=1.0)

    found: list[Listed] = []
    while page := store.divergences.page(
        route="pay", after=(found[-1].at, found[-1].id) if found else (0.0, ""), limit=2
    ):
        found += [one.listed for one in page]

    assert [(one.at, one.id) for one in found] == sorted((float(9 - n // 2), f"{n}") for n in range(9))
    assert store.divergences.page(route="other", after=(0.0, ""), limit=2) == ()


def test_beyond_the_bounds_first_the_content_goes_and_then_they_are_counted(store: Store) -> None:
    table = DivergenceTable(store.divergences._database, store.journal, most_rows=3, most_bytes=10)

    table.add([listed(f"{number}", sealed=b"123456") for number in range(5)], now=1.0)

    kept = table.page(route=None, after=(0.0, ""), limit=9)
    assert [one.has_content for one in kept] == [True, False, False]
    standing = table.standing()
    assert (standing.open, standing.bytes, standing.unlisted) == (3, 6, 2)


def test_what_found_no_room_is_counted_once_however_often_it_is_told(store: Store) -> None:
    table = DivergenceTable(store.divergences._database, store.journal, most_rows=1)

    added = [len(table.add([listed("a"), listed("b"), listed("c")], now=1.0)) for _ in range(3)]

    assert (added, table.standing().open, table.standing().unlisted) == ([3, 0, 0], 1, 2)


def test_they_survive_a_restart(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        store.divergences.add([listed("a", why=Why.TIMEOUT)], now=1.0)
    with closing(Store(tmp_path)) as store:
        found = store.divergences.find("a")
    assert found is not None
    assert found.listed == listed("a", why=Why.TIMEOUT)


async def test_the_list_says_what_is_known_and_shows_nothing_of_the_request(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a", status=503)
        status, found = await client.ask("GET", LIST)
        _, state = await client.ask("GET", f"{LIST}/a")
    assert status == 200
    (one,) = found["divergences"]
    assert (one["id"], one["kind"], one["why"], one["status"]) == ("a", "failed", "status", 503)
    assert (one["answered_by"], one["answered"], one["lacking_on"]) == ("legacy", 201, "extracted")
    for secret in ("4111", "s3cret", "client-key"):
        assert secret not in json.dumps(found)
        assert secret not in json.dumps(state)
    assert json.loads(state["request"]["body"])["amount"] == 5


async def test_the_whole_request_is_shown_with_a_reason_and_that_is_on_record(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a")
        refused, _ = await client.ask("POST", f"{LIST}/a/reveal", {"reason": " "})
        status, found = await client.ask("POST", f"{LIST}/a/reveal", {"reason": "customer called"})
        recorded = audit(client)
    assert (refused, status) == (400, 200)
    assert (found["request"]["body"], found["request"]["target"]) == (BODY.decode(), "/pay/7?token=s3cret")
    assert recorded == [("reveal", "pay", "customer called")]


async def test_no_half_of_a_secret_is_shown_where_a_long_body_is_cut(tmp_path: Path) -> None:
    body = b"x" * 4_080 + b" 4111111111111111 and more" + b"x" * 100
    async with served() as client:
        take(client, tmp_path, "a", body=body, headers=((b"Content-Type", b"text/plain"),))
        _, shown = await client.ask("GET", f"{LIST}/a")
    assert shown["request"]["body"].startswith("xxx")
    assert "4111" not in shown["request"]["body"]


async def test_what_is_secret_in_a_form_is_not_shown_whatever_its_escapes(tmp_path: Path) -> None:
    form = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
    body = b"card=4111%201111%201111%201111&reference=patient-77&amount=5"
    shadow = Shadow(mode=ShadowMode.BOTH, writes=True, redact=("$.reference",))
    named = config(1, 2, route("pay", "/pay/{rest...}", shadow=shadow))

    async def repair(*_: object) -> None:
        return None

    async with served() as client:
        take(client, tmp_path, "a", body=body, headers=form)
        desk = DivergenceDesk(
            client.store.divergences, client.vault, lambda: named, is_killed=lambda: False, repair=repair
        )
        shown = await desk.show("a")
    assert shown is not None
    assert '"amount": "5"' in shown["request"]["body"]
    for secret in ("1111", "patient"):
        assert secret not in shown["request"]["body"]


async def test_bytes_that_are_no_text_are_shown_in_base64(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a", body=b"\xff\x00")
        _, shown = await client.ask("GET", f"{LIST}/a")
        _, raw = await client.ask("POST", f"{LIST}/a/reveal", {"reason": "r"})
    assert (raw["request"]["body"], raw["request"]["is_base64"]) == ("/wA=", True)
    assert "bytes" in shown["request"]["body"]


async def test_a_repair_that_is_carried_out_takes_it_off_the_list_and_is_on_record(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a")
        order = {"reason": "mended", "headers": [["Authorization", "Bearer x"]]}
        status, found = await client.ask("POST", f"{LIST}/a/repair", order)
        _, listing = await client.ask("GET", LIST)
        again, _ = await client.ask("POST", f"{LIST}/a/repair", order)
        recorded = audit(client)
        ((one, sent, secrets),) = client.repairs.sent
        stored = client.store.journal.page().rows[0].entry
    assert (status, found["is_carried_out"], listing["divergences"], again) == (200, True, [], 404)
    assert (one, sent.body, secrets) == ("a", BODY, [(b"Authorization", b"Bearer x")])
    assert recorded == [("repair", "pay", "mended")]
    assert "Bearer" not in str(stored)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (Why.CONNECT, Verdict(why=Why.STATUS, status=422), "status"),
        (Why.CONNECT, Verdict(why=Why.TIMEOUT), "timeout"),
        (Why.TIMEOUT, Verdict(why=Why.CONNECT), "timeout"),
    ],
)
async def test_a_repair_that_fails_stays_listed_with_what_is_known_now(
    tmp_path: Path, before: Why, after: Verdict, kept: str
) -> None:
    async with served() as client:
        take(client, tmp_path, "a", why=before)
        client.repairs.verdict = after
        _, found = await client.ask("POST", f"{LIST}/a/repair", {"reason": "r"})
        _, listing = await client.ask("GET", LIST)
    assert (found["is_carried_out"], found["why"]) == (False, after.why.value)
    (one,) = listing["divergences"]
    assert (one["why"], one["tries"]) == (kept, 1)


async def test_what_may_be_on_neither_side_is_repaired_only_by_who_has_looked(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a", why=Why.WORKER_ENDED)
        refused, problem = await client.ask("POST", f"{LIST}/a/repair", {"reason": "r"})
        done, _ = await client.ask("POST", f"{LIST}/a/repair", {"reason": "r", "carried_out": True})
    assert (refused, done) == (409, 200)
    assert "nobody knows whether the monolith carried it out" in problem["detail"]
    assert len(client.repairs.sent) == 1


async def test_while_the_kill_switch_is_on_nothing_is_repaired_on_the_extracted_side(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a")
        client.repairs.is_killed = True
        status, _ = await client.ask("POST", f"{LIST}/a/repair", {"reason": "r"})
    assert (status, client.repairs.sent) == (409, [])


async def test_what_has_no_body_or_no_content_is_not_sent_and_can_be_settled(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a", has_body=False, body=b"")
        client.divergences.take([listed("b", sealed=b"")])
        for one in ("a", "b"):
            assert (await client.ask("POST", f"{LIST}/{one}/repair", {"reason": "r"}))[0] == 409
            assert (await client.ask("GET", f"{LIST}/{one}"))[0] == 200
            assert (await client.ask("POST", f"{LIST}/{one}/settle", {"reason": "by hand"}))[0] == 200
        _, listing = await client.ask("GET", LIST)
        recorded = audit(client)
    assert listing["divergences"] == []
    assert recorded == [("settle", "pay", "by hand")] * 2
    assert client.repairs.sent == []


async def test_a_record_that_was_moved_to_another_row_is_not_sent(tmp_path: Path) -> None:
    async with served() as client:
        content = msgspec.msgpack.encode(write())
        sealed = client.vault.seal(content, purpose=Purpose.DIVERGENCE, name="another")
        client.divergences.take([listed("a", sealed=sealed)])
        status, _ = await client.ask("POST", f"{LIST}/a/repair", {"reason": "r"})
    assert (status, client.repairs.sent) == (409, [])


async def test_what_cannot_be_stored_is_not_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as client:
        client.store._database.connection.execute("DROP TABLE divergences")
        assert client.divergences.take([listed("a")]) == ()
    assert "divergences_not_stored" in caplog.text


async def test_metrics_count_both_fates(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a", why=Why.TIMEOUT)
        client.divergences.count({"pay": 3})
        async with client.session.get(f"http://{client.address}/metrics") as answer:
            text = await answer.text()
    assert 'strangler_writes_carried_out_total{route="pay"} 3.0' in text
    assert 'strangler_writes_diverged_total{kind="unknown",route="pay"} 1.0' in text
    assert "strangler_divergences_open 1.0" in text
    assert "strangler_divergences_unlisted 0.0" in text


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("limit=0", 400, "`limit` has to be at least 1."),
        ("limit=x", 400, "`limit` has to be a whole number, and is text."),
        ("limit=99999", 400, "`limit` has to be at most 1000."),
        ("page=2", 400, "`page` is not known here."),
        ("after=x", 409, "`after` is what `next` of the page before says."),
    ],
)
async def test_a_page_that_cannot_be_is_refused(query: str, code: int, says: str) -> None:
    async with served() as client:
        found, answer = await client.ask("GET", f"{LIST}?{query}")

    assert (found, answer["detail"]) == (code, says)


async def test_the_list_wants_the_token() -> None:
    async with served() as client:
        assert (await client.ask("GET", LIST, Authorization="Bearer wrong"))[0] == 401
        assert (await client.ask("POST", f"{LIST}/a/settle", {"reason": "r"}, Authorization=""))[0] == 401


async def test_what_both_sides_may_have_is_never_sent_once_more(tmp_path: Path) -> None:
    async with served() as client:
        take(client, tmp_path, "a", why=Why.NEITHER)
        refused, problem = await client.ask("POST", f"{LIST}/a/repair", {"reason": "r", "carried_out": True})
        settled, _ = await client.ask("POST", f"{LIST}/a/settle", {"reason": "r"})
        assert client.repairs.sent == []
    assert (refused, settled) == (409, 200)
    assert "of either side" in problem["detail"]


@pytest.mark.parametrize(
    "field",
    [
        ("Ключ", "x"),
        ("X A", "x"),
        ("", "x"),
        ("X-A", "x\r\nX-B: y"),
        ("X-A", "x\x00"),
        ("Host", "elsewhere.example"),
        ("content-LENGTH", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("X-Strangler-Shadow", "0"),
    ],
)
async def test_a_repair_takes_no_field_that_is_none_or_that_says_where_it_goes_or_how_long_it_is(
    tmp_path: Path, field: tuple[str, str]
) -> None:
    async with served() as client:
        take(client, tmp_path, "a")
        order = {"reason": "r", "headers": [["Authorization", "Bearer s3cret"], field]}
        status, problem = await client.ask("POST", f"{LIST}/a/repair", order)
        assert client.repairs.sent == []
        assert audit(client) == []
    assert status == 409
    assert "Bearer" not in str(problem)


async def test_the_clients_key_is_a_mark_wherever_it_stands_until_it_is_revealed(tmp_path: Path) -> None:
    headers = ((b"Idempotency-Key", b'"client-key"'), (b"X-User-Id", b"u"))
    async with served() as client:
        take(client, tmp_path, "a", headers=headers, key=b'"client-key"', other_key=b'"client-key"')
        _, shown = await client.ask("GET", f"{LIST}/a")
        _, revealed = await client.ask("POST", f"{LIST}/a/reveal", {"reason": "by hand"})
    request = shown["request"]
    assert "client-key" not in json.dumps(shown)
    assert request["key"].startswith("[redacted key ")
    assert dict(request["headers"])["Idempotency-Key"] == request["key"] == request["other_key"]
    assert dict(request["headers"])["X-User-Id"] == "u"
    assert revealed["request"]["key"] == dict(revealed["request"]["headers"])["Idempotency-Key"] == '"client-key"'
