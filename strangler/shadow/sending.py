"""What is sent again: the same bytes as the client's, or nothing at all."""

from yarl import URL

from strangler.core.offer import Drop
from strangler.errors import ShadowError


def url_of(scheme: str, authority: str, target: bytes) -> URL:
    """Return the URL that is asked with these very bytes; raises ShadowError if there is none."""
    if not target.startswith(b"/"):
        raise ShadowError(Drop.UNASKABLE, "it names no path")
    # Because everything stands in the path, nothing of it is read, and `/a?` keeps its mark.
    return URL.build(scheme=scheme, authority=authority, path=text_of(target), encoded=True)


def text_of(sent: bytes) -> str:
    """Return text that is written as these bytes; raises ShadowError if there is none."""
    try:
        # Because aiohttp writes all text as UTF-8.
        return sent.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ShadowError(Drop.UNASKABLE, "what is no UTF-8 would be sent as something else") from error
