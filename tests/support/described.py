"""What the admin API's own document says of an answer, taken more strictly than it is meant for clients."""

import re
from collections.abc import Mapping
from typing import Any

import jsonschema


class Described:
    """One OpenAPI document, to hold answers against."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._components = {"schemas": _closed(document["components"]["schemas"])}

    def operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        """Return what the document has of a request; the path that says more goes first."""
        bare = path.partition("?")[0]
        found = [
            (template, methods[method.lower()])
            for template, methods in self._document["paths"].items()
            if method.lower() in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), bare)
        ]
        return min(found, key=lambda one: one[0].count("{"), default=("", None))[1]

    def check(self, method: str, path: str, status: int, content_type: str, body: Any) -> None:
        """Fail if the document does not have this answer; what no operation is for is no part of it."""
        operation = self.operation(method, path)
        if operation is None:
            assert status in (401, 404, 405, 421, 429), f"{method} {path} is not in the document, and answers {status}"
            return
        answer = operation["responses"].get(str(status))
        assert answer is not None, f"{method} {path}: {status} is not in the document"
        kind = content_type.partition(";")[0]
        assert kind in answer["content"], f"{method} {path}: {status} has {kind}, not {list(answer['content'])}"
        schema = {**_closed(answer["content"][kind].get("schema", {})), "components": self._components}
        jsonschema.Draft202012Validator(schema).validate(body)


def _closed(schema: Any) -> Any:
    """Return a schema that takes no property which it does not name."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
