"""A release that is put together from an installation leaves a record of what it reads (S0-12)."""

import asyncio
from pathlib import Path

import pytest

from slipway.access import FORMAT_CHECKED, accesses
from slipway.errors import SecretMissing
from slipway.release import Target
from tests.fakes.secret_site import APPFILE, SecretSite, make_secret_site

TARGET = Target(app="shop", environment="dev")
URL = "postgresql://user:canary@db.example.org/shop"


@pytest.fixture
def site(tmp_path: Path) -> SecretSite:
    site = make_secret_site(tmp_path)
    site.put("dev", database_url=URL, api_keys="key1,key2")
    return site


def check_formats(site: SecretSite, version: str = "a") -> None:
    """What admission does before anything is changed."""
    release = site.release(site.candidate(site.push(version, APPFILE)), "dev", "ci")
    release._formats(release.order())


def told(site: SecretSite) -> list[tuple[str, str, str, dict[str, str]]]:
    found = accesses(site.ledger(TARGET).records())
    return [(one.why, one.stage, one.requested_by, one.secrets) for one in found]


def test_a_format_check_is_an_access_and_is_told_before_it_reads(site: SecretSite) -> None:
    check_formats(site)
    wanted = {"api-keys": "2", "database-url": "1"}
    assert told(site) == [(FORMAT_CHECKED, "admit", "ci", wanted)]
    assert sorted(site.vault("dev").reads) == sorted(wanted.items())


def test_what_serves_is_neither_read_nor_told_again(site: SecretSite) -> None:
    asyncio.run(site.deploy("dev"))
    site.put("dev", api_keys="key3")
    before = len(told(site))
    check_formats(site, "b")
    assert [secrets for *_, secrets in told(site)[before:]] == [{"api-keys": "3"}]


def test_a_refused_format_was_an_access_too(site: SecretSite) -> None:
    site.put("dev", database_url="canary")
    with pytest.raises(SecretMissing) as refused:
        check_formats(site)
    assert len(told(site)) == 1
    assert "canary" not in str(refused.value)
    records = site.ledger(TARGET).records()
    assert not [record for record in records if b"canary" in record.data]


def test_the_store_is_opened_once_for_a_release(
    site: SecretSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store behind a block logs in each time that it is opened."""
    opened: list[Target] = []
    real = type(site).secrets

    def counting(self: SecretSite, target: Target) -> object:
        opened.append(target)
        return real(self, target)

    asyncio.run(site.deploy("dev"))
    site.put("dev", database_url=URL, api_keys="key4")
    monkeypatch.setattr(type(site), "secrets", counting)
    asyncio.run(site.deploy("dev", "b"))
    assert len(opened) == 2  # for the versions, and for all reads of the engine
