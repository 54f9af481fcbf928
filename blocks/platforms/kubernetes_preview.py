"""Trying a release out before it gets the traffic: through its preview, on its own pods alone."""

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_settle import Place
from blocks.platforms.kubernetes_verify import tried
from slipway.canonical import JsonObject
from slipway.platform import StepContext


def try_out(place: Place, context: StepContext, millis: int) -> JsonObject:
    """Verify the release's pods, and ask and watch them that long, while the preview leads there.

    Raises:
        VerificationFailed: a wrong digest, a preview that leads elsewhere, bad answers.
        CrashLoop, OutOfMemory, ProbeFailed: a container failed meanwhile.
    """
    return tried(place, context, millis, names.preview_name(place.spec))
