"""The admin port of a real instance: what is written there is served, and why a share is what it is."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import trustme

from strangler.cli import main
from strangler.runtime import runfile
from tests.support.backend import backend, ok, says
from tests.support.flags import percent_flag
from tests.support.proxy import Proxy, end, launch, routes_text, running
from tests.support.waiting import until

ROUTE = "{name: pay, match: {path: /pay}, extracted: extracted, flag: payments}"


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    async with (
        backend(says(ok(b"monolith"))) as monolith,
        backend(says(ok(b"extracted"))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=1)
        ) as made,
    ):
        yield made


async def source(proxy: Proxy) -> tuple[str, int | None]:
    _, route = await proxy.ask("GET", "/api/v1/routes/pay")
    return route["source"], route["share_bp"]


async def test_the_kill_switch_goes_before_the_guard_and_the_guard_before_the_flag(proxy: Proxy) -> None:
    why = {"reason": "test"}
    await proxy.ask("PUT", "/api/v1/flags/payments", {"set": "25%", **why})
    found = [await source(proxy)]
    await proxy.ask("POST", "/api/v1/guards/pay/trip", why)
    found.append(await source(proxy))
    await proxy.ask("POST", "/api/v1/kill", {"is_on": True, **why})
    found.append(await source(proxy))
    await proxy.ask("POST", "/api/v1/kill", {"is_on": False, **why})
    await proxy.ask("POST", "/api/v1/guards/pay/reset", why)
    found.append(await source(proxy))

    assert found == [("flag", 2_500), ("guard", 0), ("kill", 0), ("flag", 2_500)]


async def test_a_routes_file_that_is_put_is_what_the_next_request_meets(proxy: Proxy) -> None:
    before = await proxy.get("/pay")
    _, shown = await proxy.ask("GET", "/api/v1/config")
    text = shown["text"].replace("flag: payments", "share: 100%")
    code, written = await proxy.ask(
        "PUT", "/api/v1/config", {"text": text, "digest": shown["digest"], "reason": "everybody"}
    )
    await proxy.wait_ready()
    after = await proxy.get("/pay")
    _, audit = await proxy.ask("GET", "/api/v1/audit")

    assert (before, after) == ((200, "monolith"), (200, "extracted"))
    assert (code, written["status"]["state"], written["status"]["digest"]) == (200, "current", written["digest"])
    assert written["generation"] > shown["generation"]
    assert [(row["what"], row["who"]) for row in audit["rows"]] == [
        ("reload", "routes file"),
        ("migration", "guard"),
        ("config", "admin-token"),
    ]
    assert await source(proxy) == ("share", 10_000)


async def test_a_token_that_was_made_outlives_a_restart_of_everything(proxy: Proxy) -> None:
    _, made = await proxy.ask("POST", "/api/v1/tokens", {"name": "ci", "role": "viewer", "reason": "test"})
    known = {"Authorization": f"Bearer {made['secret']}"}
    before, _ = await proxy.ask("GET", "/api/v1/status", headers=known)
    await proxy.stop()
    async with running(proxy.folder, proxy.routes.read_text()) as again:
        after, _ = await again.ask("GET", "/api/v1/status", headers=known)
        change, _ = await again.ask("POST", "/api/v1/kill", {"is_on": True, "reason": "x"}, headers=known)

    assert (before, after, change) == (200, 200, 403)


async def test_over_tls_the_port_takes_what_was_meant_for_it_and_the_commands_find_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = trustme.CA()
    pair = ca.issue_cert("localhost", "127.0.0.1")
    pair.private_key_pem.write_to_path(tmp_path / "admin.key")
    (tmp_path / "admin.key").chmod(0o600)
    (tmp_path / "admin.crt").write_bytes(b"".join(one.bytes() for one in pair.cert_chain_pems))
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    text = routes_text(monolith=1, routes=[], workers=0)
    (tmp_path / "routes.yaml").write_text(f"{text}admin_access: {{tls: {{cert: admin.crt, key: admin.key}}}}\n")

    async with aiohttp.ClientSession() as session:
        proxy = await launch(tmp_path, session=session)
        try:
            await until(lambda: bool(proxy.events("ready")), deadline_s=30.0, what="ready")
            run = runfile.read(proxy.state_dir)
            assert run is not None
            known = ["--admin", run.admin, "--token-file", str(proxy.state_dir / "admin-token")]
            codes = [
                await asyncio.to_thread(main, ["status", *arguments])
                for arguments in (
                    ["-c", str(proxy.routes)],
                    [*known, "--tls-ca", str(tmp_path / "ca.pem")],
                    [*known, "--tls-ca", str(tmp_path / "other.pem")],
                    known,
                )
            ]
            context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            url = f"https://{run.admin}/api/v1/session"
            async with session.post(url, json={"token": proxy.token}, ssl=context) as answer:
                cookie = answer.headers["Set-Cookie"]
        finally:
            await end(proxy)

    assert codes == [0, 0, 1, 1]
    assert "is not who it should be" in capsys.readouterr().err
    assert cookie.startswith(f"__Host-strangler-session-{run.admin.rpartition(':')[2]}=")
    assert cookie.endswith("; Secure")


async def test_beyond_loopback_a_start_without_tls_or_a_word_is_refused(tmp_path: Path) -> None:
    text = routes_text(monolith=1, workers=0).replace("admin: 127.0.0.1:0", "admin: 0.0.0.0:0")
    (tmp_path / "routes.yaml").write_text(text)
    async with aiohttp.ClientSession() as session:
        proxy = await launch(tmp_path, session=session)
        code = await proxy.process.wait()

    assert code == 2
    assert "tokens would pass in the clear" in (tmp_path / "log").read_text()


async def test_a_pattern_that_takes_for_ever_stops_neither_a_worker_nor_control(tmp_path: Path) -> None:
    route = ROUTE.replace("flag: payments", "flag: payments, attributes: {mail: header X-Mail}")
    clause = {"attribute": "mail", "op": "matches", "values": ["^(a|aa)+$"], "contextKind": "user"}
    flag = percent_flag("payments", 10_000, rules=[{"id": "r", "clauses": [clause], "variation": 0}])
    headers = {"X-User-Id": "u", "X-Mail": "a" * 90 + "!"}

    async with (
        backend(says(ok(b"monolith"))) as monolith,
        backend(says(ok(b"extracted"))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[route], workers=1)
        ) as proxy,
    ):
        await proxy.ask("PUT", "/api/v1/flags/payments", {"flag": flag, "reason": "test"})
        await proxy.wait_ready()
        question = {"method": "GET", "target": "/pay", "headers": list(headers.items())}
        _, explained = await proxy.ask("POST", "/api/v1/explain", question)
        async with proxy.session.get(f"{proxy.url}/pay", headers=headers) as answer:
            stalled = await answer.text()
        others = await proxy.get("/pay")

    assert (explained["side"], explained["reason"]) == ("legacy", "flag_invalid")
    assert "took too long" in explained["why"]
    assert (stalled, others) == ("monolith", (200, "extracted"))
