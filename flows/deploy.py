"""Bring a candidate into one environment, verified, or leave what served before."""

from prefect import flow

from blocks.compose import Installation
from slipway.execution import Result
from slipway.release import parse_target
from tasks import forms
from tasks.candidate import read_candidate
from tasks.deploy import bring_in
from tasks.door import open_door
from tasks.runs import run_name, tag_run
from tasks.told import told


@flow(name="deploy", flow_run_name=run_name("deploy", "candidate", "environment"))
@told
async def deploy(
    candidate: forms.Candidate = forms.CANDIDATE,
    environment: forms.Environment = forms.ENVIRONMENT,
    requested_by: forms.Requester = forms.REQUESTED_BY,
    again: bool = forms.AGAIN,
    allow_downgrade: bool = forms.ALLOW_DOWNGRADE,
    key: forms.MaybeKey = forms.KEY,
    wait: forms.Wait = forms.WAIT,
    break_glass: forms.MaybeSigned = forms.BREAK_GLASS,
) -> Result:
    """Bring a candidate into one environment.

    Plan, admit, gate, claim, prove the way back, apply, settle, switch, verify, commit. On any
    failure the last verified good release is restored, with its config and secret versions.
    """
    installation = Installation()
    wanted = await read_candidate(installation, candidate)
    target = parse_target(wanted.app, environment)
    await tag_run(target, wanted.reference.short)
    async with open_door(installation, target) as door:
        release = installation.release(wanted, environment, requested_by, door)
        return await bring_in(
            release,
            key=key or None,
            again=again,
            allow_downgrade=allow_downgrade,
            wait=wait,
            glass=break_glass,
        )
