"""How Helm is run: privately, by its holder's leave, and never longer than its holder lives."""

import json
import multiprocessing
import os
import signal
import stat
import time
from pathlib import Path

import pytest
from kubernetes.client import ApiClient, Configuration

from blocks.platforms.kubernetes_helm import FOLDER, Helm, is_alive, private_folder
from blocks.platforms.kubernetes_helm_argv import Act
from slipway.errors import BadInput, StepFailed, Superseded
from slipway.release import ReleaseSpec
from tests.unit.blocks.platforms.test_kubernetes_helm import charted

TOOL = """#!/bin/sh
umask 077
cat > {out}/stdin
printf '%s\\n' "$@" > {out}/argv
env > {out}/env
stat -c %a kubeconfig chart.tgz . > {out}/modes
cat kubeconfig > {out}/kubeconfig
echo $$ > {out}/pid
{then}
"""


def access() -> ApiClient:
    made = Configuration()
    made.host = "https://cluster.example.com"
    made.api_key = {"authorization": "Bearer canary"}
    return ApiClient(made)


def helm(folder: Path, then: str) -> Helm:
    program = folder / "helm"
    program.write_text(TOOL.format(out=folder, then=then))
    program.chmod(0o700)
    return Helm(str(program), access)


def release() -> ReleaseSpec:
    spec = charted()
    assert spec.kubernetes
    place = spec.kubernetes.model_copy(update={"values": {"port": "${port}"}})
    return spec.model_copy(update={"kubernetes": place})


def test_values_go_by_stdin_and_credentials_by_a_private_file(tmp_path: Path) -> None:
    """G10, S0-14: neither is in the arguments, and nothing stays behind."""
    made = helm(tmp_path, "echo 'a warning'; echo '{\"version\": 3}'")
    assert made.upgrade(release(), b"chart", Act(3)) == {"version": 3}
    assert json.loads((tmp_path / "stdin").read_text()) == {"port": 80}
    assert (tmp_path / "modes").read_text().split() == ["600", "600", "700"]
    assert "canary" in (tmp_path / "kubeconfig").read_text()
    for seen in ("argv", "env"):
        assert "canary" not in (tmp_path / seen).read_text()
    left = Path(os.environ.get("TMPDIR", "/tmp")).glob(f"{FOLDER}{os.getpid()}-*")
    assert list(left) == []


def test_its_words_are_told_when_it_fails(tmp_path: Path) -> None:
    made = helm(tmp_path, "echo 'Error: conflict with x' >&2; exit 1")
    with pytest.raises(StepFailed, match="conflict with x"):
        made.upgrade(release(), b"chart", Act(3))


def test_a_holder_that_must_stop_kills_it(tmp_path: Path) -> None:
    """B3: at once, so that nothing is written any more."""

    def check() -> None:
        if (tmp_path / "pid").exists():
            raise Superseded("a newer holder took over")

    made = helm(tmp_path, "exec sleep 60")
    with pytest.raises(Superseded):
        Helm(made.program, access, check).upgrade(release(), b"chart", Act(3))
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_it_dies_with_its_holder(tmp_path: Path) -> None:
    """A1, A3: also when the holder is killed and can tell nobody."""
    made = helm(tmp_path, "exec sleep 60")
    fork = multiprocessing.get_context("fork")
    holder = fork.Process(target=made.upgrade, args=(release(), b"chart", Act(3)))
    holder.start()
    until = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join()
    while is_alive(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_what_a_killed_holder_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder held credentials."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = multiprocessing.get_context("fork").Process(target=int)
    dead.start()
    dead.join()
    left, lives = tmp_path / f"{FOLDER}{dead.pid}-x", tmp_path / f"{FOLDER}{os.getpid()}-x"
    for folder in (left, lives):
        folder.mkdir()
    with private_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not left.exists()
    assert lives.exists()


def test_a_machine_without_helm_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="no program no-such-helm"):
        Helm("no-such-helm", access).upgrade(charted(), b"", Act(3))
