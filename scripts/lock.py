"""Write requirements/*.lock from pyproject.toml, or say whether they are up to date.

    scripts/lock.py            resolve again, keeping versions that still fit
    scripts/lock.py --upgrade  resolve again, taking the newest that fit
    scripts/lock.py --check    offline: does each lock match the tables it was made from?

Each lock opens with a hash of the tables in pyproject.toml that it was resolved from.
Locks hold hashes and no address, so they install from whatever index pip is set up with.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
# lock name -> groups beside the runtime dependencies; None: groups alone
RUNTIME, DEV, TRIVY = "runtime", "dev", "trivy"
HEADER = "# Made by `make lock` from pyproject.toml; do not edit.\n# inputs: sha256:{digest}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="only look, offline")
    mode.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    options = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    if options.check:
        return check(project)
    LOCKS.mkdir(exist_ok=True)
    for name in (DEV, RUNTIME, TRIVY):
        resolve(name, project, upgrade=options.upgrade)
    return 0


def check(project: dict) -> int:
    """Print each problem; 1 when there is any."""
    problems = [text for name in (RUNTIME, DEV, TRIVY) for text in faults(name, project)]
    for text in problems:
        print(text, file=sys.stderr)
    if not problems:
        print("locks are up to date")
    return int(bool(problems))


def faults(name: str, project: dict) -> Iterator[str]:
    """What is wrong with one lock, as lines that end in the next step."""
    path = LOCKS / f"{name}.lock"
    where = path.relative_to(ROOT)
    if not path.exists():
        yield f"{where} is missing: run `make lock`"
        return
    text = path.read_text()
    if HEADER.format(digest=inputs(name, project)) not in text:
        yield f"{where} was made from other dependencies than pyproject.toml has: run `make lock`"
    if "://" in text:
        yield f"{where} names an address; locks hold hashes only: run `make lock`"
    for pin in re.findall(r"^\S+==[^\\\n]*(?!\\)$", text, flags=re.MULTILINE):
        if not pin.endswith("\\"):
            yield f"{where} pins {pin} without a hash: run `make lock`"


def requirements(name: str, project: dict) -> list[str]:
    """The direct requirements of a lock, in order."""
    groups = project["dependency-groups"]
    runtime = project["project"]["dependencies"]
    return {
        RUNTIME: runtime,
        DEV: [*runtime, *members(groups, "dev")],
        TRIVY: list(members(groups, "trivy")),
    }[name]


def members(groups: dict, name: str) -> Iterator[str]:
    """The requirements of a dependency group, included groups unfolded."""
    for entry in groups[name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from members(groups, entry["include-group"])


def inputs(name: str, project: dict) -> str:
    """Hash of all that decides a lock's contents, apart from the index."""
    tables = [project["project"]["requires-python"], sorted(requirements(name, project))]
    return hashlib.sha256(json.dumps(tables).encode()).hexdigest()


def resolve(name: str, project: dict, *, upgrade: bool) -> None:
    """Run uv for one lock; the runtime lock takes the versions that dev was given."""
    path = LOCKS / f"{name}.lock"
    argv = [find_uv(), *uv_arguments(name, path, upgrade=upgrade)]
    wanted = "".join(f"{line}\n" for line in requirements(name, project))
    subprocess.run(argv, input=wanted, text=True, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    body = path.read_text()
    path.write_text(HEADER.format(digest=inputs(name, project)) + body)
    print(f"{path.relative_to(ROOT)}: {body.count('==')} packages")


def uv_arguments(name: str, path: Path, *, upgrade: bool) -> list[str]:
    """Options of `uv pip compile` for a lock without addresses, paths or notes."""
    options = ["--generate-hashes", "--universal", "--python-version", "3.11", "--quiet"]
    options += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"]
    options += ["--no-config", "--output-file", str(path)]
    if upgrade:
        options.append("--upgrade")
    if name == RUNTIME:
        options += ["--constraints", str(LOCKS / f"{DEV}.lock")]
    return ["pip", "compile", *options, "-"]


def find_uv() -> str:
    beside = ROOT / ".venv" / "bin" / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        sys.exit("uv is not installed: run `scripts/bootstrap` first, or `pip install uv`")
    return found


if __name__ == "__main__":
    sys.exit(main())
