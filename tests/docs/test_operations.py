"""docs/operations.md names every metric and every log event, and no other."""

import ast
import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from strangler.control.operations import Flaw
from strangler.runtime.notices import FLAG_PROBLEM, LEVELS
from tests.support.issuer import Issuer
from tests.support.proxy import routes_text, running
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
_ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<kind>[\w, ]+) \|", re.MULTILINE)
_TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_CONSTANTS = {"FLAG_PROBLEM": FLAG_PROBLEM}
_ANY = ""
"""The level is worked out as the program runs."""

Event = tuple[str, str]
"""Level and name."""


def _section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


async def test_the_page_has_every_metric_with_its_type_and_no_other(tmp_path: Path) -> None:
    documented = {(row["name"], row["kind"]) for row in _ROW.finditer(_section("Metrics"))}

    Issuer(tmp_path).pair("a")
    text = routes_text(monolith=1, workers=0) + "tls: {cert: a.crt, key: a.key}\n"
    async with running(tmp_path, text) as proxy:

        async def has_gauges() -> bool:
            return "strangler_client_connections" in await proxy.metrics()

        await until(has_gauges, what="the first report of a worker")
        shown = set(_TYPE.findall(await proxy.metrics()))

    assert documented == shown


def test_the_page_has_every_log_event_with_its_level_and_no_other() -> None:
    documented = {(row["kind"], row["name"]) for row in _ROW.finditer(_section("Log"))}
    emitted = {event for path in (ROOT / "strangler").rglob("*.py") for event in _events(_tree(path))}

    assert {name for _, name in documented} == {name for _, name in emitted}
    assert {(level, name) for level, name in emitted if level != _ANY} - documented == set()


def test_the_page_has_every_problem_of_the_admin_port_and_no_other() -> None:
    table = _section("Admin port").partition("| status | `title` |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`([a-z_]+)`", table)) - {"nearest", "admin_request_failed"}
    paths = [*(ROOT / "strangler" / "control").glob("*.py"), *(ROOT / "strangler" / "runtime").glob("admin*.py")]

    raised = {code for path in paths for code in _problems(_tree(path))}

    assert documented == raised | set(Flaw)


def _tree(path: Path) -> ast.Module:
    """Return a module's syntax; CPython 3.11 now and then counts its depth wrongly (gh-106905), hence again."""
    text = path.read_text()
    for _ in range(4):
        with contextlib.suppress(SystemError):
            return ast.parse(text)
    return ast.parse(text)


def _problems(tree: ast.Module) -> Iterator[str]:
    """Yield the titles that a module gives problems."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="problem"), args=[_, ast.Constant(value=str(code)), *_]):
                yield code
            case ast.Call(func=ast.Name(id="missing"), keywords=[ast.keyword(value=ast.Constant(value=str(code))), *_]):
                yield code
            case ast.Assign(targets=[ast.Name(id="MISSING")], value=ast.Constant(value=str(code))):
                yield code


def _events(tree: ast.Module) -> Iterator[Event]:
    """Yield what a module logs, or tells control to log."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id="LOG"), attr="log"):
                yield from ((_ANY, name) for name in _names(node.args[1]))
            case ast.Attribute(value=ast.Name(id="LOG"), attr=method) if method in _METHODS:
                yield from (("error" if method == "exception" else method, name) for name in _names(node.args[0]))
            case ast.Attribute(attr=called) | ast.Name(id=called) if re.fullmatch(r"_?(on_)?(notify|notice)", called):
                yield from ((_level(name), name) for argument in node.args[:1] for name in _names(argument))
            case ast.Name(id="Notice"):
                for keyword in node.keywords:
                    if keyword.arg == "event":
                        yield from ((_level(name), name) for name in _names(keyword.value))


def _names(argument: ast.expr) -> Iterator[str]:
    """Yield the events that an argument stands for; one that was handed in is named where it came from."""
    match argument:
        case ast.Constant(value=str(name)):
            yield name
        case ast.IfExp():
            yield from _names(argument.body)
            yield from _names(argument.orelse)
        case ast.Name(id=name) if name in _CONSTANTS:
            yield _CONSTANTS[name]
        case ast.Name(id="event") | ast.Attribute():
            return
        case _:
            raise AssertionError(ast.unparse(argument))


def _level(event: str) -> str:
    return logging.getLevelName(LEVELS.get(event, logging.INFO)).lower()
