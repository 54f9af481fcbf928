"""An operator's shell on an installation with a real engine and registry, and no Prefect server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from slipway.cli.stack.prefect import base_environment
from tests.rig.docker_rig import Rig
from tests.rig.prefect_rig import App, PrefectRig

DEAD_SERVER = "http://127.0.0.1:9/api"


@dataclass
class Shell:
    """An operator's shell on one installation; `variables` are set on top of its own."""

    rig: PrefectRig
    app: App
    variables: dict[str, str] = field(default_factory=dict)
    running: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(
        self, *argv: str, module: str = "slipway.cli", **variables: str
    ) -> "subprocess.Popen[str]":
        server = {"PREFECT_API_URL": DEAD_SERVER}
        own = {**self.rig.environment, **server, **self.variables, **variables}
        process = subprocess.Popen(
            [sys.executable, "-m", module, *argv],
            env={**base_environment(os.environ), **own},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def run(self, *argv: str, code: int = 0, **variables: str) -> str:
        """Standard output and error of a command that ends with that exit code."""
        return self.end(self.start(*argv, **variables), code)

    def end(self, process: "subprocess.Popen[str]", code: int) -> str:
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, out + err
        return out + err

    def read(self, *argv: str) -> object:
        """What a reading command says with --json, on standard output alone."""
        out, err = self.start(*argv, "--json").communicate(timeout=60)
        return json.loads(out) if out else pytest.fail(err)

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def shell(rig: Rig, testapp: str, keys: Path, tmp_path: Path) -> Iterator[Shell]:
    made = PrefectRig(rig, tmp_path, testapp, keys / "allowed")
    made.write_keys()
    shell = Shell(made, App(made))
    try:
        yield shell
    finally:
        shell.close()
        shell.app.close()
