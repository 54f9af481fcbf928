"""The door of a flow that runs in a CI agent's own process: arguments in, one string out."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from slipway.errors import Unreachable
from slipway.explanations import explain
from slipway.terminal import err, print_error, table
from tasks.integrate import Integrated
from tasks.reports import COLUMNS, verdict_rows

API_URL = "PREFECT_API_URL"
API_SECONDS = 10.0
INTERRUPTED = 130


def run_agent(flow: Callable[..., Awaitable[Integrated]]) -> None:
    """Run the flow with the process's arguments; exits with the code of the error's class."""
    given = _arguments(sys.argv[1:])
    try:
        check_server(os.environ.get(API_URL))
        done = asyncio.run(_run(flow, given))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the one place that must see every error
        code = print_error(error)
        for line in explain(error, "build").lines()[:2]:
            err().print(f"  {line}")
        sys.exit(code)
    err().print(table("Scan", COLUMNS, verdict_rows(done.verdicts)))
    err().print("unchanged" if done.unchanged else f"built: {', '.join(done.built) or 'nothing'}")
    sys.stdout.write(f"{done.candidate}\n")


async def _run(flow: Callable[..., Awaitable[Integrated]], given: argparse.Namespace) -> Integrated:
    return await flow(**vars(given))


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


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Test, build, scan, push and sign an app; print its candidate."
    )
    parser.add_argument("--app-dir", type=Path, required=True, help="folder with slipway.yaml")
    parser.add_argument(
        "--output-dir", type=Path, default=Path("slipway-out"), help="default: %(default)s"
    )
    parser.add_argument(
        "--dev", action="store_true", help="take uncommitted changes, for the first environment"
    )
    parser.add_argument("--version", help="semantic version to tag the images with, as v1.2.3")
    return parser.parse_args(argv)
