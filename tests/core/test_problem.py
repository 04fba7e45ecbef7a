"""Problems: each answer of the proxy's own is whole, well-formed HTTP, and holds nothing of the request."""

import json
from itertools import groupby

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.problem import OF_FAILURE, Problem, RefusedError, answer
from strangler.errors import FailureKind

request_ids = st.from_regex(r"[A-Za-z0-9._\-:/+=]{1,128}", fullmatch=True)


def read(data: bytes, method: str = "GET") -> tuple[h11.Response, bytes, bool]:
    """Return an answer, its body, and whether the connection can be used again, as an independent client reads them."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    response, body = client.next_event(), b""
    assert isinstance(response, h11.Response)
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        body += event.data
    assert client.trailing_data == (b"", False)
    return response, body, client.their_state is h11.DONE


@given(st.sampled_from(Problem), request_ids, st.booleans())
def test_every_problem_is_one_whole_answer_that_names_the_request(
    problem: Problem, request_id: str, close: bool
) -> None:
    response, body, is_reusable = read(answer(problem, request_id, close=close))

    told = json.loads(body)
    headers = dict(response.headers)
    assert (response.status_code, is_reusable) == (problem.value.status, not close)
    assert told["request_id"] == request_id == headers[b"x-request-id"].decode()
    assert (told["status"], told["reason"]) == (problem.value.status, problem.value.code)
    assert told["type"] == f"urn:strangler:problem:{problem.value.code}"
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"cache-control"] == b"no-store"


@given(st.sampled_from(Problem), st.booleans())
def test_the_answer_to_head_is_the_same_without_the_body(problem: Problem, close: bool) -> None:
    whole, head = (answer(problem, "1", close=close, head_only=head_only) for head_only in (False, True))

    response, body, _ = read(head, "HEAD")

    assert whole.startswith(head)
    assert head.endswith(b"\r\n\r\n")
    assert (response.status_code, body) == (problem.value.status, b"")


@pytest.mark.parametrize("problem", Problem)
def test_a_client_is_told_what_its_status_asks_for(problem: Problem) -> None:
    headers = dict(read(answer(problem, "1", close=False))[0].headers)

    assert (b"retry-after" in headers) == (problem.value.status == 503)
    assert (b"allow" in headers) == (problem.value.status == 405)


@pytest.mark.parametrize("problem", [problem for problem in Problem if 400 <= problem.value.status < 500])
def test_after_a_request_whose_meaning_is_in_doubt_the_connection_ends(problem: Problem) -> None:
    assert problem.value.closes


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_of_an_upstream_is_a_gateways_problem_of_the_same_name(kind: FailureKind) -> None:
    problem = OF_FAILURE[kind].value

    assert problem.status == (504 if kind is FailureKind.TIMEOUT else 502)
    assert problem.code == kind.value


def test_no_two_problems_of_one_status_have_the_same_code() -> None:
    named = sorted((problem.value.status, problem.value.code) for problem in Problem)

    assert [key for key, same in groupby(named) if len(list(same)) > 1] == []
    assert len(Problem) == len(named)


def test_a_refusal_says_which_problem_it_is() -> None:
    refusal = RefusedError(Problem.BAD_HOST)

    assert (refusal.problem, str(refusal)) == (Problem.BAD_HOST, "bad_host")
