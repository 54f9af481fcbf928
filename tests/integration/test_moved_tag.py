"""What runs is the digest that was scanned and signed, on a real engine and registry."""

import pytest

from blocks.platforms import docker_names as names
from slipway.cli.stack.images import push_image
from tests.rig.docker_rig import CREDENTIALS
from tests.rig.shells import Shell

pytestmark = pytest.mark.engine


def running_images(shell: Shell) -> set[str]:
    """What the registry calls the images of the app's containers, the proxy left out."""
    engine = shell.rig.docker.engine
    labels = names.target_labels(shell.app.target("dev"))
    filters: dict[str, str | list[str] | bool] = {**names.label_filter(labels)}
    found = [c for c in engine.containers.list(filters=filters) if names.SERVICE in c.labels]
    return {name for container in found for name in container.image.attrs["RepoDigests"]}


def test_a_tag_that_moved_since_the_scan_changes_nothing(shell: Shell) -> None:
    """F3: the tag names another image by now, in the registry and on the engine."""
    rig, signed = shell.rig.docker, shell.rig.image
    candidate = shell.app.candidate("one")
    other = rig.push_testapp("moved")
    tag, target = f"slipway-test/app-{rig.port}:moved", f"127.0.0.1:{rig.port}/testapp:one"
    moved = push_image(rig.engine, tag, target, CREDENTIALS)
    assert moved.partition("@")[2] == other.partition("@")[2] != signed.partition("@")[2]
    shell.run("deploy", candidate, "dev")
    found = running_images(shell)
    assert signed in found
    assert other not in found
    assert "unchanged" in shell.run("deploy", candidate, "dev")
