"""Images built and pushed by a real engine into a real registry."""

import json
import uuid
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.build_tier import BuildTier
from blocks.builders.client import Way
from blocks.builders.engine import push
from blocks.builders.keys import recall, remember
from blocks.registries.transport import Credentials
from slipway.dsse import public_pem
from slipway.errors import AccessDenied, BuildFailed, ImageMissing, Refused, TagMoved, Tampered
from slipway.names import Reference
from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import Rig

pytestmark = pytest.mark.engine
CANARY = "canary-b7e1f0c2d94a5b6e"


@pytest.fixture
def agent(rig: Rig, tmp_path: Path) -> BuildWorld:
    return BuildWorld(rig, tmp_path)


def push_web(tier: BuildTier, path: str, image_id: str) -> str:
    with tier.registry() as registry:
        return push(tier.engine, registry, path, image_id, tier.credentials)


async def test_the_digest_is_the_one_that_the_registry_answers(agent: BuildWorld) -> None:
    """S1-20: engine and registry agree, and the manifest leads to what was built."""
    agent.commit()
    tier = agent.tier()
    built = await agent.build(tier)
    digest = push_web(tier, built.path, built.image_id)
    with tier.registry() as registry:
        assert registry.head(built.path, digest) == digest
        assert registry.manifest(built.path, digest).config_digest == built.image_id


async def test_pushing_again_moves_nothing(agent: BuildWorld) -> None:
    """E7: also when the first push died before anything was remembered of it."""
    agent.commit()
    tier = agent.tier()
    built = await agent.build(tier)
    first = push_web(tier, built.path, built.image_id)
    with tier.registry() as registry:
        tags = registry.tags(built.path)
        assert push_web(tier, built.path, built.image_id) == first
        assert registry.tags(built.path) == tags


async def test_inputs_lead_to_the_image_on_any_agent(agent: BuildWorld) -> None:
    """E7: the registry remembers, signed; another agent with the same key finds it."""
    agent.commit()
    tier, plan = agent.tier(), agent.plan()
    built = await agent.build(tier)
    with tier.registry() as registry:
        assert recall(registry, plan.path, plan.inputs, tier.trusted) is None
        digest = push_web(tier, built.path, built.image_id)
        image = Reference(f"{agent.host}/{plan.path}", digest)
        remember(registry, image, plan.inputs, tier.key)
        elsewhere = agent.tier()
        assert recall(registry, plan.path, agent.plan().inputs, elsewhere.trusted) == digest


async def test_after_a_change_of_the_key_the_old_one_can_count(agent: BuildWorld) -> None:
    """E7: or else everything would have to be built again, over tags that never move."""
    agent.commit()
    old, plan = agent.tier(), agent.plan()
    built = await agent.build(old)
    with old.registry() as registry:
        digest = push_web(old, built.path, built.image_id)
        image = Reference(f"{agent.host}/{plan.path}", digest)
        remember(registry, image, plan.inputs, old.key)
        keys = agent.folder / "earlier.pem"
        keys.write_bytes(public_pem(old.key.public_key()))
        agent.change_key()
        with pytest.raises(Tampered):
            recall(registry, plan.path, plan.inputs, agent.tier().trusted)
        new = agent.tier(trusted_keys=str(keys))
        assert recall(registry, plan.path, plan.inputs, new.trusted) == digest


async def test_a_planted_image_is_not_taken_for_ours(agent: BuildWorld, testapp: str) -> None:
    """F3, F9: who may push could set the tag of a key, but cannot sign for it."""
    agent.commit()
    tier, plan = agent.tier(), agent.plan()
    built = await agent.build(tier)
    digest = push_web(tier, built.path, built.image_id)
    with tier.registry() as registry:
        registry.tag(plan.path, digest, plan.inputs.tag)
        with pytest.raises(Tampered, match="was not put there by this builder"):
            recall(registry, plan.path, plan.inputs, tier.trusted)


async def test_a_moved_key_is_not_taken_for_ours(agent: BuildWorld) -> None:
    """F3: a true statement about one image says nothing of another."""
    agent.commit()
    tier, one = agent.tier(), agent.plan()
    first = await agent.build(tier)
    image = Reference(f"{agent.host}/{one.path}", push_web(tier, one.path, first.image_id))
    agent.commit(files={"more": "1"})
    two = agent.plan()
    with tier.registry() as registry:
        remember(registry, image, one.inputs, tier.key)
        registry.tag(one.path, image.digest, two.inputs.tag)
        with pytest.raises(Tampered):
            recall(registry, two.path, two.inputs, tier.trusted)


async def test_a_tag_of_another_image_is_refused(agent: BuildWorld) -> None:
    """F3: a commit's tag is never written over."""
    agent.commit()
    tier = agent.tier()
    first = await agent.build(tier)
    agent.commit(files={"more": "1"})
    second = await agent.build(tier)
    digests = [push_web(tier, i.path, i.image_id) for i in (first, second)]
    with tier.registry() as registry:
        registry.tag(first.path, digests[0], "v1.0.0")
        with pytest.raises(TagMoved):
            registry.tag(first.path, digests[1], "v1.0.0")
        assert registry.head(first.path, "v1.0.0") == digests[0]


