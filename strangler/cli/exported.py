"""Asking a build as an exported test does: the text of this module is in the file, so it needs Python alone."""

import gzip
import http.client
import os
import zlib
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from strangler.core.checking import parse, problems

TIMEOUT_S = 10.0
NOT_ASSERTED: Any = object()


def check(
    method: str,
    target: str,
    *,
    headers: list[tuple[str, str]],
    status: int,
    answered: dict[str, str | bool],
    document: Any = NOT_ASSERTED,
    text: str | None = None,
    digest: str = "",
    codec: str = "utf-8-sig",
) -> None:
    """Ask the build at BASE_URL, and fail with all that is not as expected of its answer."""
    found_status, found_headers, body = ask(method, target, headers)
    if found_status != status:
        # Because an error page is no version of the answer.
        raise AssertionError(f"{method} {target}: the status is {found_status}, not {status}")
    found = [problem for name, value in answered.items() for problem in differing(name, value, found_headers)]
    if document is not NOT_ASSERTED:
        try:
            found += problems(document, parse(body.decode(codec)))
        except ValueError as error:
            found.append(f"the body is not JSON that can be read: {error}")
    if text is not None and body.decode(codec, "replace").splitlines() != text.splitlines():
        found.append("the text is another")
    if digest and sha256(body).hexdigest() != digest:
        found.append(f"the body, {len(body)} bytes, is another")
    if found:
        raise AssertionError(f"{method} {target}:\n  " + "\n  ".join(found))


def differing(name: str, expected: str | bool, headers: dict[str, str]) -> list[str]:
    """Return what is not as expected of a header; True stands for any value, False for none."""
    found = headers.get(name)
    if isinstance(expected, bool):
        return [] if (found is not None) == expected else [f"header {name} is {found!r}"]
    return [] if found == expected else [f"header {name} is {found!r}, not {expected!r}"]


def ask(method: str, target: str, headers: list[tuple[str, str]]) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers in lower case, and the body without its content coding."""
    base = os.environ.get("BASE_URL", "")
    url = urlsplit(base)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise RuntimeError("set BASE_URL to the build that is asked, such as http://127.0.0.1:8101")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=TIMEOUT_S)
    own = [line.partition(":") for line in os.environ.get("HEADERS", "").splitlines() if line.strip()]
    given = {name.strip().lower() for name, _, _ in own}
    try:
        connection.putrequest(
            method, url.path.rstrip("/") + target, skip_host="host" in given, skip_accept_encoding=True
        )
        for name, value in headers:
            if name.lower() not in given:
                connection.putheader(name, value)
        for name, _, value in own:
            connection.putheader(name.strip(), value.strip())
        connection.endheaders()
        response = connection.getresponse()
        found = {name.lower(): value.strip() for name, value in response.getheaders()}
        return response.status, found, unpacked(response.read(), found.get("content-encoding", ""))
    finally:
        connection.close()


def unpacked(body: bytes, codings: str) -> bytes:
    """Return a body without its content codings; none is undone of an empty one, such as HEAD has."""
    for coding in reversed([word.strip().lower() for word in codings.split(",")] if body else []):
        if coding in ("gzip", "x-gzip"):
            body = gzip.decompress(body)
        elif coding == "deflate":
            body = inflated(body)
        elif coding not in ("", "identity"):
            raise AssertionError(f"the body has the content coding {coding}, which Python alone cannot undo")
    return body


def inflated(body: bytes) -> bytes:
    """Return what is in a deflate body, which some servers send bare (RFC 9110 section 8.4.1.2)."""
    try:
        return zlib.decompress(body)
    except zlib.error:
        return zlib.decompress(body, -15)
