"""Look at the runtime secrets of every target: age, last use, orphans, crossings of the tiers."""

from prefect import flow

from blocks.compose import Installation
from tasks import forms
from tasks.audit_secrets import audit_each
from tasks.runs import run_name
from tasks.told import told


@flow(name="audit_secrets", flow_run_name=run_name("audit secrets", "app"))
@told
async def audit_secrets(app: forms.MaybeApp = forms.EVERY_APP) -> list[str]:
    """Audit names, versions and dates; no value is read.

    Shows one artifact for each app and emits one event for each class of finding. Fails where a
    build credential lies among runtime secrets or one is over its maximum age; the rest is told.
    """
    return await audit_each(Installation(), app or None)
