"""Running: the order of things, from the command line to the last child's end."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from demo import advice, summary
from demo.admin import Admin, Status
from demo.children import ROOT, Child, Fleet
from demo.errors import DemoError
from demo.ports import Layout, check_free, read_layout
from demo.screen import Line, Screen, open_screen
from demo.traffic import Traffic
from demo.visits import MIX, READS

_FIRST_S = 2.0
"""When a plain block comes for the first time: soon, but with something to count."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code: 0 when it was stopped, 1 when it failed, 2 when it could not begin."""
    given = _parser().parse_args(argv)
    try:
        asyncio.run(_run(given))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Because whoever read the output has gone, the interpreter's last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


async def _run(given: argparse.Namespace) -> None:
    layout = read_layout(given.routes)
    check_free(layout)
    fleet = Fleet(layout, given.data.absolute())
    screen = open_screen(sys.stdout)
    life = asyncio.timeout(None)
    try:
        async with life:
            _stop_on_signal(life, fleet)
            await _demonstrate(given, layout, fleet, screen, life)
    except TimeoutError:
        # Because a signal and --seconds both end the demo by ending its time.
        if not life.expired():
            raise
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def _demonstrate(
    given: argparse.Namespace, layout: Layout, fleet: Fleet, screen: Screen, life: asyncio.Timeout
) -> None:
    async with aiohttp.ClientSession() as session, _running(fleet, session, screen):
        admin = Admin(session, layout.admin.url, layout.state_dir)
        # Because what is no terminal may be kept in a file, a token is shown on a terminal alone.
        token = await admin.make_first_token() if screen.is_redrawn else ""
        for line in advice.addresses(layout, given.data.absolute() / "logs", token):
            _say(line)
        for flag, share in (await admin.set_starting_shares()).items():
            _say(f"flag       {flag} did not exist; set to {share}")
        _say("", "Try, in another shell:", *map(_indented, advice.commands(layout)), "")
        if given.seconds is not None:
            life.reschedule(asyncio.get_running_loop().time() + given.seconds)
        mix = READS if given.traffic == "reads" else MIX
        traffic = None if given.traffic == "off" else Traffic(layout.listen.url, mix)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_watch(fleet.proxy))
            if traffic is not None:
                tasks.create_task(traffic.run())
            await _show(admin, layout, fleet, traffic, screen, token)


@asynccontextmanager
async def _running(fleet: Fleet, session: aiohttp.ClientSession, screen: Screen) -> AsyncIterator[None]:
    """Run the children for as long as the block does; none of them is left after it."""
    try:
        _say("Starting the monolith, the extracted services and the proxy ...")
        await fleet.start(session)
        yield
    finally:
        try:
            screen.close()
            _say("Stopping the proxy, then the services; Ctrl-C again does not wait for them ...")
        finally:
            await fleet.stop()
        _say("Stopped; no process is left.")


async def _show(
    admin: Admin, layout: Layout, fleet: Fleet, traffic: Traffic | None, screen: Screen, token: str
) -> None:
    recent = summary.Recent()
    loop = asyncio.get_running_loop()
    due = loop.time() + min(_FIRST_S, screen.every_s)
    while True:
        # Because the recent share wants closer samples than plain blocks come, the status is asked each second.
        status = await admin.status()
        recent.add(status)
        if token:
            token = advice.still_shown(token, status.uptime_s, is_valid=await admin.has_first_token())
        if loop.time() >= due:
            screen.show(_page(status, recent, layout, fleet, traffic, screen, token))
            due = loop.time() + screen.every_s
        await asyncio.sleep(min(1.0, max(0.0, due - loop.time())))


def _page(
    status: Status,
    recent: summary.Recent,
    layout: Layout,
    fleet: Fleet,
    traffic: Traffic | None,
    screen: Screen,
    token: str,
) -> Sequence[Line]:
    workers = sum(worker.state == "serving" for worker in status.workers)
    title = (
        f"strangler demo  {layout.listen.url}  up {summary.duration(status.uptime_s)}  "
        f"workers {workers}/{len(status.workers)}  Ctrl-C stops all"
    )
    lines = [
        Line(title, is_heading=True),
        # Because what was said at first is on the page that this one covers.
        *(map(Line, advice.signing_in(layout, token)) if screen.is_redrawn else ()),
        Line(""),
        *summary.table(status, recent, screen.width),
        Line(""),
        *summary.notes(status),
        *(
            Line(f"{child.name:<9} has ended ({child.ending}); the demo goes on", is_alert=True)
            for child in fleet.services
            if not child.is_running
        ),
    ]
    if traffic is None:
        lines.append(Line("traffic   off"))
    else:
        passed = asyncio.get_running_loop().time() - traffic.started
        lines += map(Line, summary.traffic_lines(traffic.counts, passed, traffic.left_s(), traffic.ended))
    if not screen.is_redrawn:
        return lines
    lines += [Line(""), Line("Try, in another shell:", is_heading=True)]
    for command in advice.commands(layout, status):
        shown = _indented(command).splitlines()
        # Because half a command is worse than none.
        if len(lines) + len(shown) > screen.height:
            break
        lines += map(Line, shown)
    return lines


async def _watch(proxy: Child) -> None:
    await proxy.wait_end()
    raise DemoError(f"the proxy has ended ({proxy.ending}). {proxy.last_words()}")


def _stop_on_signal(life: asyncio.Timeout, fleet: Fleet) -> None:
    """Let a signal end the demo; a second one ends it without waiting for anybody."""
    loop = asyncio.get_running_loop()
    asked = False

    def ask() -> None:
        nonlocal asked
        if asked or life.expired():
            fleet.kill()
        else:
            asked = True
            life.reschedule(loop.time())

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask)


def _indented(command: str) -> str:
    return "\n".join(f"  {line}" for line in command.splitlines())


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Run everything on this machine, and watch.")
    parser.add_argument(
        "--traffic",
        choices=("on", "reads", "off"),
        default="on",
        help="send traffic; `reads` changes no data (default: on)",
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="stop by itself after so long (default: at Ctrl-C)")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "build" / "demo",
        metavar="DIR",
        help="where databases and logs are kept (default: build/demo)",
    )
    parser.add_argument(
        "--routes",
        type=Path,
        default=ROOT / "routes.yaml",
        metavar="FILE",
        help="the routes file; it also says which ports are used (default: routes.yaml)",
    )
    return parser
