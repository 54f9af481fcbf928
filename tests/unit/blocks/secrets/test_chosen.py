"""SLIPWAY_SECRETS chooses the store, and says what there is (S0-06)."""

from pathlib import Path

import pytest

from blocks.secrets.chosen import ALLOWED, SAVED, open_store
from blocks.secrets.files import FileSecrets
from blocks.secrets.prefect import PrefectStore
from slipway.errors import BadInput
from slipway.release import Target

TARGET = Target(app="shop", environment="prod")


def test_prefect_and_files_need_no_block() -> None:
    assert open_store("prefect", TARGET) == PrefectStore("shop--prod")
    assert open_store("files:/run/secrets", TARGET) == FileSecrets(Path("/run/secrets"), TARGET)


@pytest.mark.parametrize(
    "chosen",
    [
        *("", "vault", "vault:", "files:", "Prefect", "prefect:block", "aws:prod", "file:///x"),
        *("aws-secrets-manager", "aws-parameter-store:", "env", "x" * 500, "vault\n:x"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(chosen: str) -> None:
    with pytest.raises(BadInput, match="SLIPWAY_SECRETS") as refused:
        open_store(chosen, TARGET)
    assert refused.value.allowed == ALLOWED
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("kind", ["vault", "aws-secrets-manager", "files"])
def test_a_kind_without_its_name_says_what_lacks(kind: str) -> None:
    with pytest.raises(BadInput) as refused:
        open_store(f"{kind}:", TARGET)
    assert refused.value.next_step == f"add what comes after {kind}:"


def test_every_kind_is_told() -> None:
    assert all(f"{kind}:BLOCK" in ALLOWED for kind in SAVED)
