"""Commands of `prefect` that wait for the server, loaded already.

    python -m slipway.cli.stack.prefect_cli PATH COMMAND... [--then PATH COMMAND...]

Loading Prefect takes seconds; here it is done while the server starts. Each command runs once the
API answers at its path, as at /ready, or at what an earlier command has to make first.
"""

import os
import sys
import time
from collections.abc import Sequence

import httpx

THEN = "--then"
SECONDS = 600.0
LOOK_SECONDS = 0.1


def main() -> None:
    """Raises SystemExit as the first command does that fails, and where the API stays silent."""
    from prefect.cli import app

    for path, *command in commands(sys.argv[1:]):
        _wait_for(f"{os.environ['PREFECT_API_URL']}{path}")
        sys.argv = ["prefect", *command]
        try:
            app()
        except SystemExit as end:
            if end.code:
                raise


def commands(argv: Sequence[str]) -> list[list[str]]:
    """Path and words of each command. Pure."""
    found: list[list[str]] = [[]]
    for word in argv:
        if word == THEN:
            found.append([])
        else:
            found[-1].append(word)
    return found


def _wait_for(address: str) -> None:
    end = time.monotonic() + SECONDS
    while not _answers(address):
        if time.monotonic() > end:
            raise SystemExit(f"{address} did not answer in {SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _answers(address: str) -> bool:
    try:
        answer = httpx.get(address, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.is_success


if __name__ == "__main__":
    main()
