"""Finish or restore what a dead process left."""

from prefect import flow

from blocks.compose import Installation
from slipway.execution import Result
from slipway.release import parse_target
from tasks import forms
from tasks.door import open_door
from tasks.recover import recover_claim
from tasks.runs import run_name, tag_run
from tasks.told import told


@flow(name="recover", flow_run_name=run_name("recover", "app", "environment"))
@told
async def recover(
    app: forms.App = forms.APP, environment: forms.Environment = forms.ENVIRONMENT
) -> Result | None:
    """Finish or restore what a dead process left. With nothing left, or a living holder, nothing.

    Running it twice, or beside the keeper, is safe: one of them takes over, the other stands back.
    """
    installation, target = Installation(), parse_target(app, environment)
    await tag_run(target)
    async with open_door(installation, target) as door:
        return await recover_claim(installation.engine(target, door))
