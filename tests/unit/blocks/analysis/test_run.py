"""Analyses against servers on loopback that answer well, badly, slowly or not at all (N19)."""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import pytest

from blocks.analysis import asking
from blocks.analysis.run import analyse
from blocks.analysis.tunnels import Tunnels
from slipway.canonical import canonical_json
from slipway.errors import AnalysisFailed, AnalysisUnclear, Cause, StepFailed, Superseded
from slipway.platform import StepContext
from tests.fakes.prometheus import FakePrometheus, serving, vector
from tests.fakes.serving import served_by
from tests.rig import analyses
from tests.rig.docker_world import read_secret

NAMES = {"app": "shop", "environment": "prod", "release": "0123456789ab"}


class App(BaseHTTPRequestHandler):
    """Answers 500 to every `bad`th request; tells how it was asked."""

    protocol_version = "HTTP/1.1"
    bad = 0
    size = 2
    turns = itertools.count(1)
    hosts: list[str]

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        is_bad = self.bad and next(self.turns) % self.bad == 0
        self.send_response(500 if is_bad else 200)
        self.send_header("Content-Length", str(self.size))
        self.end_headers()
        self.wfile.write(b"x" * self.size)


@contextmanager
def app(**how: object) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the hosts it was asked by."""
    hosts: list[str] = []
    fresh = {"hosts": hosts, "turns": itertools.count(1), **how}
    with served_by(type("Bound", (App,), fresh)) as host:
        yield f"http://{host}", hosts


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine an answer may take longer than a release is allowed."""
    monkeypatch.setattr(asking, "SECONDS", 60.0)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def context(notes: list[str]) -> StepContext:
    return StepContext(lambda: None, notes.append, 1, read_secret)


def red(context: StepContext, address: str, *checks) -> StepFailed:
    """The error of an analysis that does not pass."""
    with pytest.raises(StepFailed) as caught:
        analyse(analyses.analysis(*checks), address, context, NAMES)
    return caught.value


def test_a_good_release_passes_with_every_measurement_on_record(
    context: StepContext, notes: list[str]
) -> None:
    with app() as (address, _), serving(FakePrometheus()) as prometheus:
        checks = (
            analyses.http(failures=0),
            analyses.synthetic(60),
            analyses.prometheus(prometheus.url),
        )
        result = analyse(analyses.analysis(*checks), address, context, NAMES)
    canonical_json(result)
    assert result["verdict"] == "pass"
    answered, errors, measured = result["checks"]
    assert [m["status"] for m in answered["measurements"]] == [200, 200, 200]
    assert (errors["requests"], errors["errors"], errors["still_needed"]) == (60, 0, 0)
    assert measured["measurements"] == [{"verdict": "pass", "value": "0"}] * 2
    assert prometheus.queries == ['error_share{release="0123456789ab"}'] * 2
    assert "analysis errors: pass: 0 errors in 60 of 60 requests" in "\n".join(notes)


def test_a_share_of_errors_above_its_limit_fails_as_soon_as_that_is_settled(
    context: StepContext,
) -> None:
    with app(bad=2) as (address, hosts):
        error = red(context, address, analyses.synthetic(60))
    assert isinstance(error, AnalysisFailed)
    assert len(hosts) == 14
    assert "7 errors in 14 of 60 requests, last 500" in str(error)


def test_an_unclear_share_says_how_many_requests_are_needed(context: StepContext) -> None:
    """N19: one error in 60 is neither below nor above one in twenty."""
    with app(bad=40) as (address, hosts):
        error = red(context, address, analyses.synthetic(60))
    assert isinstance(error, AnalysisUnclear)
    assert len(hosts) == 60
    assert "1 errors in 60 of 60 requests" in str(error)
    assert "33 more without an error are needed" in str(error)


def test_requests_that_take_too_long_are_unclear(context: StepContext) -> None:
    check = analyses.synthetic(60).model_copy(update={"deadline_millis": 0})
    with app() as (address, _):
        error = red(context, address, check)
    assert isinstance(error, AnalysisUnclear)
    assert "0 errors in 1 of 60 requests" in str(error)
    assert "58 more without an error are needed" in str(error)


def test_slow_answers_fail(context: StepContext) -> None:
    check = analyses.synthetic(60).model_copy(update={"latency_millis": 0})
    with app() as (address, _):
        assert isinstance(red(context, address, check), AnalysisFailed)


def test_a_release_that_is_gone_fails(context: StepContext) -> None:
    with app() as (address, _):
        pass
    error = red(context, address, analyses.http(failures=0))
    assert isinstance(error, AnalysisFailed)
    assert "ConnectError" in str(error)
    assert isinstance(red(context, address, analyses.synthetic(60)), AnalysisFailed)


def test_an_answer_of_any_size_is_read_no_further_than_its_bound(context: StepContext) -> None:
    with app(size=3 * asking.MOST_BYTES) as (address, _):
        found = asking.Asker(asking.client, context.check).get(address)
    assert (found.status, len(found.body)) == (200, asking.MOST_BYTES)


