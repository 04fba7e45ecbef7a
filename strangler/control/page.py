"""The page: the dashboard's files, as they are in the package, and nothing else.

They are read once, at the start, and are a closed set, so no path can name anything beside them.
"""

from importlib.resources import files
from pathlib import PurePosixPath

from aiohttp import web

from strangler.control.answers import ProblemError, problem
from strangler.control.operations import Call, Operation, Role

INDEX = "index.html"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOLDER = "static"


def read_files() -> dict[str, bytes]:
    """Return the page's files by their name."""
    found = (files("strangler.control") / _FOLDER).iterdir()
    return {file.name: file.read_bytes() for file in found if file.name == INDEX or _suffix(file.name) in _TYPES}


def operations() -> tuple[Operation, ...]:
    """Return the page; it says nothing of the proxy, so whoever reaches the port may have it and sign in with it."""
    found = read_files()
    page = Operation(
        method="GET",
        path="/",
        name="getDashboard",
        summary="The dashboard.",
        role=Role.NOBODY,
        handler=lambda _: _answer(found[INDEX], "text/html"),
        answer=None,
        content_type="text/html",
    )
    return page, *(_kind(found, suffix, content_type) for suffix, content_type in _TYPES.items())


def _kind(found: dict[str, bytes], suffix: str, content_type: str) -> Operation:
    def file(call: Call) -> web.Response:
        body = found.get(f"{call.part('name')}{suffix}")
        if body is None:
            raise ProblemError(problem(404, "not_found", "The dashboard has no such file."))
        return _answer(body, content_type)

    return Operation(
        method="GET",
        path=f"/static/{{name}}{suffix}",
        name=f"getDashboard{suffix[1:].capitalize()}",
        summary=f"A file of the dashboard ({content_type}).",
        role=Role.NOBODY,
        handler=file,
        answer=None,
        content_type=content_type,
        problems=(404,),
    )


def _answer(body: bytes, content_type: str) -> web.Response:
    # Because a page and its scripts must be of one release, browsers keep no copies of them.
    return web.Response(
        body=body, headers={"Content-Type": f"{content_type}; charset=utf-8", "Cache-Control": "no-store"}
    )


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix
