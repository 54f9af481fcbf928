"""Return to the last verified good release; outranks a running deploy."""

from prefect import flow

from blocks.compose import Installation
from slipway.execution import Result
from slipway.release import parse_target
from tasks import forms
from tasks.door import open_door
from tasks.rollback import roll_back
from tasks.runs import run_name, tag_run
from tasks.told import told


@flow(name="rollback", flow_run_name=run_name("rollback", "app", "environment"))
@told
async def rollback(
    app: forms.App = forms.APP,
    environment: forms.Environment = forms.ENVIRONMENT,
    to: forms.MaybeCandidate = forms.BACK_TO,
    reason: forms.Reason = forms.REASON,
    requested_by: forms.Requester = forms.REQUESTED_BY,
    accept_forward_only: bool = forms.ACCEPT_FORWARD_ONLY,
) -> Result:
    """Return to the last verified good release, with its config and secret versions.

    A deploy or drill that holds the environment is fenced off. The release that is left is put
    under quarantine, so going back twice never returns to it.
    """
    installation, target = Installation(), parse_target(app, environment)
    await tag_run(target)
    async with open_door(installation, target) as door:
        engine = installation.engine(target, door)
        return await roll_back(
            engine,
            requested_by=requested_by,
            reason=reason,
            to=to or None,
            accept_forward_only=accept_forward_only,
        )
