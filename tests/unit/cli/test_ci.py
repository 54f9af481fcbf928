"""`slipway ci`: boxes at the end of a build, which never fail it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Slipway = Callable[..., Result]
DIGEST = "sha256:" + "b" * 64
FAILURE = {"stage": "test", "cause": "test", "tier": "build", "message": "2 tests failed"}


@pytest.fixture(autouse=True)
def build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILD_NUMBER", "17")
    monkeypatch.setenv("BUILD_URL", "https://ci.example.org/17/")
    for name in ("PREFECT_API_URL", "MODE", "TO", "APP"):
        monkeypatch.delenv(name, raising=False)


def test_summary_reads_what_integrate_left(slipway: Slipway, tmp_path: Path) -> None:
    """S2-21: the digest of the file, not a tag."""
    (tmp_path / "image-digest.env").write_text(f"CANDIDATE=r.example/shop@{DIGEST}\n")
    argv = ("ci", "summary", "--status", "SUCCESS", "--environment", "prod")
    done = slipway(*argv, "--output-dir", str(tmp_path))
    assert done.exit_code == 0
    assert f"Digest:        {DIGEST}" in done.stdout
    assert "Build #:       17" in done.stdout


def test_summary_of_a_promotion_takes_the_candidate_it_is_given(
    slipway: Slipway, tmp_path: Path
) -> None:
    done = slipway(
        *("ci", "summary", "--status", "SUCCESS", "--output-dir", str(tmp_path)),
        *("--candidate", f"r.example/shop@{DIGEST}"),
    )
    assert DIGEST in done.stdout
    assert "Namespace/app: shop" in done.stdout


def test_summary_of_a_rollback_takes_the_parameters_of_the_build(
    slipway: Slipway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S2-21: as Jenkins hands them to a build."""
    for name, value in {"MODE": "rollback", "TO": "prod", "APP": "vouchers"}.items():
        monkeypatch.setenv(name, value)
    told = slipway("ci", "summary", "--status", "SUCCESS", "--output-dir", str(tmp_path)).stdout
    assert "Env:           prod" in told
    assert "Namespace/app: vouchers" in told


@pytest.mark.parametrize("name", ["image-digest.env", "failure.json"])
def test_what_cannot_be_read_fails_no_build(slipway: Slipway, tmp_path: Path, name: str) -> None:
    """S2-21, S2-29: a folder, a binary, a link to somewhere else."""
    (tmp_path / "secret").write_text(json.dumps({**FAILURE, "message": "s3cret"}))
    ways: list[Callable[[Path], object]] = [
        Path.mkdir,
        lambda path: path.write_bytes(b"\xff\x00=\xfe\n"),
        lambda path: path.symlink_to(tmp_path / "secret"),
    ]
    for number, make in enumerate(ways):
        folder = tmp_path / str(number)
        folder.mkdir()
        make(folder / name)
        for argv in (["summary", "--status", "X"], ["failure", "--stage", "X"]):
            done = slipway("ci", *argv, "--output-dir", str(folder))
            assert done.exit_code == 0
            assert "unknown" in done.stdout
            assert "s3cret" not in done.stdout


def test_failure_reads_what_was_recorded(slipway: Slipway, tmp_path: Path) -> None:
    (tmp_path / "failure.json").write_text(json.dumps(FAILURE))
    done = slipway("ci", "failure", "--stage", "Integrate", "--output-dir", str(tmp_path))
    assert done.exit_code == 0
    assert "BUILD FAILED" in done.stdout
    assert "Error:         2 tests failed" in done.stdout


def test_failure_asks_a_server_that_is_away(
    slipway: Slipway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S2-29: the box is printed, and says why it knows no more."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("BUILD_TAG", "jenkins-shop-17")
    done = slipway("ci", "failure", "--stage", "Release", "--output-dir", str(tmp_path))
    assert done.exit_code == 0
    assert "the Prefect server did not answer" in done.stdout


def test_failure_without_any_record_says_so(slipway: Slipway, tmp_path: Path) -> None:
    done = slipway("ci", "failure", "--stage", "Checkout", "--output-dir", str(tmp_path))
    assert "nothing was recorded" in done.stdout
