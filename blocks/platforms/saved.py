"""Platforms that operators saved as blocks, named in an app file as TYPE/NAME."""

from typing import cast

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from blocks.platforms.docker import DockerPlatform
from slipway.errors import BadInput, Unreachable
from slipway.platform import Platform

KINDS = {"slipway-docker-platform": DockerPlatform}


def load_platform(name: str) -> Platform:
    """The saved platform `TYPE/NAME`.

    Raises:
        BadInput: no such type, or no block of that name.
        Unreachable: the Prefect server did not answer.
    """
    kind, _, block = name.partition("/")
    if kind not in KINDS or not block:
        raise _unknown(name)
    try:
        # Prefect types the answer as if it could be awaited; `_sync` says that it cannot.
        return cast(Platform, KINDS[kind].load(block, _sync=True))  # type: ignore[call-arg]
    except ValueError as error:
        raise _unknown(name) from error
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise Unreachable(
            f"the Prefect server did not answer for platform {name}",
            found=type(error).__name__,
            next_step="slipway doctor; the server's address is in PREFECT_API_URL",
        ) from None


def _unknown(name: str) -> BadInput:
    return BadInput(
        "platform is not known",
        found=ascii(name[:80]),
        allowed="docker, or a saved block as in " + ", ".join(f"{kind}/NAME" for kind in KINDS),
        next_step="save the block in the Prefect UI, or correct environments.<name>.platform",
    )
