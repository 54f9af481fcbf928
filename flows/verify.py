"""Observe an environment and verify that it serves what the ledger says."""

from prefect import flow

from blocks.compose import Installation
from slipway.release import parse_target
from tasks import forms
from tasks.runs import run_name, tag_run
from tasks.told import told
from tasks.verify import verify_target


@flow(name="verify", flow_run_name=run_name("verify", "app", "environment"))
@told
async def verify(
    app: forms.App = forms.APP, environment: forms.Environment = forms.ENVIRONMENT
) -> list[str]:
    """Compare what runs with the last verified release, field by field, then ask it for its health.

    Reads only: nothing is claimed, nothing is changed. Drift fails the run and names the fields.
    """
    installation, target = Installation(), parse_target(app, environment)
    await tag_run(target)
    return await verify_target(installation, target)
