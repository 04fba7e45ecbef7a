"""OpenAPI: the document that describes the admin API, made of the same table that serves it."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from strangler.control.dryrun import DryRun, DryRunQuery
from strangler.control.operations import Operation, Problem, Role

_REFERENCE = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)\}")
_TAG = {"type": "string"}
SESSION_COOKIE = "strangler-session"

Schemas = Mapping[Any, Mapping[str, Any]]
"""Of each kind that is taken or answered."""

_HEADERS: dict[str, Any] = {
    "ETag": {"description": "What is served, by its generation; a change gives it back as If-Match.", "schema": _TAG},
}


def document(operations: Sequence[Operation], *, version: str) -> Mapping[str, Any]:
    """Return the whole API as an OpenAPI 3.1 document."""
    kinds = [
        Problem,
        DryRunQuery,
        *(kind for one in operations for kind in (one.answer, one.body, one.query) if kind is not None),
        *(_dry(one) for one in operations if one.changes),
    ]
    found, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    schemas = dict(zip(kinds, found, strict=True))
    queries = {_name(schemas[one.query]) for one in operations if one.query is not None} | {_name(schemas[DryRunQuery])}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _described(operation, schemas, components)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "strangler admin API",
            "version": version,
            "description": "Everything that can be seen of a running proxy, or done to it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION_COOKIE,
                    "description": "Its name ends with `-` and the port, if the browser's address has one.",
                },
            },
        },
    }


def statuses(operation: Operation) -> tuple[int, ...]:
    """Return every status of a problem that the operation may answer with."""
    found = {421, 500, *operation.problems}
    if operation.role > Role.NOBODY:
        found |= {401, 429}
    if operation.role > Role.NOBODY:
        # Because a proxy may name a user who has no role here.
        found.add(403)
    if operation.path.startswith("/api/"):
        found.add(400)
    if operation.body is not None:
        found |= {400, 408, 413, 415}
    if operation.changes:
        found |= {412, 428, 503}
    if "{" in operation.path:
        found.add(404)
    return tuple(sorted(found))


def _described(operation: Operation, schemas: Schemas, components: Mapping[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status in (operation.status, *operation.also):
        answers[str(status)] = _answer(operation, status, schemas)
    if operation.changes:
        answers["200"] = _dry_answer(operation, answers.get("200"), schemas)
    problems = {"application/problem+json": {"schema": schemas[Problem]}}
    for status in statuses(operation):
        answers.setdefault(str(status), {"description": HTTPStatus(status).phrase, "content": problems})
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [] if operation.role is Role.NOBODY else [{"token": []}, {"session": []}],
        "x-role": operation.role.word,
        **({"x-no-dry-run": operation.no_dry_run} if operation.no_dry_run else {}),
        "responses": answers,
    }
    if parameters := [*_path(operation), *_query(operation, schemas, components), *_precondition(operation)]:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _answer(operation: Operation, status: int, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if operation.answer is not None:
        found["content"] = {operation.content_type: {"schema": schemas[operation.answer]}}
        if operation.method == "GET" or operation.changes:
            found["headers"] = _HEADERS
    elif status != HTTPStatus.NO_CONTENT:
        found["content"] = {operation.content_type: {}}
    return found


def _dry_answer(operation: Operation, usual: Mapping[str, Any] | None, schemas: Schemas) -> dict[str, Any]:
    """Return what a 200 is where a change may be a dry run."""
    told = schemas[_dry(operation)]
    if usual is None:
        content, about = told, "With `dry_run=true`: what would change; nothing was changed."
    else:
        content = {"anyOf": [schemas[operation.answer], told]}
        about = f"{usual['description']}; with `dry_run=true` what would change, and nothing was changed."
    return {"description": about, "content": {operation.content_type: {"schema": content}}, "headers": _HEADERS}


def _dry(operation: Operation) -> Any:
    """Return the kind of what a dry run of an operation answers."""
    dry: Any = DryRun
    return dry[operation.answer]


def _path(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PART.findall(operation.path)
    ]


def _query(operation: Operation, schemas: Schemas, components: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = DryRunQuery if operation.changes else operation.query
    if kind is None:
        return []
    schema = components[_name(schemas[kind])]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": one}
        for name, one in schema["properties"].items()
    ]


def _precondition(operation: Operation) -> list[dict[str, Any]]:
    if not operation.changes:
        return []
    about = "The ETag of what was looked at, or * for whatever is there."
    return [{"name": "If-Match", "in": "header", "required": True, "description": about, "schema": _TAG}]


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
