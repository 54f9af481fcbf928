"""Places where runtime secrets can be kept; one of each for all tests."""

from collections.abc import Iterator

import pytest

from tests.fakes.vault import FakeVault
from tests.rig.moto import moto_server
from tests.rig.prefect_api import PrefectApi, prefect_api
from tests.rig.vault_server import a_vault


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a `moto_server`."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeVault]:
    """Our fake, or a real one."""
    with a_vault(tmp_path_factory.mktemp("vault")) as vault:
        yield vault


@pytest.fixture(scope="session")
def guarded_prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectApi]:
    """A Prefect server that asks for its auth string."""
    with prefect_api(tmp_path_factory.mktemp("guarded-prefect")) as api:
        yield api
