"""docs/first-migration.md from the command line: every line of it, in its order, beside a demo of its own."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.demo.demos import ROOT, Said, port_of, started, write_routes
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PAGE = (ROOT / "docs" / "first-migration.md").read_text().partition("\n## From the command line\n")[2]
# Because every line is asked here until it says what it should, nothing waits as a person does who pastes them.
COMMANDS = [line.strip() for line in re.findall(r"^    (?!sleep )\S.*$", PAGE, re.MULTILINE)]
WAIT_S = 60.0
"""The page says up to fifteen seconds; a busy machine may take longer."""


async def ask(folder: Path, command: str) -> Said:
    """Run a line of the page in the folder of the routes file."""
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, output.decode())


async def test_every_line_of_the_walk_does_what_the_page_says(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)
    routes.write_text(re.sub(r"^workers: .*$", r"\g<0>\nstate_dir: state", routes.read_text(), flags=re.MULTILINE))
    faults = f":{port_of(routes, 'payments')}/"
    found: dict[str, Said] = {}

    async def say(command: str, code: int, text: str) -> None:
        """Run a line until it says so; what changes something says it at once."""
        is_question = re.match(r"strangler (status|shadow report|plan|audit)", command)

        async def has_said() -> bool:
            found[command] = said = await ask(tmp_path, command.replace(":8104/", faults))
            assert is_question or said.code == code, (command, said)
            return said.code == code and text in said.output

        await until(has_said, deadline_s=WAIT_S, what=command)

    expected = iter(
        [
            (0, "payments: on, 0% extracted"),
            (0, ""),
            (3, "more asked of the other side as well"),
            (0, "written: "),
            (0, "$.items[*].fee_cents"),
            (0, "written: "),
            (0, "99% is proven"),
            (0, "2% extracted"),
            (0, "25% extracted"),
            (0, ""),
            (3, "TRIPPED  payments.transactions"),
            (0, ""),
            (0, "reset: payments.transactions"),
            (0, "99% is proven"),
            (0, "reset: payments.create, payments.read, payments.transactions"),
            (0, "100% extracted"),
            (0, "payments.transactions  99%"),
            (0, ""),
            (3, "to the extracted side"),
            (0, "written: "),
            (0, "moved for good"),
        ]
    )
    async with started(routes, "--traffic", "reads") as demo:
        await demo.wait_for("Try, in another shell:")
        for line in COMMANDS:
            await say(line.partition("  #")[0].strip(), *next(expected))
        demo.process.terminate()

    assert next(expected, None) is None
    report = found["strangler shadow report payments.transactions"].output
    assert set(re.findall(r"^  (\$\S*)  ", report, re.MULTILINE)) == {"$.items[*].fee_cents"}
