"""Commands of Prefect that wait for what they need."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from slipway.cli.stack import prefect_cli
from slipway.cli.stack.prefect_cli import commands


class Slow(http.server.BaseHTTPRequestHandler):
    """Not there at first, as a work pool before its worker came."""

    asked = 0

    def do_GET(self) -> None:
        Slow.asked += 1
        self.send_response(200 if Slow.asked > 2 else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_each_command_has_its_own_path() -> None:
    words = ["/ready", "block", "ls", "--then", "/work_pools/p", "deploy", "--all"]
    assert commands(words) == [["/ready", "block", "ls"], ["/work_pools/p", "deploy", "--all"]]


def test_a_command_waits_until_its_path_answers_well(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[list[str], int]] = []
    monkeypatch.setenv("PREFECT_API_URL", api)
    monkeypatch.setattr("sys.argv", ["prefect_cli", "/work_pools/p", "deploy", "--all"])
    monkeypatch.setattr(
        "prefect.cli.app", lambda: ran.append((list(prefect_cli.sys.argv), Slow.asked))
    )
    prefect_cli.main()
    assert ran == [(["prefect", "deploy", "--all"], 3)]


def test_the_first_command_that_fails_is_the_end(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> None:
        raise SystemExit(3)

    monkeypatch.setenv("PREFECT_API_URL", api)
    monkeypatch.setattr("sys.argv", ["prefect_cli", "/a", "one", "--then", "/a", "two"])
    monkeypatch.setattr("prefect.cli.app", failing)
    with pytest.raises(SystemExit) as end:
        prefect_cli.main()
    assert end.value.code == 3
    assert prefect_cli.sys.argv == ["prefect", "one"]
