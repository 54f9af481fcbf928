"""The scheduled drift watch, with a real Prefect server (N17, B8)."""

import asyncio
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.watch_drift import watch_drift
from slipway.errors import Refused, Unreachable
from slipway.platform import Observation
from slipway.release import Target
from tests.fakes.secret_site import SecretSite, make_secret_site

pytestmark = pytest.mark.prefect


@pytest.fixture
async def shop(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretSite:
    """Two environments that run what was released."""
    made = make_secret_site(tmp_path)
    monkeypatch.setattr("flows.watch_drift.Installation", lambda: made)
    for where in ("dev", "prod"):
        made.put(where, database_url="postgres://one", api_keys="a,b")
        await made.deploy(where)
    return made


def set_by_hand(shop: SecretSite, where: str, **fields: str) -> None:
    """What the target shows from now on; underscores stand for dots."""
    place = shop.place(where)
    real = place.observe(Target(app="shop", environment=where))
    found = {**real.fields, **{name.replace("_", "."): text for name, text in fields.items()}}
    place.observe = lambda target: Observation(found, "by hand", real.serving)  # type: ignore[method-assign]


async def page() -> str:
    key = ArtifactFilterKey(any_=["drift--shop"])
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    return str(max(found, key=lambda one: one.created).data)


async def events() -> list[dict]:
    """What was told, once the first is there."""
    body = {"filter": {"event": {"name": ["slipway.drift.found"]}}, "limit": 50}
    for _ in range(100):
        async with get_client() as client:
            found = (await client._client.post("/events/filter", json=body)).json()["events"]
        if found:
            return list(found)
        await asyncio.sleep(0.2)
    return []


async def test_what_runs_as_released_is_green(shop: SecretSite) -> None:
    assert await watch_drift(app="") == ["shop/dev: as recorded", "shop/prod: as recorded"]
    assert "## prod\n\nas recorded" in await page()


async def test_a_change_by_hand_is_red_shown_and_told_and_not_mended(shop: SecretSite) -> None:
    """N17: within one interval; mending goes through the gated path, by a person."""
    set_by_hand(shop, "prod", web_replicas="5")
    target = Target(app="shop", environment="prod")
    before = shop.ledger(target).records()
    with pytest.raises(Refused, match=r"web\.replicas: wanted 1, found 5"):
        await watch_drift(app="shop")
    text = await page()
    assert "| web.replicas | 1 | 5 |  |" in text
    assert "Next: slipway deploy" in text
    assert "## dev\n\nas recorded" in text
    (told,) = await events()
    assert told["resource"]["prefect.resource.id"] == "slipway.target.shop.prod"
    assert told["payload"]["fields"][0]["field"] == "web.replicas"
    assert told["payload"]["next"].endswith(" prod")
    assert shop.ledger(target).records() == before


async def test_a_target_that_is_away_hides_no_other(shop: SecretSite) -> None:
    def observe(target: Target) -> Observation:
        raise Unreachable("the engine is away")

    shop.place("dev").observe = observe  # type: ignore[method-assign]
    set_by_hand(shop, "prod", web_replicas="5")
    with pytest.raises(Refused, match="shop/prod"):
        await watch_drift(app="shop")
    assert "not compared: the engine is away" in await page()
