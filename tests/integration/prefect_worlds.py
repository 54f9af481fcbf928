"""Worlds with a Prefect server, a worker and a keeper of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.docker_rig import Rig
from tests.rig.prefect_rig import App, PrefectRig
from tests.unit.slipway.conftest import keys, sign

__all__ = ["app", "keys", "prefect_rig", "sign"]


@pytest.fixture(scope="session")
def prefect_rig(
    rig: Rig, testapp: str, keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrefectRig]:
    """Everything that `make up` starts, for all tests."""
    made = PrefectRig(rig, tmp_path_factory.mktemp("prefect"), testapp, keys / "allowed")
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def app(prefect_rig: PrefectRig) -> Iterator[App]:
    """An app of the test's own; what it released is removed afterwards."""
    made = App(prefect_rig)
    try:
        yield made
    finally:
        made.close()
