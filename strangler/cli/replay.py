"""`strangler replay`: ask a build what clients have asked, and hold its answers beside those that they got."""

import argparse
import asyncio
import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from strangler.cli import exits, recorded, shadow
from strangler.cli.recorded import Recorded
from strangler.cli.status import side_text
from strangler.cli.times import date_text
from strangler.config import addresses
from strangler.config.units import Wrong
from strangler.config.units import duration as read_duration
from strangler.core.noise import Nature
from strangler.core.offer import MARK, Fields
from strangler.errors import UsageError

MOST_AT_ONCE = 32
"""As many as the comparer asks at a time."""
LONGEST_S = 60.0
_MOST_FILE_BYTES = 65_536
_EXIT_CODES = exits.codes(
    {
        0: "no difference",
        1: "there are differences that shadowing does not know as noise",
        2: "the command line, the routes file, the state or its key is at fault",
        3: "no difference, but not all was asked or could be compared",
    }
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~\x80-\U0010ffff]*")


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        help="ask another build what was recorded, and compare",
        description="Ask recorded reads of another build, and compare its answers with those that clients got, by the "
        "route's rules. Only reads are ever sent, marked with X-Strangler-Shadow.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    recorded.add_source(parser)
    parser.add_argument(
        "--against", required=True, type=_url, metavar="URL", help="the build, such as http://127.0.0.1:8101"
    )
    parser.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        metavar="HEADER",
        help="'Name: value', sent with each request in place of a recorded one of that name; @FILE reads such lines",
    )
    parser.add_argument(
        "--header-env",
        action="append",
        default=[],
        metavar="VARIABLE",
        help="a variable of the environment that holds such lines, so that a secret is on no command line",
    )
    parser.add_argument("--timeout", type=_timeout, default=5.0, metavar="TIME", help="for an answer (default: 5s)")
    parser.add_argument("--concurrency", type=_at_once, default=4, metavar="N", help="at a time (default: 4)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    # Because this import costs more than the other commands need.
    from strangler.shadow.replayer import Replayer, Target

    own = read_headers(given.header, given.header_env, os.environ)
    source = recorded.read(given)
    target = Target(base=given.against, headers=own, timeout_s=given.timeout, at_once=given.concurrency)
    noisy = frozenset(key for key, nature in source.natures.items() if nature is Nature.NOISE)
    done = asyncio.run(Replayer(source.route.name, source.shadow, target, noisy).run(source.recordings))
    answer = _told(given, source, done)
    print(json.dumps(answer, indent=2) if given.json else "\n".join(lines(answer)))
    if done.unreached:
        print(
            f"strangler: {given.against} was not reached ({done.unreached}). Start the build there, or name another "
            "address with --against.",
            file=sys.stderr,
        )
    counts = answer["counts"]
    if counts["different"] > answer["noise_only"]:
        return 1
    return 3 if counts["not_comparable"] or answer["dropped"] or source.closed else 0


def lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Return what a replay has shown as text, in the words of `shadow report`."""
    recorded = answer["recorded"]
    sides = ", ".join(f"{side_text(side)} {count:,}" for side, count in recorded["sides"].items())
    times = f"{date_text(recorded['first'])} to {date_text(recorded['last'])}"
    yield f"{answer['route']}: {recorded['count']:,} reads recorded {times} ({sides})"
    yield f"  asked again of {answer['against']}; primary is what was recorded, shadow what it answers now"
    kinds = "1 kind" if recorded["kinds"] == 1 else f"{recorded['kinds']:,} kinds"
    yield f"  all counts are of the recorded reads, of {kinds}; live traffic has its own shares of each"
    if recorded["closed"]:
        yield f"  {recorded['closed']:,} more cannot be opened"
    yield from shadow.body(answer, nature=_nature)
    if answer["noise_only"]:
        yield ""
        yield f"  {answer['noise_only']:,} of the different only where, and as, shadowing has proven noise"


def read_headers(texts: Sequence[str], variables: Sequence[str], environ: Mapping[str, str]) -> Fields:
    """Return the headers that the options mean, each `Name: value`, `@FILE`, or a variable; raises UsageError."""
    found: list[tuple[bytes, bytes]] = []
    for text in texts:
        found += _headers(_file(text[1:]), text[1:]) if text.startswith("@") else _headers(text, "--header")
    for name in variables:
        if name not in environ:
            raise UsageError(f"--header-env: there is no variable {name} in the environment")
        found += _headers(environ[name], f"the variable {name}")
    return tuple(found)


def _file(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            return file.read(_MOST_FILE_BYTES).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError(f"--header: {name} cannot be read ({error.strerror})") from error


def _headers(content: str, where: str) -> list[tuple[bytes, bytes]]:
    lines = content.replace("\r\n", "\n").split("\n")
    return [_header(line, where, number) for number, line in enumerate(lines, 1) if line.strip()]


def _header(line: str, where: str, number: int) -> tuple[bytes, bytes]:
    # Because it may hold a secret, nothing of it is repeated.
    from strangler.core.replaying import OURS

    name, separator, value = line.partition(":")
    name, value = name.strip(), value.strip()
    if not separator or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise UsageError(f"line {number} of {where} is not `Name: value`")
    if name.lower().encode() in OURS or name.lower() == MARK.lower():
        raise UsageError(f"line {number} of {where} would frame or mark the request; leave {name} out")
    return name.encode("ascii"), value.encode("utf-8", "surrogateescape")


def _told(given: argparse.Namespace, source: Recorded, done: Any) -> dict[str, Any]:
    from strangler.control.shadowdesk import whole

    found = dict(whole(done.findings, source.shadow))
    for key in ("is_in_file", "mode", "sample_bp", "since", "natures", "parity"):
        # Because they tell of shadowing, not of this; recordings are balanced by kind, so no bound follows from them.
        del found[key]
    for group in found["groups"]:
        nature = source.natures.get((group["place"], group["kind"]))
        group["shadowing_found"] = None if nature is None else nature.value
        for key in ("nature", "raw_only", "noise_only", "both", "p"):
            del group[key]
    return {
        **found,
        "against": given.against,
        "recorded": {
            "count": len(source.recordings),
            "kinds": source.kinds,
            "closed": source.closed,
            "sides": dict(done.sides),
            "first": done.first,
            "last": done.last,
        },
        "noise_only": done.noise_only,
    }


def _nature(group: Mapping[str, Any]) -> str:
    match group["shadowing_found"]:
        case None:
            return "not seen by shadowing"
        case nature:
            return f"{nature}, as shadowing found"


def _url(text: str) -> str:
    found = addresses.service(text)
    if isinstance(found, Wrong):
        remedy = found.remedy if "://" in text else f"Write it with its scheme: http://{text}"
        raise argparse.ArgumentTypeError(f"{found.message}. {remedy}")
    return found


def _timeout(text: str) -> float:
    found = read_duration(text)
    if isinstance(found, Wrong) or found > LONGEST_S or math.isnan(found):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time of at most 60s, such as 5s or 500ms")
    return found


def _at_once(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_AT_ONCE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_AT_ONCE}")
    return int(text)
