"""Wrong input and a broken world, through the real commands, with a good release serving.

Each ends with the exit code of its class and names the thing and the next step; afterwards the
good release serves, its containers are those from before, and the ledger is sound. What needs no
engine is in tests/unit/cli/test_errors.py; parameters of deployments in test_prefect_release.py.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blocks.platforms import docker_names as names
from slipway.claim import LEASE_SECONDS, open_claim
from slipway.cli.demo.sources import WorkingCopy
from slipway.cli.stack.prefect import base_environment
from slipway.cli.stack.settings import PROJECT
from slipway.ledger import Kind
from tasks.handover import FAILURE
from tests.rig.prefect_rig import PrefectRig
from tests.rig.shells import DEAD_SERVER, Shell

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

NOBODY = "tcp://127.0.0.1:9"
SMALL = 1024 * 1024
BLOCK = 4096


@dataclass
class Served:
    """A good release in dev, and what must stay as it is."""

    shell: Shell
    good: str

    def containers(self) -> set[str]:
        labels = names.target_labels(self.shell.app.target("dev"))
        filters: dict[str, str | list[str] | bool] = {**names.label_filter(labels)}
        engine = self.shell.rig.docker.engine
        return {str(found.id) for found in engine.containers.list(all=True, filters=filters)}

    def records(self) -> int:
        return len(self.shell.app.ledger("dev").records())

    @contextmanager
    def untouched(self, *, refusals: int = 0) -> Iterator[None]:
        """Nothing changes but for so many records of a refusal."""
        containers, records = self.containers(), self.records()
        yield
        assert self.shell.app.answer("dev") == "one"
        assert self.containers() == containers
        after = self.shell.app.ledger("dev").records()
        assert [record.kind for record in after[records:]] == [Kind.REFUSED] * refusals
        assert open_claim(after) is None
        self.shell.variables.clear()
        self.shell.run("audit", "verify", self.shell.app.name)


@pytest.fixture
def served(shell: Shell) -> Served:
    good = shell.app.candidate("one")
    shell.run("deploy", good, "dev")
    return Served(shell, good)


def test_unknown_environment_names_the_nearest(served: Served) -> None:
    with served.untouched():
        said = served.shell.run("deploy", served.good, "prd", code=2)
    assert "prd" in said
    assert "prod" in said


def test_an_image_is_told_from_a_candidate(served: Served) -> None:
    with served.untouched():
        said = served.shell.run("deploy", served.shell.rig.image, "dev", code=2)
    assert "candidate" in said
    assert "next:" in said


def test_a_candidate_of_an_unknown_builder_is_refused(served: Served) -> None:
    """F5: the signature is good, its key is not trusted here."""
    trusted = served.shell.rig.key
    served.shell.rig.key = Ed25519PrivateKey.generate()
    foreign = served.shell.app.candidate("two")
    served.shell.rig.key = trusted
    with served.untouched(refusals=1):
        said = served.shell.run("deploy", foreign, "dev", code=3)
    assert "trusted" in said
    assert "next:" in said


def test_a_dead_engine_is_named(served: Served) -> None:
    two = served.shell.app.candidate("two")
    with served.untouched():
        served.shell.variables["SLIPWAY_DOCKER_HOST"] = NOBODY
        said = served.shell.run("deploy", two, "dev", code=8)
    assert NOBODY in said
    assert "start the engine" in said


def test_runtime_secrets_need_their_server(served: Served) -> None:
    """The secret source is down and the value never served: nothing starts."""
    two = served.shell.app.candidate("two", secrets="{token: {owner: tests}}")
    with served.untouched():
        said = served.shell.run("deploy", two, "dev", code=8)
    assert "token" in said
    assert "PREFECT_API_URL" in said


@contextmanager
def file_for_folder(path: Path) -> Iterator[None]:
    kept = path.with_name("kept")
    path.rename(kept)
    path.write_text("no folder")
    try:
        yield
    finally:
        path.unlink()
        kept.rename(path)


@pytest.mark.parametrize("command", ["deploy", "rollback", "status", "recover", "history"])
def test_a_ledger_that_cannot_be_read_is_named(served: Served, command: str) -> None:
    """A10: without its ledger nothing is done."""
    app = served.shell.app
    argv = {"deploy": [app.candidate("two"), "dev"], "status": [], "recover": []}
    with served.untouched(), file_for_folder(served.shell.rig.folder / "ledger"):
        said = served.shell.run(command, *argv.get(command, [app.name, "dev"]), code=8)
    assert "ledger" in said
    assert "next:" in said


@pytest.fixture
def small_disk(shell: Shell, tmp_path: Path) -> Iterator[Path]:
    """The ledger on a file system of its own of 1 MiB."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    options = f"size={SMALL},mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "slipway-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, left: int) -> Path:
    """A file that leaves room for so many blocks, which is as many records."""
    free = shutil.disk_usage(folder).free
    ballast = folder / "ballast"
    ballast.write_bytes(b"\0" * max(0, free - left * BLOCK))
    return ballast


