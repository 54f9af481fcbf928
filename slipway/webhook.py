"""Deliveries of GitHub's webhook: which are taken, which are denied, which were seen before. Pure.

Format: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from enum import Enum

from pydantic import SecretStr

from slipway.errors import BadInput

LONGEST_BODY = 1024 * 1024
EVENTS = frozenset({"push", "ping", "pull_request"})
SHORTEST_SECRET = 16
SIGNATURE, EVENT, DELIVERY = "x-hub-signature-256", "x-github-event", "x-github-delivery"
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_DELIVERY = re.compile(r"[0-9A-Za-z-]{8,64}")
_PASSED_ON = re.compile(r"content-type|user-agent|x-hub-signature(-256)?|x-github-[a-z-]{1,40}")


class Denial(Enum):
    """Why a delivery is not taken: the status of the answer, and the reason in it."""

    NOT_POST = 405, "only POST is taken"
    UNSIGNED = 401, "the delivery is not signed"
    NO_LENGTH = 400, "Content-Length is no number"
    TOO_LONG = 413, "the body is longer than 1 MiB"
    TOO_SLOW = 408, "the body did not arrive in time"
    NOT_JSON = 415, "only application/json is taken"
    UNKNOWN_EVENT = 400, "the event is none of push, ping, pull_request"
    NO_DELIVERY = 400, "the delivery has no id"
    WRONG_SIGNATURE = 401, "the signature is not by this secret over this body"
    NO_OBJECT = 400, "the body is no JSON object"

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """For the sender and the log."""
        return self.value[1]


def signature(secret: SecretStr, body: bytes) -> str:
    """The header's value that GitHub would send."""
    key = secret.get_secret_value().encode()
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def deny_head(method: str, headers: Mapping[str, str]) -> Denial | None:
    """What is wrong before a byte of the body is read, None where nothing is.

    Args:
        headers: by lower case name.
    """
    if method != "POST":
        return Denial.NOT_POST
    if not _SIGNATURE.fullmatch(headers.get(SIGNATURE, "")):
        return Denial.UNSIGNED
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        return Denial.NO_LENGTH
    if len(length) > 12 or int(length) > LONGEST_BODY:
        return Denial.TOO_LONG
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Denial.NOT_JSON
    if headers.get(EVENT) not in EVENTS:
        return Denial.UNKNOWN_EVENT
    return None if _DELIVERY.fullmatch(headers.get(DELIVERY, "")) else Denial.NO_DELIVERY


def deny_body(
    secrets: Sequence[SecretStr], headers: Mapping[str, str], body: bytes
) -> Denial | None:
    """What is wrong with a whole delivery of a good head; unsigned JSON is not even read."""
    if len(body) > LONGEST_BODY:
        return Denial.TOO_LONG
    # Every secret is tried, so that the time taken tells nothing of which one fits.
    fits = [hmac.compare_digest(signature(one, body), headers[SIGNATURE]) for one in secrets]
    if not any(fits):
        return Denial.WRONG_SIGNATURE
    try:
        is_object = isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        is_object = False
    return None if is_object else Denial.NO_OBJECT


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that Jenkins gets: GitHub's own, unchanged, and no other."""
    return {name: headers[name] for name in headers if _PASSED_ON.fullmatch(name)}


def parse_secrets(text: str) -> list[SecretStr]:
    """The secrets of a file, one a line: the new one beside the old one while it is changed.

    Raises:
        BadInput: there is none, or one is short enough to be guessed.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or any(len(line) < SHORTEST_SECRET for line in lines):
        raise BadInput(
            "the webhook's secret is missing or too short",
            found=f"{len(lines)} lines",
            allowed=f"one secret a line, each of {SHORTEST_SECRET} characters or more",
            next_step="openssl rand -hex 32 > FILE; chmod 600 FILE",
        )
    return [SecretStr(line) for line in lines]


class Deliveries:
    """Which deliveries were passed on lately.

    Both the id and the signature of a delivery are kept, since the signature does not cover the
    id: who replays a body under another id is known by it. In memory, the newest `longest`.
    """

    def __init__(self, longest: int = 10_000) -> None:
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._longest = 2 * longest

    def begin(self, headers: Mapping[str, str]) -> bool:
        """Whether it is new; from now on it is not."""
        keys = self._keys(headers)
        if any(key in self._seen for key in keys):
            return False
        self._seen.update(dict.fromkeys(keys))
        while len(self._seen) > self._longest:
            self._seen.popitem(last=False)
        return True

    def forget(self, headers: Mapping[str, str]) -> None:
        """It was not passed on after all, so GitHub may deliver it again."""
        for key in self._keys(headers):
            self._seen.pop(key, None)

    @staticmethod
    def _keys(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return ("id", headers[DELIVERY].lower()), ("signature", headers[SIGNATURE])
