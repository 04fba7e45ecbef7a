"""Binding: operations as an aiohttp application serves them; who may not is refused before anything of them is read."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

from strangler.config.reading import shorten
from strangler.config.repeats import first_repeat
from strangler.control.answers import InPieces, ProblemError, as_json, problem
from strangler.control.dryrun import DryRun, DryRunQuery, Foreseen, Moved, Prepared, Served
from strangler.control.misfit import told
from strangler.control.operations import NOBODY, Answer, Call, Caller, Operation, Refusal, Way

CALLER = web.RequestKey("caller", Caller)
CSRF_HEADER = "X-Strangler-Request"
"""A page of another site cannot send it without asking first (CORS), and is never allowed to."""
CALLER_HEADER = "X-Strangler-Caller"
"""As whom a page was signed in when it showed what it now changes; percent-encoded, as headers want it."""
MAX_TAG = 200
"""Characters of an If-Match that are read and told; ours have less than 30."""
BODY_S = 20.0
"""How long a body may take to come in. As Apache's `RequestReadTimeout` has it; 1 MiB in it is 52 kB/s."""
SAFE = ("GET", "HEAD")
_NO_REASON = "dry run"


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameter."""


WhoIs = Callable[[web.Request], Caller]
Moves = Callable[[Served], Awaitable[tuple[Moved, ...]]]
_Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def bind(
    app: web.Application, operations: Iterable[Operation], *, tag: Callable[[], str], who_is: WhoIs, moves: Moves
) -> None:
    """Serve operations; `tag` is the entity tag of what is served now, `who_is` tells who asks, as it is by now, and
    `moves` which routes would move if other things were served."""
    for operation in operations:
        respond = _responder(operation, tag, who_is, moves)
        if operation.method == "GET":
            app.router.add_get(operation.path, respond)
        else:
            app.router.add_route(operation.method, operation.path, respond)


def refuse(refusal: Refusal | None) -> ProblemError:
    """Return the 401 of a request that says nothing of who asks, or gives a token that opens nothing (RFC 6750)."""
    if refusal is not None:
        challenge = f'Bearer error="invalid_token", error_description="{refusal.detail}"'
        return ProblemError(problem(401, refusal.flaw.value, refusal.detail), {"WWW-Authenticate": challenge})
    detail = (
        "A bearer token is required: one that `strangler token create` made, or the one in the state directory's "
        "file admin-token."
    )
    return ProblemError(problem(401, "unauthorized", detail), {"WWW-Authenticate": "Bearer"})


def _responder(operation: Operation, tag: Callable[[], str], who_is: WhoIs, moves: Moves) -> _Respond:
    async def respond(request: web.Request) -> web.StreamResponse:
        caller = request.get(CALLER, NOBODY)
        is_page = operation.method not in SAFE and caller.way in (Way.SESSION, Way.PROXY)
        if is_page:
            # Because another one's role says nothing to whoever still has the former one's page.
            _check_same_caller(request, caller)
        _check_role(operation, caller)
        if is_page:
            _check_own_page(request)
        is_dry = _is_dry(request, operation)
        query = None if operation.changes else _asked(request, operation)
        body = None
        if operation.body is not None:
            body = await _body(request, operation, is_dry=is_dry)
            # Because a body may take its time, whoever sends it may have been shut out meanwhile.
            caller = who_is(request)
            _check_role(operation, caller)
        if operation.changes:
            # Because nothing is awaited between this and the change, it is still true when that is made.
            _check_tag(request, tag())
        call = Call(request=request, caller=caller, body=body, query=query)
        if operation.change is not None:
            prepared: Prepared = await _awaited(operation.change(call))
            if is_dry:
                dry_run = await _told(await prepared.foreseen(), moves)
                return as_json(dry_run, headers={"ETag": tag()})
            found = await _awaited(prepared.carry_out())
        else:
            assert operation.handler is not None
            found = await _awaited(operation.handler(call))
        if isinstance(found, web.StreamResponse):
            return found
        if isinstance(found, InPieces):
            return await found.send(request, headers={"ETag": tag()})
        status, headers = operation.status, {}
        if isinstance(found, Answer):
            found, status, headers = found.value, found.status, dict(found.headers)
        if operation.method in SAFE or operation.changes:
            headers["ETag"] = tag()
        return as_json(found, status=status, headers=headers)

    return respond


async def _awaited(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


def _is_dry(request: web.Request, operation: Operation) -> bool:
    """Return whether nothing is to be changed; what has no dry run is refused one, before anything is done."""
    if operation.changes:
        # Because a parameter that is misspelt would have the change made, no other is taken.
        return bool(_query(request, DryRunQuery).dry_run)
    if operation.method not in SAFE and "dry_run" in request.query:
        raise ProblemError(problem(400, "bad_query", f"There is no dry run of this: {operation.no_dry_run}."))
    return False


def _asked(request: web.Request, operation: Operation) -> Any:
    """Return the parameters of what changes nothing; those that it does not take are refused."""
    if operation.query is not None:
        return _query(request, operation.query)
    # Because probes and scrapers may add what they like to what is not of the API.
    if operation.path.startswith("/api/"):
        _query(request, NoQuery)
    return None


async def _told(foreseen: Foreseen, moves: Moves) -> DryRun[Any]:
    return DryRun(
        dry_run=True,
        changes=foreseen.changes,
        moved=() if foreseen.served is None else await moves(foreseen.served),
        notes=foreseen.notes,
        diff=foreseen.diff,
        answer=foreseen.answer,
    )


def _check_role(operation: Operation, caller: Caller) -> None:
    if caller.role >= operation.role:
        return
    if caller.way is Way.NONE:
        raise refuse(caller.refusal)
    detail = f"This takes the role {operation.role.word}, and {caller.name} has the role {caller.role.word}."
    raise ProblemError(problem(403, "forbidden", detail))


def check_origin(request: web.Request) -> None:
    """Refuse what a browser says it sends for another site's page, or for one on another port of this host."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    # Because TLS may end at a proxy in front, this origin is https:// even where the request came in plain.
    own = {_origin(scheme, request.host) for scheme in (request.scheme, "https")}
    if site not in ("same-origin", "none") or origin not in (None, *own):
        raise ProblemError(problem(403, "cross_site", "A browser's request must come from this port's own page."))


