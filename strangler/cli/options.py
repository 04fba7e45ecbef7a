"""Options that several commands take, and the values behind them."""

import argparse
import re
import sys
from pathlib import Path

from strangler.config import addresses, load
from strangler.config.units import Wrong
from strangler.core.model import Address
from strangler.errors import ConfigError, UsageError

DEFAULT_FILE = Path("routes.yaml")
NO_FILE = "Name a file that is there with -c, or the state directory with --state-dir"
"""The remedy of a command that wants the routes file only to know where the state is."""
_HEADER = re.compile(r"[ -~]*[!-~][ -~]*")


def add_file(parser: argparse.ArgumentParser) -> None:
    """Let the command take a routes file."""
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=DEFAULT_FILE,
        metavar="FILE",
        help="the routes file (default: ./routes.yaml)",
    )


def add_admin(parser: argparse.ArgumentParser) -> None:
    """Let the command be told where a running instance answers, and with which token."""
    add_file(parser)
    parser.add_argument(
        "--admin",
        type=address,
        metavar="HOST:PORT",
        help="where the running instance's admin port is (default: as the routes file and its state say)",
    )
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="its state directory (default: the file's)")
    parser.add_argument(
        "--tls-ca",
        type=Path,
        metavar="FILE",
        help="speak TLS to it, and believe these CAs (default: as the routes file says, and then its own certificate)",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="a file with the admin token (default: the variable STRANGLER_TOKEN, then the state directory)",
    )


def state_dir(given: argparse.Namespace) -> Path:
    """Return where the state is, for a command that needs nothing else of the routes file.

    A file with faults will do, and that is said on standard error; raises ConfigError if it cannot be read at all.
    """
    if given.state_dir is not None:
        return Path(given.state_dir)
    data = load.read_file(given.config, remedy=NO_FILE)
    try:
        return Path(load.parse(data, path=given.config).state_dir)
    except ConfigError:
        found = load.find_state_dir(given.config)
        # Because a fault may be in the very line that names it, which directory it was is said.
        print(
            f"strangler: {given.config} has faults, see `strangler check`; the state directory is {found}.",
            file=sys.stderr,
        )
        return found


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Let the command, which changes something, be only tried."""
    about = "check everything, say what would change, and change nothing; what cannot be done has the same exit code"
    parser.add_argument("--dry-run", action="store_true", help=about)


def add_change(parser: argparse.ArgumentParser) -> None:
    """Let the command, which changes something, be told why, and what it is a change of, and be only tried."""
    add_dry_run(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why, for the next person on call; asked for on a terminal")
    parser.add_argument(
        "--if-match",
        type=tag,
        metavar="TAG",
        help="only if this is still served: a `tag` that the API gave, or `*` (default: what is served now)",
    )


def reason(given: argparse.Namespace) -> str:
    """Return why something is changed, which no change goes without but a dry run; raises UsageError."""
    if given.reason is None and given.dry_run:
        return ""
    if given.reason is None and sys.stdin.isatty():
        try:
            # Because standard output may be what a program reads.
            print("Reason, for the audit log: ", end="", file=sys.stderr, flush=True)
            given.reason = input()
        except EOFError:
            print()
    if given.reason is None or not given.reason.strip():
        raise UsageError("a reason is needed: it is what the next person on call reads. Add --reason TEXT.")
    return str(given.reason).strip()


def address(text: str) -> Address:
    """Return the address that was typed as HOST:PORT or [IPV6]:PORT."""
    # Because it is often copied from where a browser finds it; TLS is spoken as the routes file or --tls-ca says.
    found = addresses.listener(text.removeprefix("http://").removesuffix("/") if text.startswith("http://") else text)
    if text.startswith("https://"):
        raise argparse.ArgumentTypeError(f"{text!r} has a scheme. Write HOST:PORT, and for TLS the CA with --tls-ca")
    if isinstance(found, Wrong):
        raise argparse.ArgumentTypeError(f"{found.message}. {found.remedy}")
    return found


def name(text: str) -> str:
    """Return the name of a flag, a route or another thing that stands in the path of a request."""
    # Because a path's `.` and `..` mean another path, and an empty part means the list of all.
    if not text.isprintable() or not text.strip() or text in (".", ".."):
        raise argparse.ArgumentTypeError(f"{text!r} is no name")
    return text


def tag(text: str) -> str:
    """Return a tag as a header may hold it; an empty one is refused, because it would stand for none."""
    if not _HEADER.fullmatch(text):
        raise argparse.ArgumentTypeError("this is no tag; copy `tag` of an answer, straight quotes included, or give *")
    return text


def count(text: str) -> int:
    """Return a number of workers."""
    if not text.isascii() or not text.isdigit() or int(text) > 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 256")
    return int(text)


def header(text: str) -> tuple[str, str]:
    """Return a header that was typed as 'Name: value'."""
    name, separator, value = text.partition(":")
    if not separator or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()
