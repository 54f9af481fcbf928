"""Sends a commit status to GitHub, patiently and within bounds."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from slipway.ci import build_of
from slipway.ci_status import (
    LONGEST_WAIT,
    StatusContext,
    StatusRequest,
    StatusState,
    api_of,
    is_passing,
    next_step_for,
    parse_repository,
    seconds_to_wait,
    status_request,
)
from slipway.errors import AccessDenied, BadInput, Refused, Unreachable

ATTEMPTS = 4
TIMEOUT = httpx.Timeout(10, connect=5)
LONGEST_TOKEN = 4096


class _TryAgainError(Exception):
    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.why, self.after = why, after


def report_status(
    context: StatusContext,
    state: StatusState,
    description: str,
    token_file: Path | None,
    api: str,
) -> str:
    """Report it for the build that the environment describes; what came of it, as one line.

    Raises:
        BadInput: repository, commit or the API's address are missing or wrong.
        AccessDenied, Refused: GitHub does not take it.
        Unreachable: GitHub does not answer within the attempts, or asks to wait for long.
    """
    token = read_token(token_file)
    if token is None:
        return f"{context} not reported: no token in GIT_TOKEN"
    build = build_of(os.environ)
    repository = parse_repository(build.repository)
    request = status_request(
        api_of(repository, api),
        repository,
        build.commit,
        state,
        context,
        description=description,
        target_url=build.url,
    )
    send(request, token)
    return f"{context} reported as {state}"


def read_token(path: Path | None) -> SecretStr | None:
    """The token of the file, else of GIT_TOKEN; None where there is none.

    Raises:
        BadInput: the file cannot be read, or holds no token.
    """
    if path is None:
        text = os.environ.get("GIT_TOKEN", "")
    else:
        try:
            text = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput("the token's file cannot be read", found=type(error).__name__) from None
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > LONGEST_TOKEN:
        raise BadInput("the token holds what no token has", allowed="visible ASCII, one word")
    return SecretStr(text) if text else None


def send(
    request: StatusRequest, token: SecretStr, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Send it, again where GitHub is passing ill; see `report_status`."""
    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=_wait,
        retry=retry_if_exception_type(_TryAgainError),
        sleep=sleep,
        reraise=True,
    )
    # A token goes to the API and to nobody that it redirects to.
    with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as client:
        try:
            retrying(_post, client, request, token)
        except _TryAgainError as error:
            raise Unreachable(
                "GitHub did not take the status", found=error.why, next_step=next_step_for(0)
            ) from None


def _post(client: httpx.Client, request: StatusRequest, token: SecretStr) -> None:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token.get_secret_value()}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    try:
        answer = client.post(request.url, json=request.body, headers=headers)
    except httpx.HTTPError as error:
        raise _TryAgainError(type(error).__name__) from None
    if answer.status_code != httpx.codes.CREATED:
        _explain(answer)


def _explain(answer: httpx.Response) -> None:
    status = answer.status_code
    found, step = f"HTTP {status}", next_step_for(status)
    if is_passing(status, answer.headers):
        after = seconds_to_wait(answer.headers, datetime.now(UTC))
        if after is not None and after > LONGEST_WAIT:
            raise Unreachable(f"GitHub asks to wait {after:.0f} s", found=found)
        raise _TryAgainError(found, after)
    kind = AccessDenied if status in {401, 403, 404} else Refused
    raise kind("GitHub did not take the status", found=found, allowed="HTTP 201", next_step=step)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, _TryAgainError) else None
    return float(2 ** (state.attempt_number - 1)) / 2 if asked is None else asked
