"""The story on a cluster, `make demo TARGET=kubernetes`: on one given by its context, else on one
of the tests' own, which stays until `make down`.

scripts/demo_cluster.py up CONTEXT ARGUMENTS...   tells it; brings a cluster up for an empty CONTEXT
scripts/demo_cluster.py down                      takes that cluster down, where there is one
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main(arguments: list[str]) -> int:
    """Exit code of the demo, or 1 where there can be no cluster."""
    # Only where it is used: `make down` is as quick as before.
    if arguments[0] == "down":
        return down() if folder().exists() else 0
    context, rest = arguments[1], arguments[2:]
    named = [f"--context={context}"] if context else own_cluster()
    if not named:
        return 1
    argv = [sys.executable, "-m", "slipway.cli", "demo", "--target=kubernetes", *named, *rest]
    return subprocess.run(argv, check=False).returncode


def folder() -> Path:
    """Of this stack's cluster; outside of its state, since it holds sockets and mounts."""
    state = os.environ.get("SLIPWAY_STACK_STATE") or os.environ.get("SLIPWAY_STATE")
    key = hashlib.sha256(str(Path(state or ROOT / ".slipway").absolute()).encode()).hexdigest()
    return Path(tempfile.gettempdir()) / f"slipway-demo-{key[:10]}"


def own_cluster() -> list[str]:
    """Options that name the tests' own cluster; empty, and the reason told, where there is none."""
    from slipway.cli.stack.settings import StackSettings
    from slipway.errors import SlipwayError
    from tests.cluster import cluster, config, host, registries

    if reason := host.lacks_namespaces():
        print(reason.replace("SLIPWAY_TEST_KUBECONTEXT", "CONTEXT"), file=sys.stderr)
        return []
    try:
        layout = cluster.up(folder(), lambda line: print(line, file=sys.stderr, flush=True))
        registries.admit(layout, StackSettings().registry_port, None)
    except SlipwayError as error:
        print(error, *error.evidence, sep="\n", file=sys.stderr)
        return []
    return [f"--kubeconfig={layout.kubeconfig}", f"--context={config.CONTEXT}"]


def down() -> int:
    """The cluster, and the record of what was released to it."""
    from slipway.cli.stack.settings import StackSettings
    from tests.cluster import cluster

    layout = cluster.read_layout(folder())
    record = StackSettings().state / "demo" / "cluster.json"
    if layout and record.exists() and str(layout.kubeconfig) in record.read_text():
        record.unlink()
    print(f"stopped the cluster, {cluster.down(folder())} processes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
