"""Where a Dockerfile takes its bytes from, from a table (F9, F10, G1, G2)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.builders.dockerfile import base_images, check_arguments, with_pinned_bases
from slipway.errors import Refused, SlipwayError

CASES = yaml.safe_load(Path("tests/cases/dockerfile.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_base_images(case: dict[str, Any]) -> None:
    arguments = case.get("arguments", {})
    if "refused" in case:
        with pytest.raises(SlipwayError, match=case["refused"]):
            base_images(case["text"], arguments)
        return
    assert base_images(case["text"], arguments) == case["bases"]
    pinned = {base: f"{base}@sha256:{'a' * 64}" for base in case["bases"]}
    text = with_pinned_bases(case["text"], arguments, pinned)
    assert base_images(text, arguments) == list(pinned.values())


def test_pinning_changes_nothing_but_the_name() -> None:
    text = "ARG B=debian:12\nFROM --platform=linux/amd64 $B AS a\n# debian:12\nRUN echo $B\n"
    pinned = with_pinned_bases(text, {}, {"debian:12": "debian@sha256:1"})
    assert pinned == text.replace("linux/amd64 $B", "linux/amd64 debian@sha256:1")


def test_arguments_that_steer_the_builder_are_refused() -> None:
    """F10: BUILDKIT_SYNTAX is a `# syntax=` line by another door."""
    check_arguments({"BASE": "x", "SYNTAX": "y"})
    for name in ("BUILDKIT_SYNTAX", "buildkit_inline_cache"):
        with pytest.raises(Refused, match="steer the builder"):
            check_arguments({name: "x"})
