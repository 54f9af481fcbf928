"""Platforms that operators saved as blocks, named in an app file as TYPE/NAME."""

from collections.abc import Callable, Mapping
from typing import cast

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from blocks.platforms.docker import DockerPlatform
from slipway.errors import BadInput, Unreachable
from slipway.platform import Platform


def _docker(block: str) -> Platform:
    # Prefect types the answer as if it could be awaited; `_sync` says that it cannot.
    return cast(Platform, DockerPlatform.load(block, _sync=True))  # type: ignore[call-arg]


def _kubernetes(block: str) -> Platform:
    from blocks.platforms.kubernetes_block import KubernetesCluster

    saved = KubernetesCluster.load(block, _sync=True)  # type: ignore[call-arg]
    return cast(KubernetesCluster, saved).platform()


KINDS: Mapping[str, Callable[[str], Platform]] = {
    "slipway-docker-platform": _docker,
    "slipway-kubernetes-platform": _kubernetes,
}


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
        return KINDS[kind](block)
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
        allowed="docker, kubernetes, or a saved block as in "
        + ", ".join(f"{kind}/NAME" for kind in KINDS),
        next_step="save the block in the Prefect UI, or correct environments.<name>.platform",
    )
