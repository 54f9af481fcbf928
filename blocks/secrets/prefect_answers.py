"""What the Prefect server's answers mean: errors of our tree, without the text that it sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import httpx
from prefect.blocks.core import Block
from prefect.exceptions import PrefectHTTPStatusError
from pydantic import ValidationError

from slipway.errors import AccessDenied, BadInput, Unreachable

B = TypeVar("B", bound=Block)
DENIED = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})


@contextmanager
def prefect_answers(what: str) -> Iterator[None]:
    """Raise AccessDenied or Unreachable for what Prefect's client raises.

    Args:
        what: what was asked for, for the message.
    """
    try:
        yield
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        raise _denied(what, status) if status in DENIED else _away(what, f"HTTP {status}") from None
    except httpx.HTTPError as error:
        raise _away(what, type(error).__name__) from None


def load_block(kind: type[B], name: str) -> B:
    """The saved block of that type and name.

    Raises:
        BadInput: there is none, or its fields do not fit the type; they are not shown.
        AccessDenied, Unreachable: the Prefect server's answer, or none.
    """
    with prefect_answers(f"block {name}"):
        try:
            # Prefect types the answer as if it could be awaited; `_sync` says that it cannot.
            return cast(B, kind.load(name, _sync=True))  # type: ignore[call-arg]
        except (ValueError, RuntimeError) as error:
            raise BadInput(
                f"no block {name!a} of the type {kind.get_block_type_slug()} can be loaded",
                found=unfit(error) or "no such block",
                allowed="the name of a saved block whose fields fit its type",
                next_step="prefect block ls; save it in the Prefect UI under Blocks",
            ) from None


def unfit(error: BaseException) -> str | None:
    """Which fields do not fit, without what is in them; None where that is not the error. Pure."""
    found = error if isinstance(error, ValidationError) else error.__cause__
    if not isinstance(found, ValidationError):
        return None
    faults = found.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in faults)


def _denied(what: str, status: int) -> AccessDenied:
    return AccessDenied(
        f"the Prefect server does not let this process at {what}",
        found=f"HTTP {status}",
        allowed="an operator's or a worker's credential",
        next_step="set PREFECT_API_AUTH_STRING, or PREFECT_API_KEY for Prefect Cloud",
    )


def _away(what: str, found: str) -> Unreachable:
    return Unreachable(
        f"the Prefect server did not answer for {what}",
        found=found,
        next_step="slipway doctor; the server's address is in PREFECT_API_URL",
    )
