"""The admin API on a real socket, over a store and flags in memory, with no proxy behind it."""

import io
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from strangler.config import load
from strangler.config.remembering import Remembering
from strangler.control import api, openapi
from strangler.control.api import Surface
from strangler.control.callers import Callers
from strangler.control.configdesk import ConfigDesk
from strangler.control.discovery import Discovery
from strangler.control.discoverydesk import DiscoveryDesk
from strangler.control.divergencedesk import DivergenceDesk
from strangler.control.flagdesk import FlagDesk
from strangler.control.guarddesk import GuardDesk
from strangler.control.guards import Guards
from strangler.control.happening import Happening
from strangler.control.history import HistoryDesk
from strangler.control.metrics import Exposition, Reading
from strangler.control.outlook import Outlook
from strangler.control.planner import Planner
from strangler.control.recordingbook import RecordingBook
from strangler.control.recordingdesk import RecordingDesk
from strangler.control.routesapi import RouteList, Routes
from strangler.control.sessions import Sessions
from strangler.control.shadowbook import ShadowBook
from strangler.control.shadowdesk import ShadowDesk
from strangler.control.status import ConfigStatus, FlagsStatus, Readiness, RestartStatus, Status, of_side
from strangler.control.statusapi import Question, Whole
from strangler.control.store import Store
from strangler.control.stream import Stream
from strangler.control.tokendesk import TokenDesk
from strangler.control.totals import Total, Totals
from strangler.control.truth import Truth
from strangler.core.access import AdminAccess
from strangler.core.divergence import Verdict, Write
from strangler.core.model import Address, Config, ListenerLimits, ListenerTls, Match, Route, Upstream
from strangler.core.rules import Rollback
from strangler.core.shadowing import Shadow
from strangler.flags.data import NOT_READY
from strangler.flags.embedded import EmbeddedSource
from strangler.flags.source import FlagSource
from strangler.runtime import adminport, sockets
from strangler.runtime.admindoor import LIMITS, Door
from strangler.vault.vault import Vault
from tests.support.described import Described
from tests.support.shown import ROUTES, ROUTES_TEXT
from tests.support.table import Table

TOKEN = "a-token-of-the-test"
CONFIG = Config(
    upstreams=tuple(
        Upstream(name=name, addresses=(Address(host="127.0.0.1", port=port),))
        for name, port in (("monolith", 8001), ("s", 8104))
    ),
    default_upstream="monolith",
    routes=(Route(name="bill", match=Match(path="/bill"), legacy="monolith", extracted="s", flag="payments"),),
)
STATUS = Status(
    version="0",
    generation=3,
    uptime_s=1.0,
    upstreams=(),
    is_ready=True,
    unready=(),
    lacks=(),
    restart=RestartStatus(number=0, state="never", replaced=0, workers=0, detail=""),
    config=ConfigStatus(file="routes.yaml", digest="d", disk_digest="d", state="current", faults=(), needs_restart=()),
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


EXPLAINED = {
    "path": "/",
    "route": "",
    "template": "",
    "flag": "",
    "share": None,
    "identity": "",
    "key_digest": "",
    "place": None,
    "side": "legacy",
    "reason": "unrouted",
    "upstream": "monolith",
    "stage": None,
    "read": ["monolith"],
    "write": ["monolith"],
    "is_undeclared": False,
    "sample": 0,
    "check_ratio": None,
    "generation": 3,
    "why": "because",
}


_USUAL = AdminAccess()


async def _status() -> Status:
    return STATUS


async def _routes() -> RouteList:
    return ROUTES


class Repairs:
    """Stands for the comparer: notes what it is asked to send, and says how that went."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Write, list[tuple[bytes, bytes]]]] = []
        self.verdict: Verdict | None = None
        self.is_killed = False
        self.waiting: int | None = 0
        self.then: Callable[[], object] = lambda: None
        """What happens once one was sent."""

    async def __call__(self, one: str, write: Write, secrets: Sequence[tuple[bytes, bytes]]) -> Verdict | None:
        self.sent.append((one, write, list(secrets)))
        self.then()
        return self.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    session: aiohttp.ClientSession
    address: Address
    table: Table
    store: Store
    book: ShadowBook
    shadow: ShadowDesk
    recorded: RecordingBook
    discovery: Discovery
    folder: Path
    divergences: DivergenceDesk
    vault: Vault
    repairs: Repairs
    truth: Truth
    described: Described
    file: Path
    """The routes file that the admin API shows and writes."""
    restarts: list[tuple[str, str]]
    happenings: list[Happening]
    """What webhooks and other systems would be told."""
    surface: Surface
    tokens: TokenDesk
    clock: list[float]
    """The time, as tokens and sessions have it."""
    door: Door
    token: str = TOKEN

    async def tag(self, path: str) -> str | None:
        """Return the entity tag of what is at a path."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self.session.get(f"http://{self.address}{path}", headers=headers) as answer:
            return answer.headers.get("ETag")

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        if_match: str = "*",
        **headers: str,
    ) -> tuple[int, Any]:
        """Return status and JSON, held against the document; unless told otherwise, of whatever is there."""
        usual = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "If-Match": if_match}
        sent = {name: value for name, value in {**usual, **headers}.items() if value}
        text = data if body is None else json.dumps(body).encode()
        payload = None if text is None else io.BytesIO(text)
        async with self.session.request(method, f"http://{self.address}{path}", data=payload, headers=sent) as answer:
            said = await answer.text()
            found = json.loads(said) if "json" in answer.content_type else said
            self.described.check(method, path, answer.status, answer.content_type, found)
            return answer.status, found


