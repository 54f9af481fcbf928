"""Take one candidate through its environments, in the order of its app file."""

from prefect import flow

from blocks.compose import Installation
from flows.deploy import deploy
from slipway.execution import Result
from tasks import forms
from tasks.candidate import read_candidate
from tasks.release import environments_through
from tasks.runs import run_name, tag_release
from tasks.told import told


@flow(name="release", flow_run_name=run_name("release", "candidate", "through"))
@told
async def release(
    candidate: forms.Candidate = forms.CANDIDATE,
    through: forms.MaybeEnvironment = forms.THROUGH,
    requested_by: forms.Requester = forms.REQUESTED_BY,
    again: bool = forms.AGAIN,
    allow_downgrade: bool = forms.ALLOW_DOWNGRADE,
    key: forms.MaybeKey = forms.KEY,
    wait: forms.Wait = forms.WAIT,
) -> list[Result]:
    """Deploy to dev, verify, gate, stage, verify, gate, prod, verify: always the same candidate.

    An environment that runs the candidate already is left alone, so a second trigger changes
    nothing. The first environment that fails ends the release.
    """
    wanted = await read_candidate(Installation(), candidate)
    await tag_release(wanted.app, wanted.reference.short)
    return [
        await deploy(
            candidate=candidate,
            environment=environment,
            requested_by=requested_by,
            again=again,
            allow_downgrade=allow_downgrade,
            key=key,
            wait=wait,
        )
        for environment in environments_through(wanted.appfile, through or None)
    ]
