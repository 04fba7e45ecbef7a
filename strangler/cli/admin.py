"""The admin API as the command line uses it: find the running instance, ask it, and say plainly if it is not there."""

import argparse
import http.client
import json
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strangler.cli import options
from strangler.config import load
from strangler.control.auth import TOKEN_FILE
from strangler.core.model import Address, ListenerTls
from strangler.errors import AdminError, ConfigError, UsageError
from strangler.runtime import runfile

_TIMEOUT_S = 10.0
"""An answer takes milliseconds; a longer wait means that nothing good is at that address."""
_LARGEST_ANSWER = 64 * 1024 * 1024
_MAX_TOKEN_BYTES = 4_096
_TOKEN = re.compile(r"[!-~]+")
PROBLEM = "urn:strangler:problem:"
"""What the type of each of its problems begins with."""
_DEAD = ("expired_token", "revoked_token")
"""Titles of a 401 whose own words say more of the token than a command knows."""


class NothingRunsError(AdminError):
    """No instance answers at the address."""


class NoAnswerError(NothingRunsError):
    """An address was asked, and nothing came from it; whether something runs there is not known."""


class WorkersAloneError(NothingRunsError):
    """Control has ended, and workers serve on, which cannot be asked."""

    def __init__(self, state_dir: Path, workers: int) -> None:
        serve = "serves" if workers == 1 else "serve"
        self.told = (
            f"the control process of {state_dir} has ended, but {workers} of its workers still {serve} with the last "
            "routes and flags"
        )
        """That alone, without the remedy."""
        super().__init__(f"{self.told}. Start the proxy again as it was started: it takes over from them.")


class Admin:
    """One running instance."""

    def __init__(self, address: Address, token: str, tls: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._token = token
        self._tls = tls

    def change(
        self, method: str, path: str, body: Any, *, tag: str | None = None, timeout_s: float | None = None
    ) -> Any:
        """Change something and return what the instance answers with; refused if something else was changed meanwhile.

        Without a tag the change is of what is served now, which is asked for first.
        """
        return self.ask(method, path, body, {"If-Match": tag or self.tag()}, timeout_s=timeout_s or _TIMEOUT_S)

    def tag(self) -> str:
        """Return the tag of what is served now. Raises AdminError."""
        return str(self.ask("GET", "/api/v1/generation")["tag"])

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        more: Mapping[str, str] | None = None,
        *,
        timeout_s: float = _TIMEOUT_S,
    ) -> Any:
        """Return the JSON that the instance answers with; a refusal raises AdminError with its own words."""
        connection = self._connection(timeout_s)
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", **(more or {})}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=payload, headers=headers)
            response = connection.getresponse()
            status, text = response.status, response.read(_LARGEST_ANSWER)
        except ssl.SSLError as error:
            raise AdminError(
                f"the admin port {self._address} is not who it should be, or speaks no TLS ({_reason(error)})."
            ) from error
        except (ConnectionError, TimeoutError, OSError) as error:
            raise NoAnswerError(
                f"no strangler answers on the admin address {self._address} ({_reason(error)}). "
                "Start one with `strangler serve`, or name another address with --admin."
            ) from error
        except http.client.HTTPException as error:
            raise AdminError(f"what answers on {self._address} is no strangler admin port.") from error
        finally:
            connection.close()
        return self._read(status, text)

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=self._tls)

    def _read(self, status: int, text: bytes) -> Any:
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise AdminError(f"what answers on {self._address} is no strangler admin port.") from error
        if status < 400:
            return answer
        found = answer if isinstance(answer, dict) else {}
        if not str(found.get("type")).startswith(PROBLEM):
            # Because a name that another program does not know says nothing of what was typed.
            raise AdminError(f"what answers on {self._address} is no strangler admin port.")
        detail, title = found.get("detail", "no reason given"), found.get("title")
        if status == 401 and title not in _DEAD:
            raise AdminError(
                f"{self._address} does not take this token. It is in the instance's state directory, in the file "
                f"{TOKEN_FILE}; name it with --token-file or give the token in STRANGLER_TOKEN.",
                answer,
            )
        raise AdminError(detail, answer)


