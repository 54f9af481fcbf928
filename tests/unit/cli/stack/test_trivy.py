"""Which Trivy may be used."""

from pathlib import Path

import pytest

from slipway.cli.stack.trivy import DENIED_VERSIONS, VERSION, install_trivy, refuse_denied
from slipway.errors import Refused, SlipwayError


@pytest.mark.parametrize("version", ["0.50.0", "0.69.3", "0.69.7", VERSION, "v0.70.0"])
def test_other_versions_are_taken(version: str) -> None:
    refuse_denied("trivy", f"Version: {version}\nVulnerability DB:\n  Version: 2\n")


@pytest.mark.parametrize(
    "text", [*(f"Version: {v}\n" for v in sorted(DENIED_VERSIONS)), "", "hello"]
)
def test_malicious_and_unknown_versions_are_refused(text: str) -> None:
    with pytest.raises(Refused, match="must not be used"):
        refuse_denied("trivy", text)


def test_a_replaced_binary_is_refused_before_it_runs(tmp_path: Path) -> None:
    binary = tmp_path / "trivy"
    binary.write_text("#!/bin/sh\ntouch ran\n")
    binary.chmod(0o755)
    with pytest.raises(SlipwayError, match="is not the trivy that is pinned"):
        install_trivy(tmp_path, print)
