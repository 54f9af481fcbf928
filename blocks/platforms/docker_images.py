"""Images by digest: pulled through the engine, or found on it."""

from collections.abc import Mapping

import docker
from docker.errors import APIError, ImageNotFound

from blocks.platforms.docker_engine import engine_errors
from slipway.canonical import JsonObject
from slipway.errors import Cause, ImageMissing, SlipwayError, StepFailed, Unreachable
from slipway.names import parse_reference
from slipway.platform import StepContext

Credentials = Mapping[str, str]

_GONE = ("manifest unknown", "not found", "unexpected eof", "name unknown", "does not exist")
_DENIED = ("unauthorized", "denied", "no basic auth", "authentication required")


def local_image(api: docker.APIClient, reference: str) -> JsonObject | None:
    """The image's inspect document where the engine holds that digest."""
    with engine_errors(f"image {reference}"):
        try:
            return dict(api.inspect_image(reference))
        except ImageNotFound:
            return None


def ensure_image(
    api: docker.APIClient, reference: str, credentials: Credentials | None, context: StepContext
) -> bool:
    """Make the engine hold the image; whether it had to be pulled.

    Raises:
        ImageMissing: the registry does not have it.
        StepFailed: the registry refused the credentials.
        Unreachable: engine or registry did not answer.
    """
    if local_image(api, reference) is not None:
        return False
    wanted = parse_reference(reference)
    with engine_errors(f"pulling {reference}"):
        try:
            for event in api.pull(
                wanted.repository,
                tag=wanted.digest,
                stream=True,
                decode=True,
                auth_config=dict(credentials) if credentials else None,
            ):
                context.check()
                if "error" in event:
                    raise pull_failure(reference, str(event["error"]))
        except APIError as error:
            raise pull_failure(reference, str(error.explanation)) from error
    if local_image(api, reference) is None:
        raise pull_failure(reference, "not found after the pull")
    return True


def pull_failure(reference: str, found: str) -> SlipwayError:
    """The engine's words about a failed pull as one of our errors. Pure."""
    text = found.lower()
    if any(word in text for word in _DENIED):
        return StepFailed(
            f"the registry refused to hand out {reference}",
            found=found[:300],
            next_step="set the block's registry user and password",
            cause=Cause.PERMISSION,
        )
    if any(word in text for word in _GONE):
        return ImageMissing(
            f"image {reference} is not in the registry",
            found=found[:300],
            next_step="push it again from the same commit, or deploy another candidate",
        )
    return Unreachable(f"image {reference} could not be pulled", found=found[:300])


def in_registry(
    api: docker.APIClient, reference: str, credentials: Credentials | None
) -> SlipwayError | None:
    """None where the registry answers for the digest; else what is wrong."""
    with engine_errors(f"asking for {reference}"):
        try:
            api.inspect_distribution(
                reference, auth_config=dict(credentials) if credentials else None
            )
        except APIError as error:
            return pull_failure(reference, str(error.explanation))
    return None
