"""The admin API on a real socket, over a store and flags in memory, with no proxy behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from aiohttp import web

from strangler.control import api
from strangler.control.api import Question, Surface
from strangler.control.flagdesk import FlagDesk
from strangler.control.guarddesk import GuardDesk
from strangler.control.guards import Guards
from strangler.control.metrics import Exposition, Reading
from strangler.control.recordingbook import RecordingBook
from strangler.control.recordingdesk import RecordingDesk
from strangler.control.shadowbook import ShadowBook
from strangler.control.shadowdesk import ShadowDesk
from strangler.control.status import ConfigStatus, FlagsStatus, Readiness, RestartStatus, Status, of_side
from strangler.control.store import Store
from strangler.control.totals import Total, Totals
from strangler.control.truth import Truth
from strangler.core.model import Address, Config, Match, Route
from strangler.core.rules import Rollback
from strangler.core.shadowing import Shadow
from strangler.errors import StoreError
from strangler.flags.data import NOT_READY
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.source import FlagSource
from strangler.vault.vault import Vault

TOKEN = "a-token-of-the-test"
CONFIG = Config(upstreams=(), default_upstream="monolith")
STATUS = Status(
    version="0",
    generation=3,
    uptime_s=1.0,
    upstreams=(),
    is_ready=True,
    unready=(),
    lacks=(),
    restart=RestartStatus(number=0, state="never", replaced=0, workers=0, detail=""),
    config=ConfigStatus(file="routes.yaml", digest="d", state="current", faults=(), needs_restart=()),
    flags=FlagsStatus(source="embedded", state="ready", detail="", version=1),
    workers=(),
    routes=(),
    unrouted=of_side(Total()),
)


GUARDED = Config(
    upstreams=(),
    default_upstream="monolith",
    routes=tuple(
        Route(
            name=name,
            match=Match(path="/"),
            legacy="monolith",
            extracted="s",
            cohort="c",
            rollback=Rollback(),
            shadow=shadow,
        )
        for name, shadow in (("pay", Shadow(sample=2_500)), ("read", None))
    ),
)


class Table:
    """Flags in memory, or a disk that is full."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.is_full = False

    def flags(self) -> dict[str, dict[str, Any]]:
        return {}

    def write_flag(self, flag: dict[str, Any], *, by: str, what: str, at: float) -> None:
        if self.is_full:
            raise StoreError("cannot write /secret/place")
        self.written.append(flag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    session: aiohttp.ClientSession
    address: Address
    table: Table
    store: Store
    book: ShadowBook
    shadow: ShadowDesk
    recorded: RecordingBook

    async def ask(
        self, method: str, path: str, body: Any = None, *, data: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
        payload = data if body is None else json.dumps(body).encode()
        async with self.session.request(method, f"http://{self.address}{path}", data=payload, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def served(*, is_ready: bool = True, fails: bool = False) -> AsyncIterator[Client]:
    with TemporaryDirectory() as folder:
        async with _served(Path(folder), is_ready=is_ready, fails=fails) as client:
            yield client


@asynccontextmanager
async def _served(folder: Path, *, is_ready: bool, fails: bool) -> AsyncIterator[Client]:
    store = Store(folder, in_memory=True)
    table = Table()
    truth = Truth(CONFIG, NOT_READY)
    guards = Guards(store.guards, on_overrides=truth.replace_overrides, on_happening=lambda _: None)
    guards.start(GUARDED)
    book = ShadowBook(store)
    book.start()
    shadow = ShadowDesk(book, lambda: GUARDED)
    recorded = RecordingBook(store.recordings, Vault(folder))
    recordings = RecordingDesk(recorded, lambda: GUARDED)
    source: FlagSource = EmbeddedSource(table, truth.replace_flags)
    source.start()
    truth.replace_flags(source.data())

    def explain(question: Question) -> dict[str, str]:
        if fails:
            raise RuntimeError("an inner secret")
        return {"side": question.target}

    reading = Reading(
        generation=3,
        workers=1,
        restarts=0,
        is_rejected=False,
        flags_state="ready",
        flags_states=("ready",),
        shares=(),
        gauges=(),
    )
    listener = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    address = Address(host="127.0.0.1", port=port)
    surface = Surface(
        admin=address,
        token=TOKEN,
        status=lambda: STATUS,
        readiness=lambda: Readiness(
            status="ready" if is_ready else "not ready",
            unready=() if is_ready else ("starting",),
            lacks=(),
            generation=3,
            workers=(),
            config="rejected",
            flags="ready",
            restart="never",
        ),
        restart=lambda: STATUS.restart,
        ask_restart=lambda: None,
        exposition=Exposition(
            Totals(), lambda: replace(reading, shadow=shadow.readings(), recordings=recordings.readings())
        ),
        flags=FlagDesk(truth, source),
        guards=GuardDesk(guards, store.journal, lambda: GUARDED),
        shadow=shadow,
        recordings=recordings,
        explain=explain,
    )
    runner = web.AppRunner(api.make_app(surface), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address.host, address.port).start()
    async with aiohttp.ClientSession() as session:
        yield Client(
            session=session, address=address, table=table, store=store, book=book, shadow=shadow, recorded=recorded
        )
    await runner.cleanup()
