"""Serving: from a command line to a running application, and to a clean stop."""

import argparse
import asyncio
import errno
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from legacy_monolith.database import WrongVersionError

STOP_S = 3.0
"""What requests in flight get to end in. Shorter than the 10 s that container runtimes give before they kill."""


def run(name: str, build: Callable[[argparse.Namespace], web.Application], argv: Sequence[str] | None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit status: 0, or 2 after a one-line error."""
    try:
        return _run(name, build, _parser(name).parse_args(argv))
    except KeyboardInterrupt:
        # Because the loop takes SIGINT itself, this one came before it ran.
        return 130


def bind(listen: tuple[str, int]) -> socket.socket:
    """Return a socket that listens at `listen`."""
    family, kind, protocol, _, address = socket.getaddrinfo(*listen, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _run(name: str, build: Callable[[argparse.Namespace], web.Application], options: argparse.Namespace) -> int:
    try:
        listener = bind(options.listen)
    except OSError as error:
        return _refuse(name, _bind_error(options.listen, error))
    with listener:
        try:
            application = build(options)
        except (OSError, sqlite3.Error, WrongVersionError) as error:
            return _refuse(name, f"--data {options.data}: {error}")
        asyncio.run(_serve(application, listener))
    return 0


async def _serve(application: web.Application, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        host, port = listener.getsockname()[:2]
        sys.stdout.write(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    parser.add_argument(
        "--listen", type=_address, required=True, metavar="HOST:PORT", help="port 0 lets the system choose"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the database is kept")
    parser.add_argument("--log", action="store_true", help="write one line of JSON for each request")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, e.g. 127.0.0.1:8001")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _bind_error(listen: tuple[str, int], error: OSError) -> str:
    host, port = listen
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is already in use; stop what uses it or choose another with --listen HOST:PORT"
    return f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --listen HOST:PORT"


def _refuse(name: str, message: str) -> int:
    sys.stderr.write(f"{name}: {message}\n")
    return 2