@pytest.mark.parametrize(
    ("answers", "kind", "cause", "said"),
    [
        ([(200, vector("0.9"))], AnalysisFailed, Cause.VERIFICATION, "0.9"),
        ([(200, vector())], AnalysisUnclear, Cause.VERIFICATION, "no-traffic"),
        ([(200, vector("NaN"))], AnalysisUnclear, Cause.VERIFICATION, "no-traffic"),
        ([(200, vector("0", "0"))], AnalysisUnclear, Cause.INPUT, "2 series"),
        ([(200, b"<html>")], AnalysisUnclear, Cause.NETWORK, "no JSON"),
        ([(200, b" " * 2 * asking.MOST_BYTES)], AnalysisUnclear, Cause.NETWORK, "no JSON"),
        ([(302, vector("0"))], AnalysisUnclear, Cause.NETWORK, "status 302"),
        ([(404, vector("0"))], AnalysisUnclear, Cause.NETWORK, "status 404"),
        ([(200, vector("0")), (200, vector())], AnalysisUnclear, None, "no-traffic"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_whatever_prometheus_says_nothing_else_than_a_good_number_passes(
    context: StepContext, answers, kind, cause, said
) -> None:
    """N19: neither an empty answer nor a redirect nor a text."""
    with serving(FakePrometheus(answers)) as prometheus:
        error = red(context, "http://127.0.0.1:1", analyses.prometheus(prometheus.url))
    assert isinstance(error, kind)
    assert said in str(error)
    assert cause in (None, error.cause)
    assert error.next_step


def test_a_prometheus_that_stumbles_is_asked_again(context: StepContext) -> None:
    answers = [(503, b"busy"), (200, vector("0"))]
    with serving(FakePrometheus(answers)) as prometheus:
        checks = analyses.analysis(analyses.prometheus(prometheus.url, count=1))
        result = analyse(checks, "http://127.0.0.1:1", context, NAMES)
    assert result["verdict"] == "pass"
    assert len(prometheus.queries) == 2


def test_a_prometheus_that_is_gone_is_asked_a_few_times_only(context: StepContext) -> None:
    with serving(FakePrometheus()) as prometheus:
        pass
    error = red(context, "http://127.0.0.1:1", analyses.prometheus(prometheus.url))
    assert isinstance(error, AnalysisUnclear)
    assert error.cause is Cause.NETWORK
    assert "does not answer" in str(error)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xA9FEA9FE", "169.254.43518"])
def test_no_spelling_of_a_link_local_address_is_asked(context: StepContext, host: str) -> None:
    """G7: where a cloud hands out the machine's credentials, whoever allowed that name."""
    error = red(context, "http://127.0.0.1:1", analyses.prometheus(f"http://{host}"))
    assert isinstance(error, AnalysisUnclear)
    assert "nothing is asked: 169.254.169.254" in str(error)


@contextmanager
def dripping() -> Iterator[str]:
    """A server that begins an answer and sends it byte by byte, without an end."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            while not ended.wait(0.2):
                connection.sendall(b"H")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        thread.join()
        listener.close()


def test_an_answer_without_an_end_is_left(
    context: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SECONDS", 1.0)
    with dripping() as address:
        found = asking.Asker(asking.client, context.check).get(address)
    assert (found.status, found.text) == (0, "no whole answer within 1 s")


def test_a_holder_that_must_stop_stops_while_it_waits_for_an_answer() -> None:
    """N10: before the first measurement is there."""
    asked, notes = itertools.count(1), list[str]()

    def check() -> None:
        if next(asked) > 2:
            raise Superseded("a rollback took over")

    context = StepContext(check, notes.append, 1, read_secret)
    with dripping() as address, pytest.raises(Superseded):
        analyse(analyses.analysis(analyses.http(failures=0)), address, context, NAMES)
    assert notes == []


def test_a_tunnel_asks_one_host_after_the_other(context: StepContext) -> None:
    with app() as (address, hosts):
        port = int(address.rpartition(":")[2])
        dialled: list[str] = []

        def dial(host: str) -> socket.socket:
            dialled.append(host)
            return socket.create_connection(("127.0.0.1", port))

        checks = analyses.analysis(analyses.synthetic(60))
        way = lambda: Tunnels(dial, lambda: ["web-1", "web-2"])  # noqa: E731
        result = analyse(checks, "http://web", context, NAMES, way)
    assert result["verdict"] == "pass"
    assert hosts[:4] == ["web-1", "web-2", "web-1", "web-2"]
    assert set(dialled) == {"web-1", "web-2"}


@pytest.mark.parametrize("hosts", [[], ["web-1"]], ids=["nobody ready", "nobody there"])
def test_a_tunnel_to_nobody_fails(context: StepContext, hosts: list[str]) -> None:
    def dial(host: str) -> socket.socket:
        raise ConnectionRefusedError("no forward")

    checks = analyses.analysis(analyses.http(failures=0))
    with pytest.raises(AnalysisFailed, match=r"nothing of the release is ready|no forward"):
        analyse(checks, "http://web", context, NAMES, lambda: Tunnels(dial, lambda: hosts))
