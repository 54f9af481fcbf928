"""`python -m tests.cluster`; see the package.

`ready` is what the tests call first: the chosen cluster runs and the programs of the field are
built, so that no test's own time goes into that, or it prints why not. `release` is what they call
last: their own cluster is brought down.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from slipway.errors import SlipwayError
from tests.cluster import choice, cluster, host
from tests.rig.kubernetes_schemas import make_schemas
from tests.rig.kubernetes_tools import ABOUT, tool


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    acts = made.add_subparsers(dest="act", required=True)
    folder = choice.choose(os.environ).folder
    for act in ("up", "down", "status"):
        acts.add_parser(act).add_argument("folder", nargs="?", type=Path, default=folder)
    tools = acts.add_parser("tools", help="build programs of the field into the cache")
    tools.add_argument("names", nargs="+", choices=sorted(ABOUT))
    acts.add_parser("ready")
    acts.add_parser("release")
    return made


def up(folder: Path) -> int:
    reason = host.lacks_namespaces()
    if reason:
        print(reason)
        return 1
    print(cluster.describe(cluster.up(folder, say)))
    return 0


def down(folder: Path) -> int:
    say(f"{cluster.down(folder)} processes stopped")
    return 0


def status(folder: Path) -> int:
    daemons = cluster.status(folder)
    if not daemons:
        say(f"no cluster runs in {folder}")
    for name, state in daemons.items():
        print(f"{name:24} {state}")
    return int(not daemons)


def ready() -> int:
    make_schemas()
    for name in ABOUT:
        tool(name)
    chosen = choice.choose(os.environ)
    if not chosen.context:
        return up(chosen.folder)
    reason = choice.lacks_registry(chosen) or lacks_answer(chosen.context)
    print(reason or chosen.context)
    return int(bool(reason))


def lacks_answer(context: str) -> str | None:
    """Why the cluster of that context cannot be used, or nothing."""
    argv = ["kubectl", f"--context={context}", "--request-timeout=10s", "get", "nodes"]
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return "kubectl is not on PATH"
    return f"{context} does not answer: {done.stderr.strip()}" if done.returncode else None


def release() -> int:
    chosen = choice.choose(os.environ)
    return 0 if chosen.is_kept else down(chosen.folder)


def tools(names: list[str]) -> int:
    for name in names:
        print(tool(name), flush=True)
    return 0


def main(arguments: list[str]) -> int:
    asked = parser().parse_args(arguments)
    on_folder = {"up": up, "down": down, "status": status}
    try:
        if asked.act in on_folder:
            return on_folder[asked.act](asked.folder.absolute())
        if asked.act == "tools":
            return tools(asked.names)
        return {"ready": ready, "release": release}[asked.act]()
    except SlipwayError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
