"""HTTP to one registry: credentials, tokens, bounded retries, redirects, size limits."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from blocks.registries.challenge import Challenge, check_realm, parse_challenge
from blocks.registries.hosts import base_url, check_redirect
from slipway.errors import AccessDenied, Refused, Unreachable

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the registry; the password is masked wherever it is shown."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request: seconds to connect, for each read and in all; attempts; bytes."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 300.0
    attempts: int = 4
    answer_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers, body."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class _TryAgain(Exception):
    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, None where it is absent or no time."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - now).total_seconds())


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, _TryAgain) else None
    backoff: float = 0.25 * 2 ** (state.attempt_number - 1)
    return backoff if asked is None else max(asked, 0.05)


class Transport:
    """Sends requests to one registry. Not safe to share between threads."""

    def __init__(
        self,
        host: str,
        credentials: Credentials | None = None,
        *,
        insecure: bool = False,
        token_hosts: frozenset[str] = frozenset(),
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host = host
        self.origin = base_url(host, insecure=insecure)
        self._limits = limits or Limits()
        self._credentials = credentials
        self._insecure = insecure
        self._token_hosts = token_hosts
        self._sleep = sleep
        self._authorization: dict[str, str] = {}
        self._client = httpx.Client(
            timeout=httpx.Timeout(self._limits.read, connect=self._limits.connect),
            follow_redirects=False,
            # Neither ~/.netrc nor a proxy for loopback may see what is sent here.
            trust_env=not self.origin.startswith("http://"),
        )

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """The answer to one request, read whole; retried while the registry is passing ill.

        Args:
            url: a path of this registry, or an absolute URL of it.
            scope: what a token must allow, as in `repository:app/web:pull,push`.

        Raises:
            Unreachable: no answer within the attempts, or asked to wait for too long.
            AccessDenied: the credentials are missing, wrong, or not enough.
            Refused: redirected to where nothing may go, or an answer beyond the limit.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self._limits.attempts),
            wait=_wait,
            retry=retry_if_exception_type(_TryAgain),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._authorized, method, url, scope, dict(headers or {}), content)
        except _TryAgain as error:
            raise Unreachable(
                f"registry {self.host} did not answer {method} {_path(url)}",
                found=str(error),
                next_step=f"see whether {self.origin}/v2/ answers, then run again",
            ) from error

    def _authorized(
        self, method: str, url: str, scope: str, headers: dict[str, str], content: bytes | None
    ) -> Answer:
        known = scope in self._authorization
        answer = self._follow(method, url, self._with_auth(headers, scope), content)
        if answer.status == httpx.codes.UNAUTHORIZED:
            challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
            # An expired token is renewed once; a fresh one that fails is final.
            if not known or challenge.scheme == "bearer":
                self._authorization[scope] = self._answer(challenge, scope)
                answer = self._follow(method, url, self._with_auth(headers, scope), content)
        if answer.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            self._authorization.pop(scope, None)
            raise self._denied(f"{method} {_path(url)}", answer.status)
        return answer

    def _with_auth(self, headers: dict[str, str], scope: str) -> dict[str, str]:
        value = self._authorization.get(scope)
        return {**headers, "Authorization": value} if value else headers

    def _answer(self, challenge: Challenge, scope: str) -> str:
        if challenge.scheme == "basic" and self._credentials:
            return _basic(self._credentials)
        if challenge.scheme == "bearer":
            return f"Bearer {self._token(challenge, scope)}"
        raise self._denied("a request without the credentials it wants", 401)

    def _token(self, challenge: Challenge, scope: str) -> str:
        check_realm(self.host, challenge.realm, insecure=self._insecure, trusted=self._token_hosts)
        request = self._client.build_request(
            "GET",
            challenge.realm,
            params={"service": challenge.service, "scope": scope},
            headers={"Authorization": _basic(self._credentials)} if self._credentials else {},
        )
        answer = self._once(request)
        if answer.status != httpx.codes.OK:
            raise self._denied(f"token for {scope}", answer.status)
        body = answer.json()
        token = body.get("token") or body.get("access_token")
        if not isinstance(token, str) or not token.isprintable():
            raise self._denied(f"token for {scope}: the answer holds none", answer.status)
        return token

    def _follow(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None
    ) -> Answer:
        target = httpx.URL(self.origin).join(url)
        for _ in range(4):
            answer = self._once(
                self._client.build_request(method, target, headers=headers, content=content)
            )
            if answer.status not in _REDIRECTS or method not in {"GET", "HEAD"}:
                return answer
            location, same = check_redirect(str(target), answer.headers.get("Location", ""))
            target = httpx.URL(location)
            if not same:
                headers = {k: v for k, v in headers.items() if k != "Authorization"}
        raise Refused(f"registry {self.host} redirects without end", found=_path(url))

    def _once(self, request: httpx.Request) -> Answer:
        try:
            answer = self._exchange(request)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _TryAgain(type(error).__name__) from error
        if answer.status not in _PASSING:
            return answer
        after = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
        if after is not None and after > _LONGEST_WAIT:
            raise Unreachable(
                f"registry {self.host} asks to come back in {after:.0f} seconds",
                found=f"HTTP {answer.status}",
                next_step="run again after that time",
            )
        raise _TryAgain(f"HTTP {answer.status}", after)

    def _exchange(self, request: httpx.Request) -> Answer:
        ends = time.monotonic() + self._limits.total
        body = bytearray()
        response = self._client.send(request, stream=True)
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > self._limits.answer_bytes:
                    raise Refused(
                        f"registry {self.host} answers with more than fits",
                        allowed=f"{self._limits.answer_bytes} bytes",
                    )
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout("the answer took too long", request=request)
        finally:
            response.close()
        return Answer(response.status_code, response.headers, bytes(body))

    def _denied(self, what: str, status: int) -> AccessDenied:
        given = self._credentials.username if self._credentials else "no credentials"
        return AccessDenied(
            f"registry {self.host} denies {what}",
            found=f"HTTP {status} for {given!a}",
            next_step="check the registry's user name, password and rights",
        )


def _basic(credentials: Credentials) -> str:
    header = httpx.BasicAuth(credentials.username, credentials.password.get_secret_value())
    request = next(header.auth_flow(httpx.Request("GET", "http://unused")))
    return request.headers["Authorization"]


def _path(url: str) -> str:
    return httpx.URL(url).path