async def test_a_base_that_moved_is_another_input(agent: BuildWorld, rig: Rig) -> None:
    """F9: same Dockerfile, other base; the build is pinned to what was resolved."""
    base = f"{agent.host}/base/{agent.name}:1"
    agent.commit(dockerfile=f"FROM {base}\nCOPY . /app/\n")
    keys, froms = [], []
    for flavour in ("slipway/python:3.11", "slipway/proxy:2.6"):
        rig.engine.api.tag(flavour, base.rpartition(":")[0], "1")
        rig.images.append(base)
        login = {"username": "tester", "password": "tester-registry-password"}
        list(rig.engine.api.push(base, stream=True, decode=True, auth_config=login))
        plan = agent.plan()
        keys.append(plan.inputs.key)
        froms.append(plan.dockerfile.splitlines()[0])
    assert len(set(keys)) == 2
    assert all(line.startswith(f"FROM {base[:-2]}@sha256:") for line in froms)


async def test_a_base_of_a_registry_with_passwords_is_built_on(
    agent: BuildWorld, rig: Rig, testapp: str
) -> None:
    """G8: the engine fetched it; the build itself was given no login."""
    agent.commit(dockerfile=f"FROM {testapp}\nCOPY . /more/\n")
    rig.unpull(testapp)
    built = await agent.build()
    assert built.image_id.startswith("sha256:")


async def test_a_base_that_is_nowhere(agent: BuildWorld) -> None:
    agent.commit(dockerfile=f"FROM {agent.host}/base/none:1\n")
    with pytest.raises(ImageMissing, match="is nowhere"):
        agent.plan()


async def test_build_arguments_are_passed_literally(agent: BuildWorld) -> None:
    """G1, G2."""
    evil = "$(touch /tmp/x); `id` && --help"
    agent.commit(
        dockerfile="FROM slipway/python:3.11\nARG V\nLABEL v=${V}\n",
        image=f", build_args: {{V: {json.dumps(evil)}}}",
    )
    tier = agent.tier()
    built = await agent.build(tier)
    assert tier.engine.images.get(built.image_id).labels["v"] == evil


async def test_a_build_secret_is_nowhere_in_the_image(agent: BuildWorld) -> None:
    """G9: read by a RUN step, and in no layer, no history, no setting, no line of the log."""
    (agent.folder / "secrets").mkdir()
    (agent.folder / "secrets" / "token").write_text(CANARY)
    read = "import hashlib; t = open('/run/secrets/token').read(); "
    say = "print('read', hashlib.sha256(t.encode()).hexdigest()[:8], len(t))"
    agent.commit(
        dockerfile="FROM slipway/python:3.11\nUSER 0\n"
        f"ENV ATTEMPT={uuid.uuid4().hex}\n"  # an earlier run's cached step would say nothing
        f'RUN --mount=type=secret,id=token ["python3", "-c", "{read}{say}"]\nUSER 65532\n',
        image=", build_secrets: [token]",
    )
    tier, said = agent.tier(), list[str]()
    built = await agent.build(tier, said.append)
    image = tier.engine.images.get(built.image_id)
    assert any(f"{len(CANARY)}" in line and "read" in line for line in said)
    assert CANARY not in json.dumps([said, image.attrs, image.history()])
    assert CANARY.encode() not in b"".join(image.save())


async def test_a_build_that_fails_says_why(agent: BuildWorld) -> None:
    agent.commit(dockerfile='FROM slipway/python:3.11\nRUN ["python3", "-c", "1/0"]\n')
    with pytest.raises(BuildFailed) as caught:
        await agent.build()
    assert any("ZeroDivisionError" in line for line in caught.value.evidence)
    assert caught.value.stage == "build"


async def test_the_classic_builder_where_there_is_no_buildkit(agent: BuildWorld) -> None:
    agent.commit(dockerfile="FROM slipway/python:3.11\nARG V=1\nLABEL v=$V\nCOPY . /app/\n")
    tier = agent.tier()
    tier.builder._way = Way(None)
    built = await agent.build(tier)
    assert tier.engine.images.get(built.image_id).labels["v"] == "1"
    agent.commit(dockerfile='FROM slipway/python:3.11\nRUN ["python3", "-c", "1/0"]\n')
    with pytest.raises(BuildFailed):
        await agent.build(tier)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
async def test_a_context_that_reaches_outside_is_refused(agent: BuildWorld, target: str) -> None:
    """F10: committed links, too."""
    (agent.source.folder / "link").symlink_to(target)
    agent.commit()
    with pytest.raises(Refused, match="reaches outside itself at 'link'"):
        await agent.build()


async def test_a_wrong_password_is_told_without_it(agent: BuildWorld) -> None:
    """G8: errors come as events of the push."""
    agent.commit()
    good = agent.tier()
    built = await agent.build(good)
    wrong = Credentials("tester", SecretStr(CANARY))
    with good.registry() as registry, pytest.raises(AccessDenied) as caught:
        push(good.engine, registry, built.path, built.image_id, wrong)
    assert CANARY not in f"{caught.value} {caught.value.evidence} {caught.value.next_step}"
