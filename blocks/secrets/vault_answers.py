"""What Vault's answers mean: JSON, or an error of our tree without the text that Vault sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from hvac import exceptions as vault_errors  # type: ignore[import-untyped]

from slipway.errors import AccessDenied, BadInput, Busy, Refused, Unreachable

CAS_MISMATCH = "check-and-set"
LOGIN = "the login"


def json_of(path: str, answer: Any) -> Any:
    """The JSON of an answer; True for an empty one, None where there is no such path.

    Raises:
        Unreachable: Vault redirects, and a token is not sent after a redirect.
    """
    if answer is None or isinstance(answer, dict):
        return answer
    if answer.status_code == requests.codes.no_content:
        return True
    raise Unreachable(
        f"Vault does not answer itself for {path}",
        found=f"HTTP {answer.status_code}",
        next_step="give the address of the active node, or of the load balancer before it",
    )


@contextmanager
def vault_answers(what: str) -> Iterator[None]:
    """Errors of hvac come out of our tree, without the text that Vault sent."""
    try:
        yield
    except (vault_errors.Forbidden, vault_errors.Unauthorized) as error:
        raise AccessDenied(
            f"Vault does not let this identity at {what}",
            found=type(error).__name__,
            next_step="compare its policy with the one in docs/secret-stores.md",
        ) from None
    except vault_errors.InvalidRequest as error:
        raise _invalid(what, error) from None
    except (*_AWAY, requests.RequestException) as error:
        raise Unreachable(
            f"Vault did not answer for {what}",
            found=type(error).__name__,
            next_step="vault status: is it sealed? Is the block's address right?",
        ) from None
    except vault_errors.VaultError as error:
        raise Refused(f"Vault refused {what}", found=type(error).__name__) from None


_AWAY = (
    vault_errors.BadGateway,
    vault_errors.InternalServerError,
    vault_errors.RateLimitExceeded,
    vault_errors.UnexpectedError,
    vault_errors.VaultDown,
    vault_errors.VaultNotInitialized,
)


def _invalid(what: str, error: vault_errors.InvalidRequest) -> Busy | BadInput | AccessDenied:
    if any(CAS_MISMATCH in str(line) for line in error.errors or ()):
        return Busy(
            f"somebody else wrote {what} just now", next_step="look at its state, then again"
        )
    if what == LOGIN:
        return AccessDenied(
            "Vault does not take the AppRole",
            found="InvalidRequest",
            next_step="compare role id and secret id with the AppRole, and their lifetimes",
        )
    return BadInput(
        f"Vault takes no such request for {what}",
        found="InvalidRequest",
        allowed="a KV version 2 engine at the block's mount",
    )
