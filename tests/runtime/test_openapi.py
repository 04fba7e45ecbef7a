"""The admin API of a running instance keeps to its own document, whatever it is asked (schemathesis)."""

import asyncio
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from tests.support.backend import backend, ok, says
from tests.support.proxy import routes_text, running

with warnings.catch_warnings():
    # Because what it is made of tells of its own future, which is no matter of ours.
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.failures import FailureGroup
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        negative_data_rejection,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

EXAMPLES = 8
"""Of each operation: with some fifty of them it takes seconds."""
ROUTE = "{name: pay, match: {methods: [GET], path: /pay}, extracted: extracted, flag: payments, shadow: shadow}"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


def drive(document: dict[str, Any], base_url: str, token: str) -> Counter[int]:
    """Ask each operation what its schemas allow, and what they do not; raise with all that does not fit."""
    schema = schemathesis.openapi.from_dict(document)
    found: Counter[int] = Counter()
    problems: list[str] = []
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr] # a document that is none raises here
        if "text/event-stream" in str(operation.definition.raw["responses"]):
            # Because it never ends.
            continue
        for mode in GenerationMode:
            try:
                _ask(operation, mode, base_url, token, found)
            except Unsatisfiable:
                # Because where everything is allowed, nothing is not.
                continue
            except (AssertionError, FailureGroup) as error:
                problems.append(f"{operation.label}: {error}")
    assert not problems, "\n\n".join(problems)
    return found


def _ask(operation: Any, mode: Any, base_url: str, token: str, found: Counter[int]) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        if mode is GenerationMode.POSITIVE:
            headers["If-Match"] = "*"
        answer = case.call(base_url=base_url, headers=headers, timeout=20)
        found[answer.status_code] += 1
        # Because a dry run may leave out the reason that the schema of the body wants, that is not refused there.
        is_dry = str((case.query or {}).get("dry_run")).lower() in ("true", "1")
        case.validate_response(
            answer, checks=[one for one in CHECKS if one is not negative_data_rejection or not is_dry]
        )

    ask()


@pytest.mark.slow
async def test_every_operation_answers_as_its_document_says(tmp_path: Path) -> None:
    async with (
        backend(says(ok(b"m"))) as monolith,
        backend(says(ok(b"e"))) as extracted,
        running(
            tmp_path, routes_text(monolith=monolith.port, extracted=extracted.port, routes=[ROUTE], workers=0)
        ) as proxy,
    ):
        _, document = await proxy.ask("GET", "/api/v1/openapi.json")
        found = await asyncio.to_thread(drive, document, f"http://{proxy.admin}", proxy.token)
        status = await proxy.status()

    assert status["is_ready"]
    assert found[200] > 100
    assert found[400] > 50
