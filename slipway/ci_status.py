"""A commit status at GitHub: the request as data, and what an answer means. Pure.

Protocol: https://docs.github.com/rest/commits/statuses#create-a-commit-status
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import quote, urlsplit

from slipway.ci import harmless
from slipway.errors import BadInput

PUBLIC_HOST = "github.com"
PUBLIC_API = "https://api.github.com"
LONGEST_DESCRIPTION = 140
LONGEST_WAIT = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/\s].*)")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_REMAINING, _RESET = "X-RateLimit-Remaining", "X-RateLimit-Reset"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class StatusState(StrEnum):
    """How a part of the build stands."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


class StatusContext(StrEnum):
    """Which part of the build is told about."""

    BUILD = "slipway/build"
    SCAN = "slipway/scan"
    RELEASE = "slipway/release"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on a host; both as people name them."""

    host: str
    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """A POST, all but its token."""

    url: str
    body: dict[str, str]


def parse_repository(address: str) -> Repository:
    """Host, owner and name of an address as git takes it.

    Raises:
        BadInput: it names no owner and repository; a user or token in it is not repeated.
    """
    host, path = _split(address)
    owner, _, name = path.strip("/").removesuffix(".git").partition("/")
    if not host or not all(_NAME.fullmatch(part) and part.strip(".") for part in (owner, name)):
        raise BadInput(
            "the repository's address names no owner and repository",
            found=f"host {host[:80]!a}, path {path[:80]!a}",
            allowed="https://HOST/OWNER/REPOSITORY.git or git@HOST:OWNER/REPOSITORY.git",
            next_step="set GIT_URL, as the checkout step does",
        )
    return Repository(host.lower(), owner, name)


def _split(address: str) -> tuple[str, str]:
    if "://" not in address:
        match = _SCP.fullmatch(address)
        return (match["host"], match["path"]) if match else ("", "")
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.hostname or "", parts.path


def api_of(repository: Repository, given: str) -> str:
    """Address of the API that the token may go to.

    Raises:
        BadInput: an own GitHub whose API is not named, or plain http beyond this machine.
    """
    if not given:
        if repository.host == PUBLIC_HOST:
            return PUBLIC_API
        raise BadInput(
            "the API of this GitHub is not named",
            found=f"repository on {repository.host}",
            next_step=f"set GITHUB_API_URL, as in https://{repository.host}/api/v3",
        )
    parts = urlsplit(given)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not safe or not parts.hostname or "@" in parts.netloc:
        raise BadInput(
            "the API's address is not one that a token may go to",
            found=f"{parts.scheme or 'no scheme'} to {(parts.hostname or '')[:80]!a}",
            allowed="https://HOST/PATH; plain http on this machine only; no user in it",
            next_step="correct GITHUB_API_URL",
        )
    return given.rstrip("/")


def status_request(
    api: str,
    repository: Repository,
    commit: str,
    state: StatusState,
    context: StatusContext,
    *,
    description: str = "",
    target_url: str = "",
) -> StatusRequest:
    """The request that reports a status.

    Raises:
        BadInput: `commit` is no full commit id.
    """
    if not _COMMIT.fullmatch(commit):
        raise BadInput(
            "the commit is not known",
            found=ascii(commit[:80]),
            allowed="40 or 64 hex digits",
            next_step="set GIT_COMMIT, as the checkout step does",
        )
    place = "/".join(quote(part, safe="") for part in (repository.owner, repository.name))
    body = {"state": str(state), "context": str(context)}
    if description:
        body["description"] = harmless(description)[:LONGEST_DESCRIPTION]
    if target_url.startswith(("https://", "http://")):
        body["target_url"] = target_url
    return StatusRequest(f"{api}/repos/{place}/statuses/{commit}", body)


def is_passing(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the same request may go through later: errors of the server, and rate limits.

    GitHub answers 403 for a rate limit as well; then its headers say so.
    """
    limited = "Retry-After" in headers or headers.get(_REMAINING) == "0"
    return status == 429 or status >= 500 or (status == 403 and limited)


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """What the answer asks for; None where it asks for no time.

    Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if headers.get(_REMAINING) == "0" and "Retry-After" not in headers:
        reset = _number(headers.get(_RESET, ""))
        return None if reset is None else max(0.0, reset - now.timestamp())
    text = headers.get("Retry-After", "").strip()
    return _number(text) if text[:1].isdecimal() else _until(text, now)


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() else None


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - now).total_seconds())


def next_step_for(status: int) -> str:
    """What to do about an answer that stays."""
    return {
        401: "renew the token of git-credentials",
        403: "give the token of git-credentials the permission `Commit statuses: write`",
        404: "check GIT_URL, and that the token of git-credentials may see the repository",
        422: "check that GIT_COMMIT was pushed to the repository",
    }.get(status, "check GITHUB_API_URL, or wait until GitHub answers")
