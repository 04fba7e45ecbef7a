"""Callers: who asks the admin API, as their request shows it."""

from aiohttp import web

from strangler.control import auth
from strangler.control.operations import NOBODY, Caller, Role, Way

FILE_NAME = "admin-token"
"""As whom the audit log has whoever gave the token of the state directory's file."""


class Callers:
    """Knows everybody who may ask."""

    def __init__(self, *, token: str) -> None:
        self._token = token

    def of(self, request: web.Request) -> Caller | None:
        """Return who asks, NOBODY if the request does not say; None if what it says is not right."""
        header = request.headers.get("Authorization", "")
        if not header:
            return NOBODY
        if auth.is_authorized(header, self._token):
            return Caller(name=FILE_NAME, role=Role.OPERATOR, way=Way.FILE)
        return None
