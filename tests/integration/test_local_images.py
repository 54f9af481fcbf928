"""What builds leave in an agent's engine, and its removal, on a real engine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from blocks.builders.local_images import remove_built
from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import Rig

pytestmark = pytest.mark.engine
LATER = datetime.now(UTC) + timedelta(days=1)


async def test_images_of_the_app_go_once_they_are_old(rig: Rig, tmp_path: Path) -> None:
    """S2-20: young ones are the cache; an app whose name only begins alike keeps its own."""
    agent = BuildWorld(rig, tmp_path)
    agent.commit()
    built = await agent.build()
    name = f"{agent.host}/{built.path}:{built.key_tag}"
    assert remove_built(rig.engine, datetime.now(UTC) - timedelta(hours=24), agent.name) == []
    assert remove_built(rig.engine, LATER, agent.name[:-1]) == []
    assert rig.engine.images.get(name).id == built.image_id
    assert remove_built(rig.engine, LATER, agent.name) == [name]
    with pytest.raises(ImageNotFound):
        rig.engine.images.get(name)


async def test_an_image_that_a_container_uses_stays(rig: Rig, tmp_path: Path) -> None:
    """S2-20, N12: also of a stopped one, which an instant way back may need."""
    agent = BuildWorld(rig, tmp_path)
    agent.commit()
    built = await agent.build()
    name = f"{agent.host}/{built.path}:{built.key_tag}"
    container = rig.engine.containers.create(name, ["true"])
    try:
        assert remove_built(rig.engine, LATER, agent.name) == []
        assert rig.engine.images.get(name).id == built.image_id
    finally:
        container.remove(v=True)
