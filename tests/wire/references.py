"""nginx and HAProxy as references: started as children on loopback, ended by their own process."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy"}


def need(program: str) -> str:
    """Return a program's path, or skip the test."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"needs {program}: apt-get install {PACKAGES[program]}")
    return found


def free_port() -> int:
    """Return a port of the loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def nginx(folder: Path, *, listen: int, upstream: int) -> list[str]:
    """Return the command of an nginx that passes requests on as they come."""
    # Because a worker of root would become another user, who cannot write to this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        daemon off; master_process off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{ worker_connections 256; }}
        http {{
          access_log off; {paths}
          server {{
            listen 127.0.0.1:{listen};
            location / {{
              proxy_pass http://127.0.0.1:{upstream};
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_set_header Host $http_host;
              proxy_ignore_client_abort on;
            }}
          }}
        }}
        """,
        encoding="utf-8",
    )
    return [need("nginx"), "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]


def haproxy(folder: Path, *, listen: int, upstream: int) -> list[str]:
    """Return the command of a HAProxy that passes requests on as they come."""
    config = folder / "haproxy.cfg"
    config.write_text(
        f"""
global
    maxconn 256
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    option http-server-close
frontend clients
    bind 127.0.0.1:{listen}
    default_backend origin
backend origin
    server one 127.0.0.1:{upstream}
""",
        encoding="utf-8",
    )
    return [need("haproxy"), "-db", "-q", "-f", str(config)]


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """Run a command as a child until the block ends."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)
