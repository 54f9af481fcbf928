"""A world with a Prefect server that wants a password, the gateway before it, and a secret."""

from collections.abc import Iterator

import pytest

from tests.nginx import find_nginx
from tests.rig.gateway import OPERATOR, SECRET, VARIABLE, GatewayRig

__all__ = ["gateway"]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayRig]:
    """Both run; a Secret block, a Variable and the work pool `slipway` are there."""
    nginx = find_nginx()
    if not nginx:
        pytest.skip("no nginx: its packages are taken from Debian 12's archive")
    rig = GatewayRig(nginx, tmp_path_factory.mktemp("gateway"))
    try:
        rig.start()
        furnish(rig)
        yield rig
    finally:
        rig.close()


def furnish(rig: GatewayRig) -> None:
    """By an operator, through the gateway, as an operator would."""
    script = "import sys\nfrom prefect.blocks.system import Secret\n"
    script += f"Secret(value=sys.stdin.read()).save({SECRET!r})"
    done = rig.run(OPERATOR, "-c", script, given=rig.canary)
    assert done.returncode == 0, done.stderr
    with rig.client(OPERATOR) as client:
        said = {"name": VARIABLE, "value": rig.canary}
        client.post("/api/variables/", json=said).raise_for_status()
        pool = {"name": "slipway", "type": "process"}
        client.post("/api/work_pools/", json=pool).raise_for_status()
