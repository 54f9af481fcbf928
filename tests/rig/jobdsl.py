"""Runs the seed of the Jenkins controller: Groovy, and a strict stand-in for the Job DSL plugin."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.rig.jenkins.tools import groovy

ROOT = Path(__file__).resolve().parents[2]
SEED = ROOT / "docker" / "jenkins" / "seed"
METHODS = ROOT / "tests" / "cases" / "jobdsl.json"
GIVEN = {
    "REPOSITORY_URL": "https://github.com/team/shop.git",
    "PREFECT_API_URL": "https://prefect.example.org/api",
    "PREFECT_API_AUTH": "jenkins:canary-login",
    "REGISTRY_USERNAME": "pusher",
    "REGISTRY_PASSWORD": "canary-registry",
    "GIT_USERNAME": "robot",
    "GIT_PASSWORD": "canary-git",
    "GIT_READ_USERNAME": "reader",
    "GIT_READ_PASSWORD": "canary-read",
    "SMTP_USERNAME": "jenkins",
    "SMTP_PASSWORD": "canary-mail",
    "BUILD_SIGNING_KEY": "Y2FuYXJ5",
}

# One thing that the script made: its method, arguments, and what its closure made as the last one.
Made = list[Any]


def run_seed(bindings: Mapping[str, str], seed: Path = SEED) -> "subprocess.CompletedProcess[str]":
    """Run apps.groovy of that folder with these bindings; on success JSON is on standard output."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"SEED_FOLDER": str(seed), **bindings}, file)
        file.flush()
        shim = Path(__file__).with_name("jobdsl.groovy")
        argv = [*groovy(shim), str(seed / "apps.groovy"), str(METHODS), file.name]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def made(bindings: Mapping[str, str]) -> list[Made]:
    """Everything that the script makes."""
    done = run_seed(bindings)
    assert done.returncode == 0, done.stderr
    found: list[Made] = json.loads(done.stdout)
    return found


def find(things: list[Made], *path: str) -> list[Made]:
    """What stands at that path of methods, wherever it occurs."""
    first, *rest = path
    here = [thing for thing in things if thing[0] == first]
    return [inner for thing in here for inner in find(thing[-1], *rest)] if rest else here
