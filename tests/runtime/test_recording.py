"""Recording of a whole proxy: what is kept outlives it, is sealed, and goes when an operator says so."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from strangler.control.recordingbook import unseal
from strangler.control.recordingtable import read_recordings
from strangler.core.recording import Recording
from strangler.vault.vault import Vault
from tests.support.backend import backend, ok, says
from tests.support.proxy import Proxy, launch, routes_text, running
from tests.support.waiting import until

JSON = b"Content-Type: application/json"
NAME = "Wilhelmina Quackenbush"
READ = (
    '{name: users, match: {path: "/users/{id}"}, extracted: extracted, share: 0%, fallback: off, '
    "shadow: {noise: 0%, record: {keep: 5, for: 1h}}}"
)


def contents(proxy: Proxy) -> list[Recording]:
    rows = read_recordings(proxy.state_dir, "users")
    return [unseal(Vault(proxy.state_dir), row) for row in rows]


async def until_recorded(proxy: Proxy, path: str, count: int) -> None:
    """Ask until so many reads are kept."""

    async def is_there() -> bool:
        await proxy.get(path)
        code, shown = await proxy.ask("GET", "/api/v1/recordings/users")
        return code == 200 and int(shown["count"]) >= count

    await until(is_there, deadline_s=30, what=f"{count} recordings")


def strangler(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "strangler", *words], capture_output=True, text=True, check=False)


async def test_recordings_outlive_the_proxy_sealed_are_replayed_and_deleted_by_a_command(tmp_path: Path) -> None:
    answer = json.dumps({"id": 7, "name": NAME, "fee": 5.25}).encode()
    async with (
        backend(says(ok(answer, JSON))) as monolith,
        backend(says(ok(answer, JSON))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[READ], workers=1)
        ) as proxy,
    ):
        await until_recorded(proxy, "/users/7", 1)
        assert await proxy.stop() == 0
        raw = b"".join(one.read_bytes() for one in proxy.state_dir.iterdir() if one.name.startswith("state.db"))
        (kept,) = contents(proxy)
        assert (kept.target, kept.answer.body) == (b"/users/7", answer)
        assert [word for word in NAME.split() if word.encode() in raw] == []
        assert (proxy.state_dir / "vault.keys").stat().st_mode & 0o777 == 0o600

        proxy.process = (await launch(tmp_path, session=proxy.session)).process
        await proxy.wait_ready()
        await until_recorded(proxy, "/users/8", 2)
        assert {one.target for one in contents(proxy)} == {b"/users/7", b"/users/8"}

        # The next build rounds the fee, and is asked beside the proxy that runs.
        async with backend(says(ok(answer.replace(b"5.25", b"5.3"), JSON))) as build:
            against = ("--against", f"http://127.0.0.1:{build.port}")
            done = await asyncio.to_thread(strangler, "replay", "-c", str(proxy.routes), "--route", "users", *against)
            assert done.returncode == 1, done.stderr
            assert done.stdout.count(" times: ") == 1
            assert "  $.fee  value, 2 times: not seen by shadowing\n" in done.stdout
            assert "  2 compared: 0 equal, 0 ignored, 2 different; 0 not comparable\n" in done.stdout
            assert NAME not in done.stdout
            assert {(one.method, one.target) for one in build.received} == {
                (b"GET", b"/users/7"),
                (b"GET", b"/users/8"),
            }

        shown = strangler("shadow", "recordings", "-c", str(proxy.routes))
        forgotten = strangler("shadow", "forget", "users", "--reason", "over", "-c", str(proxy.routes))
        assert (shown.returncode, forgotten.returncode) == (0, 0), shown.stderr + forgotten.stderr
        assert shown.stdout.startswith("users: 2 reads of 1 kinds")
        assert "at most 5" in shown.stdout
        assert forgotten.stdout == "forgotten: 2 recordings of users\n"
        assert contents(proxy) == []
        # Because the comparer has let go of them as well, it takes the same read again.
        await until_recorded(proxy, "/users/7", 1)
