"""Commands against a running instance."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from strangler.cli import main
from tests.support.backend import backend, ok, says
from tests.support.proxy import Proxy, routes_text, running
from tests.support.waiting import until

ROUTE = "{name: items, match: {path: /items}, extracted: extracted, flag: items}"


@pytest.fixture
def workers() -> int:
    """Because few commands look at workers, one process is all."""
    return 0


@pytest.fixture
async def proxy(tmp_path: Path, workers: int) -> AsyncIterator[Proxy]:
    async with (
        backend(says(ok(b"monolith"))) as monolith,
        backend(says(ok(b"extracted"))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=workers)
        ) as made,
    ):
        yield made


async def run(proxy: Proxy, *arguments: str) -> int:
    """Run a command on a thread, so that this loop serves the backends meanwhile."""
    return await asyncio.to_thread(main, [*arguments, "-c", str(proxy.routes)])


async def test_setting_a_flag_shows_in_list_get_and_explain(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [await run(proxy, "flags", "set", "items", "100%", "--reason", "test")]
    set_text = capsys.readouterr().out
    codes.append(await run(proxy, "flags", "list"))
    listed = capsys.readouterr().out.splitlines()
    codes.append(await run(proxy, "flags", "get", "items"))
    shown = json.loads(capsys.readouterr().out)
    codes.append(await run(proxy, "explain", "GET", "/items", "-H", "X-User-Id: 7"))
    explained = capsys.readouterr()

    assert codes == [0, 0, 0, 0]
    assert set_text == "items: on, 100% extracted, version 1\n"
    assert [line.split() for line in listed] == [
        ["FLAG", "KIND", "STATE", "SHARE", "STAGE", "RULES", "TARGETS"],
        ["items", "boolean", "on", "100%", "-", "0", "0"],
    ]
    assert (shown["key"], shown["on"]) == ("items", True)
    assert "side      extracted" in explained.out
    assert explained.err == ""


async def test_a_definition_from_a_file_replaces_the_flag(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    await run(proxy, "flags", "set", "items", "25%", "--reason", "test")
    await run(proxy, "flags", "get", "items")
    definition = proxy.folder / "flag.json"
    definition.write_text(capsys.readouterr().out.split("\n", 1)[1].replace('"on": true', '"on": false'))

    code = await run(proxy, "flags", "set", "items", "--definition", str(definition), "--reason", "test")

    assert code == 0
    assert capsys.readouterr().out.startswith("items: off, 0% extracted")


async def test_a_definition_that_says_one_thing_twice_is_refused_with_its_line(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = proxy.folder / "flag.json"
    definition.write_text('{"on": true,\n "variations": [false, true],\n "on": false}')

    code = await run(proxy, "flags", "set", "items", "--definition", str(definition), "--reason", "test")

    assert code == 2
    assert f"{definition}:3: 'on' stands twice in one object" in capsys.readouterr().err


async def test_what_is_rarely_meant_is_taken_with_a_caution(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    definition = proxy.folder / "flag.json"
    flag = {"on": True, "variations": [False, True], "offVariation": 1, "fallthrough": {"variation": 0}}
    definition.write_text(json.dumps(flag))

    code = await run(proxy, "flags", "set", "items", "--definition", str(definition), "--reason", "test")

    assert code == 0
    assert "caution: offVariation means the extracted side" in capsys.readouterr().err


async def test_a_value_that_means_nothing_and_an_unknown_name_exit_2_with_what_can_be_written(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [
        await run(proxy, "flags", "set", "items", "lots", "--reason", "test"),
        await run(proxy, "flags", "get", "items"),
        await run(proxy, "explain", "GET", "nopath"),
    ]

    assert codes == [2, 2, 2]
    assert "a percentage such as 25%" in capsys.readouterr().err


async def test_a_wrong_token_is_told_without_repeating_it(
    proxy: Proxy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGLER_TOKEN", "not-the-token")

    code = await run(proxy, "status")

    error = capsys.readouterr().err
    assert code == 1
    assert "does not take this token" in error
    assert "not-the-token" not in error


async def test_status_is_a_table_and_json_on_request(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    await run(proxy, "status")
    text = capsys.readouterr().out
    await run(proxy, "status", "--json")
    status = json.loads(capsys.readouterr().out)

    assert "ROUTE" in text
    assert "items" in text
    assert status["routes"][0]["note"] == "flag missing"


@pytest.mark.parametrize("mistake", ["no_such_key: 1", "upstreams: [", "\tnot yaml"])
async def test_a_faulty_routes_file_keeps_nobody_from_taking_traffic_back(
    proxy: Proxy, mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(proxy, "flags", "set", "items", "25%", "--reason", "test")
    proxy.routes.write_text(f"{proxy.routes.read_text()}{mistake}\n")

    codes = [await run(proxy, "flags", "set", "items", "off", "--reason", "test"), await run(proxy, "status")]

    output = capsys.readouterr()
    assert codes == [0, 0]
    assert "items: off, 0% extracted" in output.out
    assert output.err == ""


async def test_a_routes_file_that_is_gone_is_told_as_it_is(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    proxy.routes.unlink()

    code = await run(proxy, "status")

    assert code == 2
    assert "the file cannot be read" in capsys.readouterr().err


async def test_a_flag_that_nobody_names_is_a_slip_until_it_is_said_to_be_meant(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [await run(proxy, "flags", "set", "itmes", "off", "--reason", "test")]
    slip = capsys.readouterr()
    codes.append(await run(proxy, "flags", "set", "itmes", "off", "--create", "--reason", "test"))
    meant = capsys.readouterr()

    assert codes == [2, 0]
    assert slip.out == ""
    assert slip.err == (
        "strangler: no flag `itmes` is known, and no route names it. To make it all the same, say so: "
        '`"create": true`, or `--create` on the command line. Did you mean `items`?\n'
    )
    assert meant.out.startswith("itmes: off")
    assert (
        meant.err
        == "strangler: caution: no route names the flag `itmes`, so it moves no traffic. Did you mean `items`?\n"
    )


async def test_a_flag_is_deleted_once_no_route_names_it(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    await run(proxy, "flags", "set", "items", "100%", "--reason", "test")
    await proxy.wait_ready()
    found = [await proxy.get("/items")]
    flagged, fixed = proxy.routes, proxy.folder / "fixed.yaml"
    fixed.write_text(flagged.read_text().replace("flag: items", "share: 0%"))
    (proxy.folder / "again.yaml").write_text(flagged.read_text())
    capsys.readouterr()

    codes = [await run(proxy, "flags", "delete", "items", "--reason", "done")]
    refused = capsys.readouterr().err
    codes.append(await run(proxy, "config", "apply", str(fixed), "--reason", "done"))
    capsys.readouterr()
    codes.append(await run(proxy, "flags", "delete", "items", "--reason", "done"))
    deleted = capsys.readouterr().out
    codes.append(await run(proxy, "flags", "get", "items"))
    codes.append(await run(proxy, "config", "apply", str(proxy.folder / "again.yaml"), "--reason", "once more"))
    await proxy.wait_ready()
    found.append(await proxy.get("/items"))
    capsys.readouterr()
    codes.append(await run(proxy, "explain", "GET", "/items", "-H", "X-User-Id: 7"))

    assert codes == [1, 0, 0, 2, 0, 0]
    assert "the route `items`" in refused
    assert deleted == "items: deleted\n"
    assert found == [(200, "extracted"), (200, "monolith")]
    assert "flag_missing" in capsys.readouterr().out


async def test_status_of_an_instance_that_stops_exits_1_and_says_so(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await run(proxy, "status")
    proxy.routes.write_text(proxy.routes.read_text() + "drain_delay: 1h\n")
    generation = (await proxy.status())["generation"]

    async def is_taken_over() -> bool:
        return bool((await proxy.status())["generation"] > generation)

    await until(is_taken_over)
    proxy.process.send_signal(signal.SIGTERM)
    await until(lambda: bool(proxy.events("stopping")))
    capsys.readouterr()

    code = await run(proxy, "status")

    assert (before, code) == (0, 1)
    assert "ready    no: stopping" in capsys.readouterr().out


@pytest.mark.parametrize("workers", [1])
@pytest.mark.parametrize("way", [[], ["--state-dir"]])
async def test_explain_beside_workers_that_outlive_their_control_process_says_what_it_goes_by(
    proxy: Proxy, way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    await run(proxy, "flags", "set", "items", "100%", "--reason", "test")
    await proxy.stop(signal.SIGKILL)
    if way:
        # Because the directory that is named goes before the file's.
        proxy.routes.write_text(proxy.routes.read_text().replace("state_dir: state", "state_dir: elsewhere"))
        way = [*way, str(proxy.state_dir)]
    capsys.readouterr()

    code = await run(proxy, "explain", "GET", "/items", "-H", "X-User-Id: 7", *way)

    printed = capsys.readouterr()
    assert code == 0
    assert printed.out.startswith("side      extracted")
    assert printed.err == (
        f"strangler: the control process of {proxy.state_dir} has ended, but 1 of its workers still serves with the "
        "last routes and flags; worked out from the files, with trips and the kill switch as they are stored, as the "
        "next start would serve, from which theirs may differ.\n"
    )


@pytest.mark.parametrize("workers", [1])
async def test_workers_that_outlive_their_control_process_are_told(
    proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    await proxy.stop(signal.SIGKILL)

    code = await run(proxy, "status")

    assert code == 1
    assert capsys.readouterr().err == (
        f"strangler: the control process of {proxy.state_dir} has ended, but 1 of its workers still serves with the "
        "last routes and flags. Start the proxy again as it was started: it takes over from them.\n"
    )


async def test_the_reason_of_a_trip_neither_drives_the_terminal_nor_makes_lines_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guarded = ROUTE.replace("flag: items", "flag: items, rollback: {}")
    async with running(tmp_path, routes_text(monolith=1, extracted=2, routes=[guarded], workers=0)) as proxy:
        why = "it fails\nready    yes\x1b[2J\u202e"
        await run(proxy, "trip", "items", "--reason", why)
        capsys.readouterr()
        await run(proxy, "status")
        await run(proxy, "audit", "list")

    told = capsys.readouterr().out
    assert told.count(r"it fails\nready    yes") == 2
    assert not {"\x1b", "\u202e"} & set(told)
