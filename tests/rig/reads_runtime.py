"""A flow of an app's own, for a Kubernetes work pool: it proves where and as whom it runs.

It is told what its secrets hash to, since a parameter must not be a secret.
"""

import hashlib
import os
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.blocks.system import Secret


@flow(name="reads_runtime")
async def reads_runtime(block: str, block_digest: str, key: str, key_digest: str) -> None:
    value = (await Secret.load(block)).get()
    assert hashlib.sha256(value.encode()).hexdigest() == block_digest, "not that block"
    get_run_logger().info("in a pod of %s", prove_place(key, key_digest))


def prove_place(key: str, key_digest: str) -> str:
    """The namespace; as nobody, with a file as secret, writing only where the state is."""
    mounted = (Path("/run/secrets/slipway") / key).read_bytes()
    assert hashlib.sha256(mounted).hexdigest() == key_digest, "not that file"
    assert os.getuid() == 65532, os.getuid()
    assert not is_writable(Path("/opt/slipway")), "the root is writable"
    (Path("/var/lib/slipway") / "was-here").write_text("yes")
    return (Path("/var/run/secrets/kubernetes.io/serviceaccount") / "namespace").read_text()


def is_writable(folder: Path) -> bool:
    try:
        (folder / "probe").touch()
    except OSError:
        return False
    return True
