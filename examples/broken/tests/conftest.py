"""A service with its secret in place, as a release gives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from vouchers.main import app
from vouchers.settings import Settings, rates, settings


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "voucher-key").write_text("k" * 32)
    return tmp_path


@pytest.fixture
def client(secrets: Path) -> Iterator[TestClient]:
    # The cache lives for a second, and a busy machine may need longer for all tests together.
    rates.cache_clear()
    app.dependency_overrides[settings] = lambda: Settings(secrets=secrets)
    with TestClient(app) as client:
        yield client
    app.dependency_overrides.clear()