def find(given: argparse.Namespace) -> Admin:
    """Return the instance that the options mean; whether it answers shows when it is asked."""
    state_dir: Path | None = given.state_dir
    admin: Address | None = given.admin
    expected = ""
    tls = None if given.tls_ca is None else _authorities(given.tls_ca)
    if state_dir is None and not (admin is not None and _has_token(given)):
        state_dir, configured, found = _from_file(given.config)
        tls = tls or found
        # Because whoever listens on the configured port while nothing runs would be sent the token, that address is
        # good enough only for a token that the operator gave.
        admin = admin or _running(state_dir) or (configured if _has_token(given) else None)
        expected = f" (its admin address would be {configured})"
    elif admin is None and state_dir is not None:
        admin = _running(state_dir)
    if admin is None:
        raise NothingRunsError(
            f"nothing runs on the state directory {state_dir}{expected}. Start it with `strangler serve`, or name "
            "the routes file of another with -c, its directory with --state-dir, or its address with --admin."
        )
    return Admin(admin, _token(given, admin, state_dir), tls)


def _authorities(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(path))
    except OSError as error:
        raise UsageError(f"--tls-ca: {path} holds no certificates in PEM ({_reason(error)}).") from error


def _pinned(tls: ListenerTls) -> ssl.SSLContext:
    """Return what believes the very certificates that the routes file names for the admin port, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Because this machine reaches it by a number that stands in no certificate.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for pair in tls.pairs:
        context.load_verify_locations(pair.cert)
    return context


def _from_file(path: Path) -> tuple[Path, Address, ssl.SSLContext | None]:
    """Return where a routes file keeps its state, its admin address, and the TLS there; a faulty one will do if
    something runs."""
    data = load.read_file(path, remedy=options.NO_FILE)
    try:
        config = load.parse(data, path=path)
    except ConfigError:
        state_dir = load.find_state_dir(path)
        running = _running(state_dir)
        if running is None:
            raise
        return state_dir, running, None
    return Path(config.state_dir), config.admin, None if config.admin_tls is None else _pinned(config.admin_tls)


def _running(state_dir: Path) -> Address | None:
    """Return where the instance on a state directory answers, None if there is none; workers alone cannot be asked."""
    run = runfile.read(state_dir)
    if run is None:
        return None
    if runfile.is_alive(run.control):
        return options.address(run.admin)
    if orphans := sum(runfile.is_alive(worker) for worker in run.workers):
        raise WorkersAloneError(state_dir, orphans)
    return None


def _has_token(given: argparse.Namespace) -> bool:
    return given.token_file is not None or "STRANGLER_TOKEN" in os.environ


def _token(given: argparse.Namespace, admin: Address, state_dir: Path | None) -> str:
    if given.token_file is None and "STRANGLER_TOKEN" in os.environ:
        return _one(os.environ["STRANGLER_TOKEN"], "the variable STRANGLER_TOKEN", "Set it to a token, or unset it")
    path: Path | None = given.token_file or (state_dir / TOKEN_FILE if state_dir is not None else None)
    if path is None:
        raise UsageError("the admin token is needed: name its file with --token-file, or set STRANGLER_TOKEN.")
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_TOKEN_BYTES).decode("utf-8", "replace")
    except FileNotFoundError as error:
        if given.token_file is not None:
            raise UsageError(f"--token-file: there is no file {path}. Name the one that holds the token.") from error
        raise NothingRunsError(
            f"no strangler is known on the admin address {admin}: there is no token at {path}, so nothing has run "
            "there yet. Start one with `strangler serve`, or name another with --admin and --token-file."
        ) from error
    except OSError as error:
        raise UsageError(f"the admin token at {path} cannot be read ({_reason(error)}).") from error
    if given.token_file is not None:
        return _one(text, f"--token-file: {path}", "Write a token to it, or name another file")
    return _one(text, str(path), "Delete the file and start the proxy anew, which makes one, or give another token")


def _one(text: str, where: str, remedy: str) -> str:
    """Return the token that a file or a variable holds; raises UsageError, which repeats nothing of it."""
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        fault = "holds no token" if token else "is empty"
        raise UsageError(
            f"{where} {fault}. {remedy}: one word, as `strangler token create` prints it, with --json as `secret`."
        )
    return token


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