def _origin(scheme: str, host: str) -> str:
    """Return a page's origin as browsers write it: without the port that its scheme has anyway (RFC 6454)."""
    return f"{scheme}://{host.removesuffix(':443' if scheme == 'https' else ':80')}"


def _check_own_page(request: web.Request) -> None:
    """Refuse what another site's page may have made a browser send: its cookies go along, this header does not."""
    check_origin(request)
    if request.headers.get(CSRF_HEADER) != "1":
        detail = f"A browser's change must come from this page, with the header {CSRF_HEADER}: 1."
        raise ProblemError(problem(403, "cross_site", detail))


def _check_same_caller(request: web.Request, caller: Caller) -> None:
    """Refuse what a page sends for somebody else: pages of one browser share its cookie, and one of them may have
    signed in as another one since."""
    given = request.headers.get(CALLER_HEADER)
    if given is not None and unquote(given) != caller.name:
        detail = f"This browser is signed in as {caller.name} by now, so nothing was done. Look again, then change."
        raise ProblemError(problem(403, "other_caller", detail))


def _check_tag(request: web.Request, current: str) -> None:
    """Refuse a change of something else than was looked at; `*` means whatever is there (RFC 9110 section 13.1.1)."""
    # Because header bytes that are no UTF-8 arrive as lone surrogates, which no JSON can hold.
    given = ascii(", ".join(request.headers.getall("If-Match", ())))[1:-1][:MAX_TAG]
    if not given:
        detail = "Send the ETag of what you looked at as If-Match, so that nobody's change is undone unseen."
        raise ProblemError(problem(428, "precondition_required", detail, current=current))
    tags = [part.strip() for part in given.split(",")]
    if current not in tags and tags != ["*"]:
        detail = f"It is {current} by now, and the change was meant for {given}. Look again, then change."
        raise ProblemError(problem(412, "precondition_failed", detail, given=given, current=current), {"ETag": current})


def _query(request: web.Request, kind: Any) -> Any:
    repeated = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
    if repeated:
        raise ProblemError(problem(400, "bad_query", f"`{repeated[0]}` is given more than once."))
    try:
        return msgspec.convert(dict(request.query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise ProblemError(problem(400, "bad_query", told(str(error)))) from error


async def _body(request: web.Request, operation: Operation, *, is_dry: bool) -> Any:
    if request.content_type != "application/json":
        raise ProblemError(problem(415, "bad_content_type", "A body is JSON; send it as application/json."))
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.content.iter_any():
                data += piece
                if len(data) > operation.max_body_bytes:
                    detail = f"The body is larger than {operation.max_body_bytes} bytes."
                    raise ProblemError(problem(413, "request_entity_too_large", detail))
    except TimeoutError as error:
        raise ProblemError(problem(408, "body_timeout", f"The body took longer than {BODY_S:g} s.")) from error
    # Because whoever reaches the port may send what is no body, or leave, it is no failure of ours that the log tells.
    except (web.RequestPayloadError, ConnectionError) as error:
        raise ProblemError(
            problem(400, "bad_body", "The body did not come in whole, or cannot be unpacked.")
        ) from error
    try:
        if is_dry:
            body = _excused(msgspec.json.decode(data), operation.body)
        else:
            body = msgspec.json.decode(data, type=operation.body)
        text = data.decode()
        repeat = first_repeat(text)
    except msgspec.ValidationError as error:
        raise ProblemError(problem(400, "bad_body", told(str(error)))) from error
    except RecursionError as error:
        raise ProblemError(problem(400, "bad_body", "The body is nested too deep.")) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(problem(400, "bad_body", _located(str(error), bytes(data)))) from error
    if repeat is not None:
        name, at = repeat
        # Because which of the two is meant, nobody but the sender knows.
        detail = f"`{shorten(name)}` stands twice in one object (byte {len(text[:at].encode())})"
        raise ProblemError(problem(400, "bad_body", _located(detail, bytes(data))))
    return body


def _excused(given: Any, kind: Any) -> Any:
    """Return a body of a dry run, which nobody is asked the reason of."""
    return msgspec.convert({"reason": _NO_REASON, **given} if isinstance(given, dict) else given, kind)


def _located(message: str, data: bytes) -> str:
    """Return what is wrong with JSON, with line and column in place of the number of the byte."""
    start, found, rest = message.partition("(byte ")
    number = rest.removesuffix(")")
    if not found or not number.isdigit():
        return message
    before = data[: int(number)]
    line = before.count(b"\n") + 1
    column = len(before) - before.rfind(b"\n")
    return f"{start.rstrip()} at line {line}, column {column}."
