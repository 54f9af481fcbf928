"""Calls of the API against a small server that answers as told."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from kubernetes import client

from blocks.platforms.kubernetes_access import KEPT_SECONDS, Kept, new_configuration
from blocks.platforms.kubernetes_api import ApiRefused, Cluster, together
from slipway.errors import Superseded, Unreachable
from tests.fakes.serving import served_by

FINE: dict[str, Any] = {"kind": "Namespace"}


class Answers:
    """Answers in order, the last for ever; remembers what was asked, and with which token."""

    def __init__(
        self, *answers: tuple[int, dict[str, Any]], headers: Mapping[str, str] | None = None
    ) -> None:
        self.headers = headers or {}
        self.left = list(answers)
        self.asked: list[str] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers.asked.append(f"{self.path} {self.headers.get('authorization', '')}".strip())
                status, body = answers.left[0]
                if len(answers.left) > 1:
                    answers.left.pop(0)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in answers.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler


@contextmanager
def cluster(answers: Answers, patience: float = 0) -> Iterator[Cluster]:
    """A cluster whose token has another number each time that it is opened."""
    opened = []
    with served_by(answers.handler()) as address:

        def access() -> client.ApiClient:
            opened.append(address)
            made = new_configuration()
            made.host = f"http://{address}"
            made.api_key["BearerToken"] = f"Bearer token-{len(opened)}"
            return client.ApiClient(made)

        made = Cluster(access, patience)
        try:
            yield made
        finally:
            made.close()


def test_a_refused_token_is_renewed_once() -> None:
    """H2: opened anew after 401, then it is a refusal."""
    answers = Answers((401, {}), (200, FINE))
    with cluster(answers) as api:
        assert api.get("/x") == FINE
    assert answers.asked == ["/x Bearer token-1", "/x Bearer token-2"]
    ended = Answers((401, {"message": "Unauthorized"}))
    with cluster(ended) as api, pytest.raises(ApiRefused, match="401"):
        api.get("/x")
    assert len(ended.asked) == 2


def test_a_kept_client_is_renewed_after_a_refusal_and_after_a_minute() -> None:
    """H2: steps share one; credentials that were refused or grew old are not used again."""
    now = [0.0]
    answers = Answers((401, {}), (200, FINE))
    with cluster(answers) as api:
        ways = Kept(api.access, lambda: now[0])
        first, second = Cluster(ways), Cluster(ways)
        assert first.client is second.client
        assert first.get("/x") == FINE
        assert ways() is first.client is not second.client
        now[0] = KEPT_SECONDS
        assert ways() is not first.client
    assert answers.asked == ["/x Bearer token-1", "/x Bearer token-2"]


def test_calls_at_once_answer_in_order_and_fail_by_the_first() -> None:
    assert together([lambda: 1, lambda: 2]) == [1, 2]

    def fail(name: str) -> int:
        raise ValueError(name)

    with pytest.raises(ValueError, match="one"):
        together([lambda: 1, lambda: fail("one"), lambda: fail("two")])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_stumbles_is_asked_again_within_the_patience(status: int) -> None:
    """H1: throttled, failing, starting."""
    answers = Answers((status, {"message": "later"}), (200, FINE))
    with cluster(answers, patience=2) as api:
        assert api.get("/x") == FINE
    dead = Answers((status, {"message": "later"}))
    with cluster(dead) as api, pytest.raises(Unreachable, match=str(status)) as caught:
        api.get("/x")
    assert "later" in str(caught.value.found)


def test_a_server_that_throttles_is_left_alone_for_as_long_as_it_says() -> None:
    """H1: Retry-After; not waited for where that is beyond the patience."""
    answers = Answers((429, {}), (200, FINE), headers={"Retry-After": "1"})
    begun = time.monotonic()
    with cluster(answers, patience=5) as api:
        assert api.get("/x") == FINE
    assert time.monotonic() - begun >= 1
    busy = Answers((429, {}), headers={"Retry-After": "3600"})
    with cluster(busy, patience=5) as api, pytest.raises(Unreachable, match="429"):
        api.get("/x")
    assert len(busy.asked) == 1


def test_a_refusal_is_not_tried_again_and_keeps_its_causes() -> None:
    causes = [{"reason": "FieldManagerConflict", "message": "m", "field": ".spec"}]
    answers = Answers((409, {"reason": "Conflict", "details": {"causes": causes}}))
    with cluster(answers, patience=5) as api, pytest.raises(ApiRefused) as caught:
        api.get("/x")
    assert caught.value.causes == causes
    assert len(answers.asked) == 1


def test_what_is_not_there_is_none() -> None:
    with cluster(Answers((404, {"reason": "NotFound"}))) as api:
        assert api.find("/x") is None


def test_a_holder_that_must_stop_stops_between_tries() -> None:
    """N10: not after the patience ran out."""

    def check() -> None:
        if len(answers.asked) >= 2:
            raise Superseded("a rollback took over")

    answers = Answers((503, {}))
    with cluster(answers, patience=60) as api:
        api.check = check
        with pytest.raises(Superseded):
            api.get("/x")
    assert len(answers.asked) == 2
