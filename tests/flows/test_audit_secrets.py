"""The scheduled audit of runtime secrets, with a real Prefect server (S0-12, S0-17, S0-19)."""

import asyncio
from pathlib import Path

import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from blocks.secrets.former import FormerBlocks
from flows.audit_secrets import audit_secrets
from slipway.errors import Refused, Unreachable
from tests.fakes.secret_site import SecretSite, make_secret_site

pytestmark = pytest.mark.prefect
CANARY = "postgres://canary-value"


@pytest.fixture
async def shop(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretSite:
    """Two environments with secrets that are well."""
    made = make_secret_site(tmp_path)
    monkeypatch.setattr("flows.audit_secrets.Installation", lambda: made)
    for where in ("dev", "prod"):
        made.put(where, database_url=CANARY, api_keys="canary-a,canary-b")
        await made.deploy(where)
    return made


async def page(app: str = "shop") -> str:
    key = ArtifactFilterKey(any_=[f"secrets--{app}"])
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    return str(max(found, key=lambda one: one.created).data)


async def events(name: str) -> list[dict]:
    """Events of that name, once the first is there."""
    body = {"filter": {"event": {"name": [name]}}, "limit": 50}
    for _ in range(100):
        async with get_client() as client:
            found = (await client._client.post("/events/filter", json=body)).json()["events"]
        if found:
            return list(found)
        await asyncio.sleep(0.2)
    return []


async def test_all_is_well(shop: SecretSite) -> None:
    shop.vault("prod").reads.clear()
    assert await audit_secrets(app="") == [
        "shop/dev: 2 secrets, 0 with findings",
        "shop/prod: 2 secrets, 0 with findings",
    ]
    text = await page()
    assert "| database-url | team-data | 1 | 0 | 90 |" in text
    assert "canary" not in text
    assert shop.vault("prod").reads == []


async def test_a_crossing_is_red_and_told(shop: SecretSite) -> None:
    shop.put("prod", docker_registry_password="canary-push", orphan="canary-orphan")
    with pytest.raises(Refused, match="docker-registry-password"):
        await audit_secrets(app="shop")
    assert "of the build tier" in await page()
    told = await events("slipway.secrets.of-the-build-tier")
    assert told[0]["payload"]["secrets"] == ["docker-registry-password"]
    assert told[0]["resource"]["prefect.resource.id"] == "slipway.target.shop.prod"
    unused = await events("slipway.secrets.unused")
    assert unused[0]["payload"]["secrets"] == ["docker-registry-password", "orphan"]
    assert "canary" not in str([*told, *unused])


async def test_a_registry_password_among_the_blocks_is_red(shop: SecretSite) -> None:
    """S0-15: it lies beside the targets, in the store that everybody used before."""
    await Secret(value="canary-push").save("docker-registry-password")
    try:
        assert "docker-registry-password" in FormerBlocks().names()
        with pytest.raises(Refused, match="beside the targets"):
            await audit_secrets(app="shop")
    finally:
        FormerBlocks().delete("docker-registry-password")
    assert "docker" in await page()
    assert FormerBlocks().names() == []


async def test_what_cannot_be_read_hides_no_other_target(shop: SecretSite) -> None:
    shop.vault("dev").fault = Unreachable("the store is away")
    with pytest.raises(Unreachable):
        await audit_secrets(app="shop")
    text = await page()
    assert "Not audited: the store is away" in text
    assert "| database-url | team-data |" in text
