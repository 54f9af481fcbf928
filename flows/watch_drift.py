"""Look whether every target still runs what its ledger says."""

from prefect import flow

from blocks.compose import Installation
from tasks import forms
from tasks.runs import run_name
from tasks.told import told
from tasks.watch_drift import watch_each


@flow(name="watch_drift", flow_run_name=run_name("watch drift", "app"))
@told
async def watch_drift(app: forms.MaybeApp = forms.EVERY_APP) -> list[str]:
    """Compare what runs with the ledger, field by field. Reads only; it never mends.

    Shows one artifact for each app and emits one event for each target that differs. Fails where
    one does, and names the command that brings the release back through its gate.
    """
    return await watch_each(Installation(), app or None)
