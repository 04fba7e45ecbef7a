"""nginx: as the origin that all proxies share, and as one of the proxies."""

import os
from pathlib import Path

_FOREVER = "keepalive_requests 1000000000; keepalive_time 24h;"
"""A connection that is closed every 1,000 requests would be measured, too."""
_PIECE = "x" * 1024
"""A word of a configuration has less than 4 KiB, so a large body is put together from pieces."""
SMALL_BODY = '{"id": 42, "status": "shipped", "total_cents": 1999, "currency": "EUR"}'


def origin(folder: Path, ports: list[int]) -> list[str]:
    """Return the command of an origin that answers from memory: JSON, and 64 KiB at /large."""
    listens = " ".join(f"listen 127.0.0.1:{port} backlog=1024;" for port in ports)
    large = "$piece" * 64
    return _command(
        folder,
        "origin",
        f"""
        server {{
          {listens}
          {_FOREVER}
          default_type application/json;
          set $piece '{_PIECE}';
          location / {{ return 200 '{SMALL_BODY}'; }}
          location /large/ {{ return 200 "{large}"; }}
        }}""",
    )


def proxy(folder: Path, *, listen: int, upstream: int) -> list[str]:
    """Return the command of a proxy with pooled connections that sets what ours sets on forwarded requests."""
    return _command(
        folder,
        "proxy",
        f"""
        upstream origin {{
          server 127.0.0.1:{upstream};
          keepalive 64;
          {_FOREVER}
        }}
        server {{
          listen 127.0.0.1:{listen} backlog=1024;
          {_FOREVER}
          proxy_http_version 1.1;
          proxy_buffers 16 16k;
          proxy_max_temp_file_size 0;
          proxy_set_header Connection "";
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_set_header X-Forwarded-Host $http_host;
          proxy_set_header X-Request-Id $request_id;
          proxy_set_header Via "1.1 nginx";
          add_header Via "1.1 nginx";
          location / {{ proxy_pass http://origin; }}
        }}""",
    )


def _command(folder: Path, name: str, http: str) -> list[str]:
    prefix = folder / f"nginx-{name}"
    prefix.mkdir()
    temporary = "".join(
        f"{kind}_temp_path {prefix}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Because a worker of root would become another user, who cannot write to this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config = prefix / "nginx.conf"
    config.write_text(
        f"""
        daemon off; {user} worker_processes 1; pid {prefix}/nginx.pid; error_log stderr warn;
        events {{ worker_connections 1024; }}
        http {{
        access_log off;
        {temporary}{http}
        }}
        """,
        encoding="utf-8",
    )
    return ["nginx", "-p", str(prefix), "-c", str(config), "-e", "stderr"]
