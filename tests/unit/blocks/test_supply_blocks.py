"""The blocks of registry, builder and scanner open what the rest works with."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from blocks.registries.prefect import OciRegistry
from blocks.scanners.prefect import TrivyScanner
from blocks.scanners.trivy import Trivy
from tests.fakes.registry import PASSWORD, USER, FakeRegistry, serving


def test_a_saved_registry_is_read_with_its_login() -> None:
    with serving(FakeRegistry(auth="basic")) as fake:
        digest = fake.put("one", b"{}")
        block = OciRegistry(host=fake.host, username=USER, password=SecretStr(PASSWORD))
        with block.connect() as registry:
            assert registry.head("app", "one") == digest
    assert PASSWORD not in repr(block)


@pytest.mark.parametrize("host", ["", "http://r.example", "r.example/path", "u@r.example"])
def test_a_registry_is_a_host(host: str) -> None:
    with pytest.raises(ValidationError):
        OciRegistry(host=host)


def test_a_saved_scanner() -> None:
    block = TrivyScanner(cache=Path("/c"), minutes=2)
    assert block.open() == Trivy("trivy", Path("/c"), 120)
