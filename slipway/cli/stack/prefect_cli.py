"""Commands of `prefect` that wait for the server, loaded already.

    python -m slipway.cli.stack.prefect_cli PATH COMMAND... [--then PATH COMMAND...]

Loading Prefect takes seconds; here it is done while the server starts. Each command runs once the
API answers at its path, as at /ready, or at what an earlier command has to make first.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial

import httpx

from slipway.cli.stack.processes import wait_until

THEN = "--then"
SECONDS = 600.0


def main() -> None:
    """Run them.

    Raises:
        SystemExit: as the first command does that fails.
        DeadlineExceeded: the API stays silent.
    """
    from prefect.cli import app

    for path, *command in commands(sys.argv[1:]):
        address = f"{os.environ['PREFECT_API_URL']}{path}"
        wait_until(partial(answers, address), address, SECONDS)
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


def answers(address: str) -> bool:
    """Whether a server of this machine says that it is well."""
    try:
        answer = httpx.get(address, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


if __name__ == "__main__":
    main()