@asynccontextmanager
async def served(
    *,
    is_ready: bool = True,
    fails: bool = False,
    access: AdminAccess = _USUAL,
    limits: ListenerLimits = LIMITS,
    tls: ListenerTls | None = None,
) -> AsyncIterator[Client]:
    with TemporaryDirectory() as folder:
        async with _served(
            Path(folder), is_ready=is_ready, fails=fails, access=access, limits=limits, tls=tls
        ) as client:
            yield client


@asynccontextmanager
async def _served(
    folder: Path,
    *,
    is_ready: bool,
    fails: bool,
    access: AdminAccess,
    limits: ListenerLimits,
    tls: ListenerTls | None,
) -> AsyncIterator[Client]:
    store = Store(folder, in_memory=True)
    table = Table()
    truth = Truth(CONFIG, NOT_READY)
    happenings: list[Happening] = []
    guards = Guards(store.guards, on_overrides=truth.replace_overrides, on_happening=happenings.append)
    guards.start(GUARDED)
    book = ShadowBook(store)
    book.start()
    shadow = ShadowDesk(book, lambda: GUARDED)
    recorded = RecordingBook(store.recordings, Vault(folder))
    recordings = RecordingDesk(recorded, lambda: GUARDED)
    history = HistoryDesk(store.journal)
    stream = Stream(lambda: STATUS, lambda: STATUS.routes, history, tag=lambda: truth.tag)
    store.journal.watch(stream.follow)
    discovery = Discovery(store, truth)
    discovery.start()
    truth.watch(discovery.follow)
    repairs = Repairs()
    divergences = DivergenceDesk(
        store.divergences,
        Vault(folder),
        lambda: GUARDED,
        is_killed=lambda: repairs.is_killed,
        repair=repairs,
        waiting=lambda: repairs.waiting,
    )
    source: FlagSource = EmbeddedSource(table, truth.replace_flags)
    source.start()
    truth.replace_flags(source.data())

    async def explain(question: Question) -> dict[str, Any]:
        if fails:
            raise RuntimeError("an inner secret")
        return {**EXPLAINED, "path": question.target}

    file = folder / "routes.yaml"
    file.write_text(ROUTES_TEXT)
    loaded, read = [load.load(file)], Remembering()

    async def take() -> None:
        loaded.append(load.load(file))

    restarts: list[tuple[str, str]] = []
    clock = [1_800_000_000.0]
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

    async def read_state() -> Reading:
        return replace(
            reading,
            shadow=tuple(shadow.readings()),
            recordings=recordings.readings(),
            writes=divergences.reading(),
        )

    listener = socket.create_server(("127.0.0.1", 0))
    address = sockets.bound(listener)
    tokens = TokenDesk(store.tokens, now=lambda: clock[0])
    callers = Callers(
        token=TOKEN,
        tokens=tokens,
        sessions=Sessions(store.tokens, now=lambda: clock[0]),
        access=access,
        clock=lambda: clock[0],
    )
    surface = Surface(
        admin=address,
        hosts=access.hosts,
        callers=callers,
        whole=Whole(
            status=_status,
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
            tag=lambda: truth.tag,
            restart=lambda: STATUS.restart,
            check_restart=lambda: None,
            ask_restart=lambda who, why: restarts.append((who, why)),
            exposition=Exposition(Totals(), read_state),
            explain=explain,
        ),
        flags=FlagDesk(truth, source),
        guards=GuardDesk(guards, store.journal, lambda: GUARDED, prerequisites=lambda _: ()),
        shadow=shadow,
        recordings=recordings,
        history=history,
        stream=stream,
        discovery=DiscoveryDesk(discovery, store.journal, folder / "routes.yaml"),
        planner=Planner(discovery, truth, folder / "routes.yaml", lambda loaded: loaded, read),
        config=ConfigDesk(
            file,
            store.journal,
            read,
            config=lambda: loaded[-1],
            adopt=lambda wanted: wanted,
            held=lambda _: (),
            status=lambda: STATUS.config,
            generation=lambda: truth.generation,
            wait_taken=take,
        ),
        routes=Routes(
            every=_routes,
            one=lambda name: next((one for one in ROUTES.routes if one.name == name), None),
            names=lambda: tuple(one.name for one in ROUTES.routes),
        ),
        divergences=divergences,
        outlook=Outlook(truth, history.per_minute),
    )
    document = openapi.document(api.operations(surface), version="0")
    door = Door(limits=limits)
    port = await adminport.serve(surface, listener, tls, door)
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(
                session=session,
                address=address,
                table=table,
                store=store,
                book=book,
                shadow=shadow,
                recorded=recorded,
                discovery=discovery,
                folder=folder,
                divergences=divergences,
                vault=Vault(folder),
                repairs=repairs,
                truth=truth,
                described=Described(document),
                file=file,
                restarts=restarts,
                happenings=happenings,
                surface=surface,
                tokens=tokens,
                clock=clock,
                door=door,
            )
    finally:
        stream.close()
        await port.close()
