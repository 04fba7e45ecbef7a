"""The demo: it shows both sides at work, and leaves nothing behind."""

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.demo.demos import command_of, is_running, port_of, put_faults, started, strangler, write_routes
from tests.support.waiting import until

pytestmark = pytest.mark.slow
_ROW = re.compile(
    r"^(?P<name>[\w.]+|all other requests) .*? "
    r"(?P<legacy>[\d,]+) +(?P<legacy_failed>[\d,]+) +[\d.-]+ +"
    r"(?P<extracted>[\d,]+) +(?P<extracted_failed>[\d,]+) +[\d.-]+",
    re.MULTILINE,
)


async def test_the_summary_shows_requests_of_both_sides_and_no_failure(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)

    async with started(routes, "--seconds", "3") as demo:
        code = await demo.wait_end()

    rows = {row["name"]: row.groupdict() for row in _ROW.finditer(demo.text)}
    assert code == 0, demo.text
    assert int(rows["notifications.list"]["legacy"]) > 0, demo.text
    assert int(rows["notifications.list"]["extracted"]) > 0, demo.text
    assert {row["legacy_failed"] + row["extracted_failed"] for row in rows.values()} == {"00"}, demo.text
    assert " 0 failed, 0 refused (4xx)" in demo.text


async def test_an_outage_at_two_per_cent_is_taken_back_shown_with_its_reason_and_reset(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)

    async with started(routes) as demo:
        await demo.wait_for("requests/s")
        await put_faults(routes, "payments", {"error_rate": 1})
        await demo.wait_for("TRIPPED   ")
        await demo.wait_for("tripped, flag says 2%")
        status = await strangler(routes, "status")
        audit = await strangler(routes, "audit", "list")
        await put_faults(routes, "payments", {})
        reset = await strangler(routes, "reset", "payments.create", "--reason", "mended")
        after = await strangler(routes, "status")
        demo.process.terminate()
        code = await demo.wait_end()

    rows = [line.split() for line in status.output.splitlines() if line.startswith("payments.")]
    assert [row[:2] for row in rows] == [[f"payments.{name}", "0%"] for name in ("create", "read", "transactions")]
    assert re.search(
        r"^TRIPPED  payments\.\w+ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: it fails more", status.output, re.MULTILINE
    )
    assert "the flag says 2%" in status.output
    assert "failures are its own" in demo.text.replace("\n          ", " ")
    assert audit.output.count(" trip ") == 3
    assert reset.output == "reset: payments.create, payments.read, payments.transactions\n"
    assert "TRIPPED" not in after.output
    assert (status.code, audit.code, reset.code, after.code, code) == (3, 0, 0, 0, 0), demo.text


async def test_an_interrupt_ends_every_process_and_is_no_failure(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)

    async with started(routes) as demo:
        await demo.wait_for("requests/s")
        demo.process.send_signal(signal.SIGINT)
        code = await demo.wait_end()
        left = {pid for pid in demo.pids if is_running(pid)}

    assert len(demo.pids) >= 8, "one monolith, four services, one control, two workers"
    assert (code, left) == (0, set()), demo.text
    assert demo.text.endswith("Stopped; no process is left.\n")
    assert "Traceback" not in demo.text


async def test_a_killed_demo_leaves_no_process_and_the_next_keeps_its_flags(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)
    async with started(routes, "--traffic", "off") as killed:
        await killed.wait_for("Try, in another shell")
        killed.process.kill()
        await until(lambda: not any(is_running(pid) for pid in killed.pids), what="all children have ended")

    async with started(routes, "--traffic", "off", "--seconds", "0") as second:
        code = await second.wait_end()

    assert code == 0, second.text
    assert "payments did not exist; set to 2%" in killed.text
    assert "did not exist" not in second.text


async def test_a_service_that_dies_is_told_and_the_demo_goes_on(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)

    async with started(routes, "--traffic", "off") as demo:
        await demo.wait_for("Try, in another shell")
        [payments] = [pid for pid in demo.pids if "extracted.payments" in command_of(pid)]
        os.kill(payments, signal.SIGKILL)
        await demo.wait_for("payments  has ended (ended by SIGKILL); the demo goes on")
        demo.process.terminate()
        code = await demo.wait_end()

    assert code == 0, demo.text


async def test_a_port_in_use_is_one_line_that_names_port_user_and_setting(tmp_path: Path) -> None:
    routes = write_routes(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port_of(routes, "payments")))
        other.listen()

        async with started(routes) as demo:
            code = await demo.wait_end()

    assert code == 2
    assert demo.text == (
        f"demo: port {port_of(routes, 'payments')} on 127.0.0.1 is in use, and payments needs it: "
        "stop what uses it, or change upstreams.payments.url in routes.yaml.\n"
    )


async def test_a_file_without_addresses_is_told_plainly(tmp_path: Path) -> None:
    routes = tmp_path / "routes.yaml"
    routes.write_text("version: 1\n")

    async with started(routes) as demo:
        code = await demo.wait_end()

    assert code == 2
    assert demo.text.startswith(f"demo: {routes}: the demo finds no addresses in it.")
