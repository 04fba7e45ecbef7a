"""Load: wrk, one thread and many keep-alive connections, for as long as a round lasts."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from bench.children import started
from bench.errors import BenchError
from bench.scenarios import USERS, Scenario

CONNECTIONS = 64
_LONGEST_S = 3600
"""What wrk is told; it takes whole seconds only, so it is stopped by SIGINT, which it answers with its figures."""
_END_S = 10.0
_MARK = "figures: "

_SCRIPT = """
local requests = {}
local last = 0

function init(args)
  local body = string.rep("x", %(body_bytes)d)
  for id = 1, %(users)d do
    local headers = {["X-User-Id"] = tostring(id), ["Accept"] = "application/json"}
    if #body > 0 then headers["Content-Type"] = "application/octet-stream" end
    requests[id] = wrk.format("%(method)s", "%(path)s", headers, #body > 0 and body or nil)
  end
end

function request()
  last = last %% %(users)d + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '%(mark)s{"requests": %%d, "us": %%d, "p50_us": %%d, "p99_us": %%d, "refused": %%d, "broken": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""

_PAUSE = """
function delay()
  return math.random(0, %(most)d)
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk did in one round."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def write_script(scenario: Scenario, folder: Path, *, pause_ms: int = 0) -> Path:
    """Write the Lua script that makes wrk send the scenario's requests, and return its path.

    Each connection pauses between an answer and its next request, twice `pause_ms` at most and that long on average.
    """
    path = folder / f"{scenario.name}.lua"
    path.write_text(
        _SCRIPT
        % {
            "method": scenario.method,
            "path": scenario.path,
            "body_bytes": scenario.body_bytes,
            "users": USERS,
            "mark": _MARK,
        }
        + (_PAUSE % {"most": 2 * pause_ms} if pause_ms else ""),
        encoding="ascii",
    )
    return path


def apply_load(
    script: Path, *, port: int, seconds: float, core: int, folder: Path, connections: int = CONNECTIONS
) -> Load:
    """Load a port of the loopback for a time; raises BenchError if any request fails."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{_LONGEST_S}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    with started("wrk", command, core=core, folder=folder) as wrk:
        time.sleep(seconds)
        wrk.send(signal.SIGINT)
        wrk.wait(_END_S)
        text = wrk.log.read_text(encoding="utf-8", errors="replace")
    found = next((line.removeprefix(_MARK) for line in text.splitlines() if line.startswith(_MARK)), None)
    if found is None:
        raise BenchError(f"wrk gave no figures; it said:\n{text}")
    figures = json.loads(found)
    if figures["refused"] or figures["broken"]:
        raise BenchError(
            f"{figures['requests']} requests, {figures['refused']} answers that were no success, {figures['broken']} "
            "broken connections: such a round measures failures."
        )
    return Load(
        requests=figures["requests"],
        seconds=figures["us"] / 1e6,
        p50_ms=figures["p50_us"] / 1000,
        p99_ms=figures["p99_us"] / 1000,
    )
