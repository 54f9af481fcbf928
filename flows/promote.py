"""Take what one environment verified last into the next."""

from prefect import flow

from blocks.compose import Installation
from flows.deploy import deploy
from slipway.execution import Result
from slipway.release import parse_target
from tasks import forms
from tasks.promote import last_verified
from tasks.runs import run_name, tag_run
from tasks.told import told


@flow(name="promote", flow_run_name=run_name("promote", "app", "from_environment", "to"))
@told
async def promote(
    app: forms.App = forms.APP,
    from_environment: forms.Environment = forms.FROM,
    to: forms.Environment = forms.TO,
    requested_by: forms.Requester = forms.REQUESTED_BY,
    allow_downgrade: bool = forms.ALLOW_DOWNGRADE,
) -> Result:
    """Deploy the last verified good release of one environment to another, gate and all."""
    source, target = parse_target(app, from_environment), parse_target(app, to)
    candidate = last_verified(Installation().ledger(source))
    await tag_run(target, candidate.short)
    return await deploy(
        candidate=str(candidate),
        environment=to,
        requested_by=requested_by,
        allow_downgrade=allow_downgrade,
    )
