"""The door of a flow that runs in a CI agent's own process: arguments in, one string out."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import httpx
from prefect.settings import (
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)
from rich.markup import escape

from slipway.ci_failure import failure_of
from slipway.errors import BadInput, Unreachable
from slipway.explanations import explain
from slipway.scan import Verdict
from slipway.terminal import err, known, print_error, table
from tasks.handover import FAILURE
from tasks.integrate import Integrated, Previewed
from tasks.junit import REPORT, merge_reports
from tasks.reports import COLUMNS, verdict_rows

T = TypeVar("T")

API_URL = "PREFECT_API_URL"
API_SECONDS = 10.0
SERVER_SECONDS = 120  # a temporary server's start, on an agent that builds something else as well
INTERRUPTED = 130


def run_agent(
    flow: Callable[..., Awaitable[T]], show: Callable[[T], str], *, versioned: bool = True
) -> None:
    """Run the flow with the process's arguments; exits with the code of the error's class.

    Whatever happened, the output folder tells it: `failure.json`, and the reports of all tests.

    Args:
        show: tells people on standard error; what it returns is the standard output.
        versioned: the flow takes a version.
    """
    given = _arguments(sys.argv[1:], versioned=versioned)
    try:
        check_server(os.environ.get(API_URL))
        done = asyncio.run(_run(flow, given))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the one place that must see every error
        sys.exit(_tell_failure(error, given.output_dir))
    finally:
        _merge_reports(given.output_dir)
    sys.stdout.write(show(done))


async def _run(flow: Callable[..., Awaitable[T]], given: argparse.Namespace) -> T:
    patience = {PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: SERVER_SECONDS}
    with temporary_settings(set_defaults=patience):
        return await flow(**vars(given))


def _tell_failure(error: Exception, folder: Path) -> int:
    code = print_error(error)
    explanation = explain(known(error), "build")
    for line in explanation.lines()[:2]:
        err().print(f"  {line}")
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILURE).write_text(failure_of(explanation).model_dump_json(indent=1) + "\n")
    return code


def _merge_reports(folder: Path) -> None:
    """One report of all tests; one that cannot be read changes no result."""
    paths = sorted(folder.glob("junit-*.xml"))
    try:
        if paths:
            merged = merge_reports(path.read_bytes() for path in paths)
            (folder / REPORT).write_text(merged)
    except (OSError, BadInput) as error:
        err().print(escape(f"no {REPORT}: {error}"))


def show_integrated(done: Integrated) -> str:
    """Tell what came of it; the candidate, alone on its line."""
    _show(done.verdicts)
    err().print("unchanged" if done.unchanged else f"built: {', '.join(done.built) or 'nothing'}")
    return f"{done.candidate}\n"


def show_previewed(done: Previewed) -> str:
    """Tell what came of it; there is no candidate."""
    _show(done.verdicts)
    err().print(f"built: {', '.join(done.built)}; nothing was pushed or signed")
    return ""


def _show(verdicts: Sequence[Verdict]) -> None:
    err().print(table("Scan", COLUMNS, verdict_rows(verdicts)))


def check_server(url: str | None) -> None:
    """Say where the run is tracked, before anything is done.

    Raises:
        Unreachable: the Prefect API is configured and does not answer.
    """
    if not url:
        err().print(f"{API_URL} is not set: tracked by a temporary server, gone with this run")
        return
    try:
        answer = httpx.get(f"{url.rstrip('/')}/health", timeout=API_SECONDS)
    except httpx.HTTPError as error:
        raise _no_server(url, type(error).__name__) from error
    if answer.is_server_error:
        raise _no_server(url, f"HTTP {answer.status_code}")


def _no_server(url: str, found: str) -> Unreachable:
    host = httpx.URL(url).netloc.decode()
    return Unreachable(
        "the Prefect server does not answer, so the run could not be tracked",
        found=f"{host}: {found}",
        next_step=f"start it, or unset {API_URL} for a temporary one",
        stage="checkout",
    )


def _arguments(argv: list[str], *, versioned: bool) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Test, build, scan, push and sign an app; print its candidate."
        if versioned
        else "Test, build and scan an app; push and sign nothing."
    )
    parser.add_argument("--app-dir", type=Path, required=True, help="folder with slipway.yaml")
    parser.add_argument(
        "--output-dir", type=Path, default=Path("slipway-out"), help="default: %(default)s"
    )
    parser.add_argument(
        "--dev", action="store_true", help="take uncommitted changes, for the first environment"
    )
    if versioned:
        parser.add_argument("--version", help="semantic version to tag the images with, as v1.2.3")
    return parser.parse_args(argv)
