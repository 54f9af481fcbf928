"""G7: an analysis asks the servers of the installation alone, whatever an app file says."""

from pathlib import Path

import pytest

from blocks.compose import Installation
from slipway.candidate import Candidate, build_candidate
from slipway.errors import Refused
from slipway.names import Reference
from slipway.opening import Order
from slipway.settings import RuntimeSettings
from slipway.source import Source
from tests.fakes.platform import MemoryPlatform

APPFILE = b"""
app: shop
images: {web: {port: 8000}}
environments:
  prod:
    port: 8001
    analysis:
      measured:
        prometheus:
          {address: "http://metrics.example.org:9090", query: up, comparison: ">", threshold: "0"}
"""


def candidate() -> Candidate:
    image = Reference("127.0.0.1:5055/shop/web", "sha256:" + "1" * 64)
    source = Source(repository="local", revision="ab" * 20, author="ann@example.org")
    return build_candidate(APPFILE, source, {"web": image})


def order(folder: Path, hosts: str) -> Order:
    settings = RuntimeSettings(state=folder, actor="ann@example.org", analysis_hosts=hosts)
    site = Installation(settings, lambda settings, name: MemoryPlatform())
    return site.release(candidate(), "prod", "ann@example.org").order()


def test_an_installation_that_names_no_server_lets_none_be_asked(tmp_path: Path) -> None:
    """G7: before there is a plan, and so before anything is claimed or changed."""
    with pytest.raises(Refused, match=r"found: 'metrics\.example\.org:9090'; allowed: none"):
        order(tmp_path, "")
    assert not list(tmp_path.rglob("*.json"))


def test_one_that_names_it_does(tmp_path: Path) -> None:
    assert order(tmp_path, "metrics.example.org:9090").spec.analysis