def test_a_full_disk_lets_nothing_start(small_disk: Path, served: Served) -> None:
    """A10, R9: no intent can be written, so nothing is asked of the engine."""
    two = served.shell.app.candidate("two")
    with served.untouched():
        ballast = fill(small_disk, 0)
        said = served.shell.run("deploy", two, "dev", code=8)
        ballast.unlink()
    assert "No space left on device" in said
    assert "free space" in said


@pytest.mark.parametrize("left", [3, 12, 20])
def test_a_disk_that_gets_full_meanwhile_is_recovered(
    small_disk: Path, served: Served, left: int
) -> None:
    """A10, R9: the release stops where its next record does not fit; recovery settles it.

    Exit code 5 where the way back was begun and its records do not fit either.
    """
    shell, before = served.shell, served.records()
    two = shell.app.candidate("two")
    ballast = fill(small_disk, left)
    process = shell.start("deploy", two, "dev")
    out, said = process.communicate(timeout=120)
    assert process.returncode in {5, 8}, out + said
    assert "No space left on device" in said
    assert "next:" in said
    assert shell.app.answer("dev") in {"one", "two"}
    ballast.unlink()
    written = shell.app.ledger("dev").records()[before:]
    assert Kind.CLOSED not in [record.kind for record in written]
    threading.Event().wait(LEASE_SECONDS + 1)
    shell.run("recover", shell.app.name, "dev")
    assert open_claim(shell.app.ledger("dev").records()) is None
    shell.run("deploy", two, "dev")
    assert shell.app.answer("dev") == "two"


APPFILE = """
app: shop
images: {web: {port: 8000}}
environments: {dev: {port: 8101}}
"""
AGENT = {
    "SLIPWAY_BUILD_REGISTRY": "127.0.0.1:9",
    "SLIPWAY_BUILD_SIGNING_KEY": "/nowhere/key.pem",
}


@pytest.fixture
def source(tmp_path: Path) -> WorkingCopy:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM slipway/python:3.11\n")
    made = WorkingCopy(folder)
    made.git("init", "--quiet", "--initial-branch=main")
    return made


def integrate(source: WorkingCopy, out: Path, server: str, **own: str) -> tuple[int, str]:
    """Exit code, and what the agent's command says; `server` is the Prefect API that tracks it."""
    argv = [sys.executable, "-m", "flows.integrate", "--app-dir", str(source.folder)]
    home = {"PREFECT_HOME": str(out.with_name("prefect")), "PREFECT_API_URL": server}
    done = subprocess.run(
        [*argv, "--output-dir", str(out)],
        env={**base_environment(os.environ), **home, **AGENT, **own},
        cwd=PROJECT,
        timeout=180,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.prefect
@pytest.mark.parametrize(
    ("appfile", "says"),
    [
        (APPFILE.replace("images", "imagse"), ["imagse", "images"]),
        (APPFILE.replace("shop", "Shop"), ["app", "Shop"]),
        (APPFILE.replace("8101", "99999"), ["environments.dev.port"]),
        (APPFILE + "x: !!python/object/apply:os.system [id]\n", ["slipway.yaml"]),
        ("", ["slipway.yaml"]),
    ],
    ids=["unknown key", "name", "port", "tag", "empty"],
)
def test_a_wrong_app_file_is_refused_by_path(
    prefect_rig: PrefectRig,
    source: WorkingCopy,
    tmp_path: Path,
    appfile: str,
    says: list[str],
) -> None:
    """G3: before anything is built."""
    (source.folder / "slipway.yaml").write_text(appfile)
    source.commit("An app file")
    code, said = integrate(source, tmp_path / "out", prefect_rig.settings.prefect_api)
    assert code == 2, said
    assert [word for word in says if word not in said] == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FAILURE]


@pytest.mark.prefect
def test_a_folder_without_app_file_is_named(
    prefect_rig: PrefectRig, source: WorkingCopy, tmp_path: Path
) -> None:
    source.commit("No app file")
    code, said = integrate(source, tmp_path / "out", prefect_rig.settings.prefect_api)
    assert code == 2, said
    assert "slipway.yaml" in said
    assert "next:" in said


def test_a_missing_prefect_server_is_named_before_anything_is_done(
    source: WorkingCopy, tmp_path: Path
) -> None:
    """A5: what cannot be tracked as asked is not started."""
    (source.folder / "slipway.yaml").write_text(APPFILE)
    source.commit("An app file")
    code, said = integrate(source, tmp_path / "out", DEAD_SERVER)
    assert code == 8, said
    assert "Prefect server does not answer" in said
    assert "PREFECT_API_URL" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FAILURE]


@pytest.mark.prefect
def test_a_build_tier_that_is_not_set_up_names_its_variables(
    prefect_rig: PrefectRig, source: WorkingCopy, tmp_path: Path
) -> None:
    (source.folder / "slipway.yaml").write_text(APPFILE)
    source.commit("An app file")
    code, said = integrate(
        source, tmp_path / "out", prefect_rig.settings.prefect_api, SLIPWAY_BUILD_REGISTRY="no host"
    )
    assert code == 2, said
    assert "SLIPWAY_BUILD_REGISTRY" in said
