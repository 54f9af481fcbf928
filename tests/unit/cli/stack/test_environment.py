"""What the stack's processes and shells get to know."""

import stat
import subprocess
from pathlib import Path

import pytest

from slipway.cli.stack.apps import released_targets
from slipway.cli.stack.environment import runtime_environment
from slipway.cli.stack.keys import ensure_key_pair
from slipway.cli.stack.prefect import base_environment, server_argv, sources_hash
from slipway.cli.stack.registry import container_spec, htpasswd, matches_htpasswd
from slipway.cli.stack.secret_files import secret_file
from slipway.cli.stack.settings import StackSettings
from slipway.cli.stack.variables import read_environment, write_environment

TRICKY = {"A": "it's", "B": "a b$HOME`id`", "C": "", "D": "x=y"}


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    return StackSettings(name="t", state=tmp_path, registry_port=5999, prefect_port=4999)


def test_a_file_reads_the_same_here_and_in_a_shell(tmp_path: Path) -> None:
    path = tmp_path / "test.env"
    write_environment(path, TRICKY)
    assert read_environment(path) == TRICKY
    script = f'. {path}; printf "%s|" "$A" "$B" "$C" "$D"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "|".join(TRICKY.values()) + "|"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_credential_of_the_caller_is_passed_on() -> None:
    """The worker's environment reaches every flow."""
    caller = {"PATH": "/bin", "SLIPWAY_BUILD_REGISTRY_PASSWORD": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    assert base_environment(caller) == {"PATH": "/bin"}


def test_the_runtime_names_secrets_by_file_and_nothing_of_the_build(
    settings: StackSettings,
) -> None:
    variables = runtime_environment(settings)
    assert not [name for name in variables if "BUILD" in name]
    assert not [name for name in variables if name.endswith("PASSWORD")]
    assert variables["PREFECT_API_URL"] == "http://127.0.0.1:4999/api"


def test_the_server_listens_on_loopback(settings: StackSettings) -> None:
    argv = server_argv(settings)
    assert argv[argv.index("--host") + 1] == "127.0.0.1"


def test_the_registry_is_hardened(settings: StackSettings) -> None:
    spec = container_spec(settings, "t-registry", settings.state, "sha256:1")
    assert spec["ports"] == {"5000/tcp": ("127.0.0.1", 5999)}
    assert spec["read_only"]
    assert spec["cap_drop"] == ["ALL"]
    assert spec["security_opt"] == ["no-new-privileges"]
    assert spec["user"].split(":")[0] != "0"
    assert {bind["mode"] for path, bind in spec["volumes"].items() if "data" not in path} == {"ro"}


def test_another_port_is_another_container(settings: StackSettings) -> None:
    other = settings.model_copy(update={"registry_port": 5998})
    first, second = (container_spec(s, "n", s.state, "i")["labels"] for s in (settings, other))
    assert first != second


def test_htpasswd_matches_its_passwords_only() -> None:
    text = htpasswd({"pusher": "a", "puller": "b"})
    assert matches_htpasswd(text, {"pusher": "a", "puller": "b"})
    assert not matches_htpasswd(text, {"pusher": "a", "puller": "c"})
    assert not matches_htpasswd(text, {"pusher": "a"})
    assert "$2b$" in text


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "one"
    first = secret_file(path)
    assert secret_file(path) == first
    assert len(first.get_secret_value()) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_key_pair_is_made_once(tmp_path: Path) -> None:
    private, trusted = tmp_path / "build.pem", tmp_path / "trusted"
    ensure_key_pair(private, trusted)
    before = private.read_bytes(), (trusted / "build.pem").read_bytes()
    ensure_key_pair(private, trusted)
    assert before == (private.read_bytes(), (trusted / "build.pem").read_bytes())
    assert b"PUBLIC" in before[1]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_released_targets_are_read_from_the_ledger(tmp_path: Path) -> None:
    for chain in ("shop/prod", "shop/dev", "blog/dev"):
        (tmp_path / chain / "records").mkdir(parents=True)
    (tmp_path / "shop" / "stage").mkdir()
    assert released_targets(tmp_path) == [("blog", "dev"), ("shop", "dev"), ("shop", "prod")]


def test_flows_are_registered_again_when_a_source_changes(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    before = sources_hash(tmp_path)
    (tmp_path / "flows" / "deploy.py").write_text("a")
    after = sources_hash(tmp_path)
    (tmp_path / "flows" / "deploy.py").write_text("b")
    assert len({before, after, sources_hash(tmp_path)}) == 3
