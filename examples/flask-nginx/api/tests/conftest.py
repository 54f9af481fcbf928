"""A service with its secret in place, as a release gives it."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from links import create_app


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "link-key").write_text("k" * 32)
    return tmp_path


@pytest.fixture
def client(secrets: Path) -> FlaskClient:
    return create_app(secrets).test_client()
