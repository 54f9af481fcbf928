"""Prove the way back on a healthy environment: N to N-1, verify, back to N, verify."""

from prefect import flow

from blocks.compose import Installation
from tasks import forms
from tasks.rollback_drill import drill_each, drilled_targets, slot_of_run
from tasks.runs import run_name
from tasks.told import told


@flow(name="rollback_drill", flow_run_name=run_name("drill", "app", "environment"))
@told
async def rollback_drill(
    environment: forms.Environment = forms.ENVIRONMENT,
    app: forms.MaybeApp = forms.DRILLED_APP,
    requested_by: forms.Requester = forms.REQUESTED_BY,
) -> list[str]:
    """Go back to the last verified release and return, measured against the app's budget.

    Skips an environment that somebody holds, and itself when its slot is old. A crash inside ends
    on the original release. Over budget, the run fails, with the original serving.
    """
    installation = Installation()
    targets = drilled_targets(installation.store, environment, app or None)
    return await drill_each(installation, targets, requested_by, slot_of_run())
