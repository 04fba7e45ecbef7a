"""Reading: request bodies and query strings into types that cannot be wrong."""

from typing import TypeVar

import msgspec
from aiohttp import web

from extracted.problems import ProblemError

Shape = TypeVar("Shape", bound=msgspec.Struct)


async def read_body(request: web.Request, shape: type[Shape]) -> Shape:
    """Return the JSON body as `shape`; anything else, or more, is refused with the place of the mistake."""
    if request.content_type != "application/json":
        raise ProblemError(415, "not_json", "Send the body with Content-Type: application/json.")
    try:
        body = await request.read()
    except (ConnectionError, web.RequestPayloadError) as error:
        # Nobody is left to read this; it only keeps what a client did out of our own failures.
        raise ProblemError(400, "incomplete", "The body did not come whole.") from error
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise ProblemError(422, "invalid", f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, "bad_json", "The body is not valid JSON.") from error


def read_query(request: web.Request, shape: type[Shape]) -> Shape:
    """Return the query parameters as `shape`; unknown, repeated or wrong ones are refused by name."""
    repeated = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
    if repeated:
        raise ProblemError(400, "bad_query", f"Query parameters given more than once: {', '.join(repeated)}.")
    try:
        return msgspec.convert(dict(request.query), type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise ProblemError(400, "bad_query", f"Query: {error}.") from error
