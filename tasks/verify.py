"""Verify without a claim: fields against the ledger, then health."""

from functools import partial

from pydantic import SecretStr

from blocks.compose import Installation
from slipway.errors import Refused, SecretMissing, VerificationFailed
from slipway.history import GoodRelease, serving_release
from slipway.names import parse_reference
from slipway.plan import difference
from slipway.platform import Platform, Stage, Step, StepContext
from slipway.release import Target
from tasks.notes import note
from tasks.runs import tag_run
from tasks.steps import perform

NO_TOKEN = 0


async def verify_target(installation: Installation, target: Target) -> list[str]:
    """What was verified, one line each.

    Raises:
        Refused: nothing verified serves there.
        VerificationFailed: the target drifted, or is not healthy.
    """
    serving = _serving(installation, target)
    await tag_run(target, parse_reference(serving.candidate).short)
    platform = installation.engine(target).tools.platform
    await perform("fields compared", partial(refuse_drift, platform, serving))
    steps = [s for s in platform.forward(serving.spec, None) if s.stage is Stage.VERIFY]
    for step in steps:
        await perform(step.name, partial(_look, step))
    return ["fields compared", *(step.name for step in steps)]


def refuse_drift(platform: Platform, serving: GoodRelease) -> None:
    """Raises VerificationFailed where the target is not what the ledger says; names the fields."""
    observed = platform.observe(serving.spec.target)
    drift = difference(platform.render(serving.spec), observed.fields)
    if not drift:
        return
    target = serving.spec.target
    raise VerificationFailed(
        f"{target} drifted from its verified release in {len(drift)} fields",
        found=", ".join(change.field for change in drift[:10]),
        allowed=f"release {serving.spec.id}",
        evidence=[str(change) for change in drift],
        next_step=f"deploy {serving.candidate} to {target.environment} again",
    )


def _look(step: Step) -> None:
    step.run(StepContext(check=_free, note=note, token=NO_TOKEN, secrets=_no_secret))


def _free() -> None:
    """Nothing is held, so nothing can be lost."""


def _no_secret(name: str, version: str) -> SecretStr:
    raise SecretMissing(f"verification reads no secret, and {name} {version} was asked for")


def _serving(installation: Installation, target: Target) -> GoodRelease:
    serving = serving_release(installation.ledger(target).records())
    if serving is None:
        raise Refused(
            f"{target} has no verified release",
            next_step=f"slipway history {target.app} {target.environment}",
        )
    return serving
