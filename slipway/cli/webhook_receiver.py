"""The door for GitHub's webhook before Jenkins: what is denied gets no further. ASGI."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from slipway.webhook import (
    DELIVERY,
    EVENT,
    LONGEST_BODY,
    Deliveries,
    Denial,
    deny_body,
    deny_head,
    passed_on,
)

PATH = "/github-webhook/"
BODY_SECONDS = 5.0
# GitHub gives up after ten seconds.
FORWARD_SECONDS = 4.0
LOGGED = 64

log = structlog.get_logger("slipway.webhook")


@dataclass
class Receiver:
    """Verifies deliveries and passes the good ones on to Jenkins.

    Attributes:
        secrets: any of them may have signed.
        target: address that Jenkins takes deliveries at.
    """

    secrets: Sequence[SecretStr]
    target: str
    deliveries: Deliveries = field(default_factory=Deliveries)

    async def receive(self, request: Request) -> Response:
        """One delivery, denied or passed on."""
        headers = _first_values(request)
        denial = deny_head(request.method, headers)
        if denial:
            return _deny(request, denial)
        body = await _read(request)
        if isinstance(body, Denial):
            return _deny(request, body)
        denial = deny_body(self.secrets, headers, body)
        if denial:
            return _deny(request, denial)
        if not self.deliveries.begin(headers):
            log.info("delivery seen before", **_facts(request))
            return PlainTextResponse("seen before, not passed on again\n")
        return await self._forward(request, headers, body)

    async def _forward(self, request: Request, headers: Mapping[str, str], body: bytes) -> Response:
        client: httpx.AsyncClient = request.app.state.client
        try:
            async with asyncio.timeout(FORWARD_SECONDS):
                answer = await client.post(self.target, content=body, headers=passed_on(headers))
            found = f"HTTP {answer.status_code}"
            if answer.is_success:
                log.info("delivery passed on", **_facts(request))
                return PlainTextResponse("passed on\n", 202)
        except (httpx.HTTPError, TimeoutError) as error:
            found = type(error).__name__
        self.deliveries.forget(headers)
        log.error("jenkins did not take the delivery", found=found, **_facts(request))
        return PlainTextResponse("Jenkins did not take it; deliver it again later\n", 502)


def receiver_app(receiver: Receiver) -> Starlette:
    """The application: the webhook's path, and `/health`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Neither a proxy nor ~/.netrc of this machine has a part in it.
        async with httpx.AsyncClient(trust_env=False, timeout=FORWARD_SECONDS) as client:
            app.state.client = client
            yield

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    routes = [Route(PATH, receiver.receive, methods=methods), Route("/health", health)]
    return Starlette(routes=routes, lifespan=lifespan)


async def _read(request: Request) -> bytes | Denial:
    """The body, or why it is not read to its end."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY:
                    return Denial.TOO_LONG
    except (TimeoutError, ClientDisconnect):
        return Denial.TOO_SLOW
    return bytes(body)


def _first_values(request: Request) -> dict[str, str]:
    """By lower case name; of a header that comes twice, what is judged is what is passed on."""
    return {name: request.headers[name] for name in request.headers}


def _deny(request: Request, denial: Denial) -> Response:
    log.warning("delivery denied", reason=denial.reason, status=denial.status, **_facts(request))
    headers = {"Connection": "close", **({"Allow": "POST"} if denial.status == 405 else {})}
    return PlainTextResponse(f"{denial.reason}\n", denial.status, headers=headers)


def _facts(request: Request) -> dict[str, str]:
    """Who sent what, for the log: nothing of the body, no signature."""
    told = {"about": EVENT, "delivery": DELIVERY}
    facts = {key: request.headers.get(name, "")[:LOGGED] for key, name in told.items()}
    return {**facts, "client": request.client.host if request.client else ""}
