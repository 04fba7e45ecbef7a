"""`python -m legacy_monolith --listen HOST:PORT --data DIR`: the monolith as a process."""

import argparse
import sys

from aiohttp import web

from legacy_monolith.requestlog import write_line
from legacy_monolith.serving import run
from legacy_monolith.wiring import application


def build(options: argparse.Namespace) -> web.Application:
    """Return the application that the command line asks for."""
    return application(options.data, log=write_line if options.log else None)


if __name__ == "__main__":
    sys.exit(run("legacy_monolith", build, None))
