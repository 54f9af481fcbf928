"""One Prefect server for all flow tests, and a site in memory for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from tests.fakes.site import Site, make_site

STORIES = ("deploy", "promote", "recover", "release", "rollback", "rollback_drill", "verify")


@pytest.fixture(scope="package")
def server() -> Iterator[None]:
    """Down again before other tests run: they must find no server in the settings."""
    with (
        prefect_test_harness(server_startup_timeout=90),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture
def site(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = make_site(tmp_path)
    for story in STORIES:
        monkeypatch.setattr(f"flows.{story}.Installation", lambda: site)
    return site
